"""One dossier as plain values: what the renderers that need no speed rename into their vendors' words.

All that was planted dirty is in the values already (a blank text, a time of year 202, steps out of order, a link that
nobody can follow), except a status that no list knows, for which each vendor has its own word: `unknown_status`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sandbox import calendar, people
from sandbox.dossiers import Dossier, Generator
from sandbox.procedures import LocalProcedure, codes_of, fee_of, result_of
from sandbox.provinces import Office, Place

ZONE = timezone(timedelta(hours=7))
"""Viet Nam's, also in the year 202: the zone's own history begins with another offset."""
LISTED_AT = datetime(2026, 3, 2, 9, tzinfo=ZONE)
"""When every row of a provincial procedure list (`Generator.listing.listed`) last changed."""


@dataclass(frozen=True, slots=True)
class PlainStep:
    """One progress step; `at` is None where its time got lost, `due` where the step has no end."""

    at: datetime | None
    status: int
    variant: int
    officer: str
    title: str
    unit: str
    content: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class PlainDocument:
    """One file handed in; `reused` is 0, 1 or 2 as in DuocTaiSuDung."""

    component: str
    component_name: str
    file_name: str
    url: str
    digitised: bool
    reused: int


@dataclass(frozen=True, slots=True)
class PlainFee:
    """One fee in đồng; `paid` when it was paid online."""

    code: str
    name: str
    amount: int
    paid: bool


@dataclass(frozen=True, slots=True)
class PlainResult:
    """One result paper."""

    code: str
    name: str
    file_name: str
    url: str


@dataclass(frozen=True, slots=True)
class PlainDossier:
    """A record as it is served: blank texts are "", times carry +07:00 or are None.

    `number` gives the record its id: two rows of one code have two numbers when they contradict each other, one when
    the second is an older copy. `status` and the steps' are national numbers, `variant` any whole number by which a
    vendor with several words for one status chooses. `channel` 0 online, 1 in person, 2 postal; `back` 0 fetched,
    1 posted; `target` 0 citizen, 1 enterprise, 2 state agency, 3 other; `pay` 0..3 as in DuocThanhToanTrucTuyen.
    """

    number: int
    code: str
    national_code: str
    procedure_code: str
    procedure: LocalProcedure
    office: Office
    owner: str
    filer: str
    target: int
    identity: str
    identity_kind: str
    tax: str
    phone: str
    email: str
    address: str
    place: Place
    subject: str
    channel: int
    back: int
    on_national: bool
    pay: int
    vneid: bool
    status: int
    variant: int
    unknown_status: bool
    submitted: datetime | None
    received: datetime | None
    due: datetime | None
    finished: datetime | None
    returned: datetime | None
    refused: datetime | None
    withdrawn: datetime | None
    changed: datetime
    documents: tuple[PlainDocument, ...]
    fees: tuple[PlainFee, ...]
    steps: tuple[PlainStep, ...]
    results: tuple[PlainResult, ...]


class Plain:
    """Rows of one system as plain records; keeps what each procedure brings, never records."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        profile = generator.profile
        self._files = f"https://{profile.host}/files/"
        self._codes = [codes_of(p, profile.agency) for p in generator.procedures]
        self._fees = [fee_of(p) for p in generator.procedures]
        self._results = [result_of(p) for p in generator.procedures]
        self._officers = [(name.decode(), position) for name, position in people.OFFICERS]

    def record(self, row: int) -> PlainDossier:
        """The record of a row as it is served now."""
        d = self.generator.dossier(row)
        received = _moment(d.received)
        if d.year_slip and received is not None:
            received = received.replace(year=202)
        identity = d.identity.decode()
        return PlainDossier(
            number=d.number,
            code=d.code.decode(),
            national_code=d.national_code.decode(),
            procedure_code=self._codes[d.procedure][d.form],
            procedure=self.generator.procedures[d.procedure],
            office=d.office,
            owner=d.owner.decode(),
            filer=d.filer.decode(),
            target=d.target,
            identity=identity,
            identity_kind="CMND" if len(identity) == 9 else "CCCD",
            tax=d.tax.decode(),
            phone=d.phone.decode(),
            email=d.email.decode(),
            address=d.address.decode(),
            place=d.place,
            subject=d.subject.decode(),
            channel=d.channel,
            back=d.back,
            on_national=d.on_national,
            pay=d.pay,
            vneid=d.vneid,
            status=d.path[-1],
            variant=d.picks[30],
            unknown_status=d.bad_status,
            submitted=_moment(d.submitted),
            received=received,
            due=calendar.due(d.due_day).astimezone(ZONE) if d.due_day >= 0 else None,
            finished=_moment(d.finished),
            returned=_moment(d.returned),
            refused=_moment(d.refused),
            withdrawn=_moment(d.withdrawn),
            changed=_at(d.changed),
            documents=self._documents(d),
            fees=self._fees_of(d),
            steps=self._steps(d),
            results=self._results_of(d),
        )

    def _documents(self, d: Dossier) -> tuple[PlainDocument, ...]:
        found = []
        for n in range(d.documents):
            kind, bits = (d.picks[10] + n * 5) % len(people.DOCUMENT_NAMES), d.digitised >> (n * 3) & 7
            name = f"{d.number}-{n + 1}.pdf"
            found.append(
                PlainDocument(
                    component=f"T-{kind + 1:04d}",
                    component_name=people.DOCUMENT_NAMES[kind],
                    file_name=f"giay-to-{name}",
                    url=d.url.decode() if d.url and n == 0 else self._files + name,
                    digitised=bool(bits & 1),
                    reused=(0, 0, 1, 2)[bits >> 1],
                )
            )
        return tuple(found)

    def _fees_of(self, d: Dossier) -> tuple[PlainFee, ...]:
        amount = d.fee or self._fees[d.procedure]
        if not amount:
            return ()
        base = self.generator.procedures[d.procedure].base
        return (PlainFee(f"LP-{base}", "Lệ phí", amount, paid=d.pay in (1, 2)),)

    def _steps(self, d: Dossier) -> tuple[PlainStep, ...]:
        last = len(d.path) - 1
        steps = []
        for n, (status, at) in enumerate(zip(d.path, d.times, strict=True)):
            pick = d.picks[(n + 5) & 31]
            officer, title = self._officers[pick % len(self._officers)]
            day = at // calendar.DAY_SECONDS
            steps.append(
                PlainStep(
                    at=None if n == d.lost_time else _at(at),
                    status=status,
                    variant=pick,
                    officer=officer,
                    title=title,
                    unit=d.office.name,
                    content=people.STEP_WORDS[status],
                    due=calendar.due(day + 2).astimezone(ZONE) if n < last and status == 4 else None,
                )
            )
        return tuple(reversed(steps) if d.shuffled else steps)

    def _results_of(self, d: Dossier) -> tuple[PlainResult, ...]:
        result = self._results[d.procedure]
        if result is None or (d.finished < 0 and d.returned < 0):
            return ()
        name = f"{d.number}-kq.pdf"
        return (PlainResult(*result, file_name=name, url=self._files + name),)


def _at(w: int) -> datetime:
    return calendar.moment(w).astimezone(ZONE)


def _moment(w: int) -> datetime | None:
    return None if w < 0 else _at(w)
