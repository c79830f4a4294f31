"""Who may say GO: the plan's approvers, each with an account in Airflow where one is written behind the name."""

import re
import unicodedata
from dataclasses import dataclass

from hub.errors import Refused
from hub.migration.plans.plan import Plan

_WITH_ACCOUNT = re.compile(r"(?P<name>[^<>]+?)\s*<(?P<account>[^<>\s]+)>")


@dataclass(frozen=True, slots=True)
class Approver:
    """A person or an office; `account` is the id with which they log in to Airflow.

    >>> from_words("Nguyễn Thị Lan <lan.nt>")
    Approver(name='Nguyễn Thị Lan', account='lan.nt')
    """

    name: str
    account: str | None = None


def from_words(words: str) -> Approver:
    """`name` or `name <account>` as the plan writes it."""
    found = _WITH_ACCOUNT.fullmatch(words.strip())
    return Approver(found["name"], found["account"]) if found else Approver(words.strip())


def approvers_of(plan: Plan) -> list[Approver]:
    """In the plan's order."""
    return [from_words(words) for words in plan.approvers]


def must_be_approver(plan: Plan, by: str, *, account: str | None = None) -> Approver:
    """The approver of this name, whatever its case; or the one whose account answered.

    Raises:
        Refused: the plan names others.
    """
    known = approvers_of(plan)
    for one in known:
        if (account and one.account == account) or _folded(one.name) == _folded(by):
            return one
    raise Refused(
        f"'{by}' is not among those who may decide",
        where=f"migrations/{plan.slug}.yaml · approvers",
        next_step=f"Nothing was changed. It is for: {'; '.join(one.name for one in known)}.\n"
        "  Who else may decide is written in the plan, before the cutover begins.",
    )


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())
