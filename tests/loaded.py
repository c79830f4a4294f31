"""What the process holds from which commands are forked: the command line, what draws, and what workers hold."""

import gc

from matplotlib import dates, figure  # noqa: F401

import hub.cli
import hub.migration.proof.proving
import hub.migration.reading.loaded
import hub.migration.run  # noqa: F401

gc.freeze()
