"""KPI of QĐ 766/QĐ-TTg: what counts, what does not and why, and what would make it count. The truth is never bent."""

from hub.kpi.judging import Month
from hub.kpi.measuring import Kpi, Line, measured
from hub.kpi.model import INDICATORS, Figure, Indicator, Name
from hub.kpi.reasons import OUTSIDE, Why, why

__all__ = ["INDICATORS", "OUTSIDE", "Figure", "Indicator", "Kpi", "Line", "Month", "Name", "Why", "measured", "why"]
