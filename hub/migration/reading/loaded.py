"""What the process holds from which workers are forked: loading it costs more than reading a month."""

import gc
from datetime import date

import hub.gate.great
import hub.migration.reading.one_chunk
from hub.working_days import is_working_day
from mappings.units import units

hub.gate.great.great_expectations()
units()
is_working_day(date(2026, 7, 1))  # loads the calendar
gc.freeze()  # so that no fork walks, and so copies, what it shares
