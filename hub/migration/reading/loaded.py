"""What the process holds from which workers are forked: loading Great Expectations costs more than reading a month."""

import hub.gate.great
import hub.migration.reading.one_chunk

hub.gate.great.great_expectations()
