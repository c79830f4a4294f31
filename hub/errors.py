"""What can go wrong in the hub itself, grouped by who must act. Peers' errors are in connectors.errors.

HubError
├── ConfigurationError    the engineer: a file, a connection or an option is wrong
│   └── NotYet            nobody: another flow brings what is missing
├── StageFailed           the operator: a stage ended at a named place; what landed stays, the next run resumes
│   └── Busy              the operator: another process works on this province now
├── Refused               the operator: what was asked for may not be done as things stand; nothing was done
└── CheckBroken           us: an expectation moved other rows than it counted
"""

__all__ = ["Busy", "CheckBroken", "ConfigurationError", "HubError", "NotYet", "Refused", "StageFailed"]


class HubError(Exception):
    """An error that a person can act on: what happened, where, and the next step."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what, self.where, self.next_step = what, where, next_step
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.next_step}" if self.next_step else head


class ConfigurationError(HubError):
    """A province file, a connection or a setting that cannot be used as it stands."""


class NotYet(ConfigurationError):
    """Something that another flow brings is not there yet; time mends it where that flow is scheduled."""


class StageFailed(HubError):
    """A stage stopped; `where` names province, stream and page."""


class GateStopped(StageFailed):
    """A rule of level stop failed, and nobody has accepted it."""


class Busy(StageFailed):
    """Another process holds this province."""


class Refused(HubError):
    """The answer is no: what was asked for may not be done now. It says what that means and what may be done."""


class CheckBroken(HubError):
    """The rows that an expectation's query moved are not the rows it counted."""
