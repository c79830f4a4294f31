"""What the process holds from which commands are forked: the command line, Great Expectations, and what draws."""

from matplotlib import dates, figure  # noqa: F401

import hub.cli
import hub.gate.great
import hub.migration.proof.proving
import hub.migration.run

hub.gate.great.great_expectations()
