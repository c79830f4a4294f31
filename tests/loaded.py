"""What the process holds from which commands are forked: the command line and Great Expectations."""

import hub.cli
import hub.gate.great

hub.gate.great.great_expectations()
