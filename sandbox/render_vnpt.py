"""Dossiers and procedures in the words of VNPT iGate v2 (JSON) [seen], put together from ready-made UTF-8 pieces."""

import orjson

from sandbox import calendar, people
from sandbox.calendar import DAY_SECONDS
from sandbox.dossiers import Dossier, Generator
from sandbox.procedures import LocalProcedure, codes_of, fee_of, result_of
from sandbox.provinces import Place
from sandbox.statuses import VNPT

_VARIANTS: dict[int, tuple[tuple[int, str | None], ...]] = {
    1: ((0, None),),
    2: ((19, None), (19, None), (1, "Đã tiếp nhận")),
    3: ((16, None),),
    4: ((2, None), (2, "Đang xử lý"), (1, None), (12, None), (13, None), (15, None), (17, None), (4, None),
        (2, "Chuyên viên thụ lý")),
    5: ((3, None), (2, "Chờ bổ sung")),
    6: ((9, None), (14, None), (2, "Chờ thanh toán")),
    7: ((7, None), (18, None)),
    8: ((8, None),),
    9: ((6, None), (6, None), (2, "Đã có kết quả")),
    10: ((5, None),),
}  # fmt: skip
"""How a national status shows: the vendor's number and, at times, a sub-status that wins over it."""

UNKNOWN_STATUS = (21, "Chuyển liên thông thuế")
_METHODS = ("Trực tuyến", "Trực tiếp", "Bưu chính")
_KINDS = ("Công dân", "Doanh nghiệp", "Cơ quan nhà nước", "Tổ chức khác")


def _json(value: object) -> bytes:
    return orjson.dumps(value)


def _names(text: str) -> list[dict[str, object]]:
    return [{"languageId": 228, "name": text}]


def _head(number: int, name: str, sub: str | None) -> bytes:
    return b'"dossierStatus":%b,"dossierTaskStatus":%b,' % (
        _json({"id": number, "name": name}),
        _json({"id": 100 + number, "name": sub}) if sub else b"null",
    )


def _place(place: Place) -> bytes:
    district = {"label": place.district_name, "value": place.district} if place.district else None
    return b'"village":%b,"district":%b,"province":%b,' % (
        _json({"label": place.commune_name, "value": place.commune}),
        _json(district),
        _json({"label": place.province_name, "value": place.province}),
    )


class VnptRenderer:
    """`record(row)` is one dossier as JSON bytes; about 3 kB with its procedure's long names."""

    def __init__(self, generator: Generator) -> None:
        g = self.generator = generator
        agency = g.profile.agency
        host = f"https://{g.profile.host}"
        self._stem = f"{g.seed & 0xFFFF:04x}{g.profile.code}c0ffee5a5a".encode()
        self._procedures = []
        self._fees = []
        self._results = []
        for n, p in enumerate(g.procedures):
            sector = {"id": f"lv{n:05d}", "code": p.field_code, "name": _names(p.field_name)}
            whole = {
                c: b'"procedure":%b,'
                % _json({"id": f"tt{n:05d}", "code": c, "translate": _names(p.name), "sector": sector})
                for c in codes_of(p, agency)
            }
            self._procedures.append([whole[c] for c in codes_of(p, agency)])
            self._fees.append(self._fee_pieces(p, fee_of(p)))
            self._results.append(self._result_piece(p, host))
        self._heads = {
            status: [_head(number, VNPT[number][0], sub) for number, sub in variants]
            for status, variants in _VARIANTS.items()
        }
        self._unknown = _head(*UNKNOWN_STATUS, None)
        self._steps = {
            status: [
                b'"status":%b}' % _json({"id": number, "name": VNPT[number][0]})
                for number, sub in variants
                if VNPT[number][1] == status
            ]
            for status, variants in _VARIANTS.items()
        }
        self._words = {s: b'"content":%b,"createdDate":' % _json(t) for s, t in people.STEP_WORDS.items()}
        self._officers = [
            b'"assignee":{"fullname":"%b","position":"%b"},' % (name, position.encode())
            for name, position in people.OFFICERS
        ]
        self._agencies = {}
        self._divisions = {}
        for o in g.offices:
            office = {"id": f"dv-{o.new}", "code": o.old, "name": _names(o.name)}
            parent = {"id": f"dv-{agency}", "name": _names(o.parent)}
            self._agencies[id(o)] = b'"agency":%b,' % _json({**office, "parent": parent})
            self._divisions[id(o)] = b'"agency":%b,' % _json({"name": _names(o.name)})
        self._places = {id(p): _place(p) for p in g.places}
        self._documents = [
            [
                b'"procedureForm":%b,"digitized":%b,"reused":%d,"file":[{"id":"'
                % (
                    _json({"code": f"T-{n:04d}", "name": name}),
                    b"true" if bits & 1 else b"false",
                    (0, 0, 1, 2)[bits >> 1],
                )
                for bits in range(8)
            ]
            for n, name in enumerate(people.DOCUMENT_NAMES, 1)
        ]
        self._file_url = f"{host}/fi/file/".encode()
        self._file_ends = [b"-f%d" % n for n in range(8)]
        self._file_pieces = [
            (
                b'%b{"id":"' % (b"," if n else b""),
                b'-g%d",' % n,
                b'-f%d","filename":"giay-to-' % n,
                b'-%d.pdf","size":' % (n + 1),
            )
            for n in range(8)
        ]
        self._sizes = [b'%d,"url":"' % (20_000 + n * 3331) for n in range(256)]
        self._step_ends = [b'-%d",' % (n + 1) for n in range(400)]
        self._payments = [
            [
                [
                    b'"paymentMethod":{"id":%d},"vneid":%b,"submittedOnNational":%b,' % (pay, vneid, national_portal)
                    for national_portal in (b"false", b"true")
                ]
                for vneid in (b"false", b"true")
            ]
            for pay in range(4)
        ]
        self._channels = [b'"applyMethod":%b,' % _json({"id": i, "name": n}) for i, n in enumerate(_METHODS)]
        self._back = [
            b'"dossierReceivingKind":%b,' % _json({"id": i, "name": n})
            for i, n in enumerate(("Nhận trực tiếp", "Nhận qua bưu chính"))
        ]
        self._targets = [b'"chonDoiTuong":%b,' % _json({"label": n, "value": str(i)}) for i, n in enumerate(_KINDS)]

    def record(self, row: int) -> bytes:
        return self.render(self.generator.dossier(row))

    def render(self, d: Dossier) -> bytes:
        """One dossier as JSON: a flat list of pieces, joined once."""
        number = b"%b%08x" % (self._stem, d.number)
        received = _iso_or_null(d.received)
        if d.year_slip:
            received = b'"0202' + received[5:]
        heads = self._heads[d.path[-1]]
        iso = _iso_or_null
        out = [
            b'{"id":"', number, b'","code":"', d.code,
            b'","nationCode":"' + d.national_code + b'",' if d.national_code else b'","nationCode":null,',
            self._procedures[d.procedure][d.form], self._agencies[id(d.office)],
            b'"applicant":{"data":{"fullname":"', d.filer,
            b'","ownerFullname":"' + d.owner + b'",' if d.owner else b'","ownerFullname":null,',
            b'"identityNumber":"', d.identity, b'","phoneNumber":"', d.phone, b'","email":"', d.email,
            b'","address":"', d.address, b'",', self._places[id(d.place)],
            b'"noidungyeucaugiaiquyet":"', d.subject, b'",', self._targets[d.target],
            b'"taxCode":"' + d.tax + b'"}},' if d.tax else b'"taxCode":null}},',
            b'"dossierFormFile":[',
        ]  # fmt: skip
        self._add_documents(out, d, number)
        out += (
            (self._wrong_fee(d) if d.fee else self._fees[d.procedure])[1 if d.pay in (1, 2) else 0],
            self._channels[d.channel], self._back[d.back], self._payments[d.pay][d.vneid][d.on_national],
            self._unknown if d.bad_status else heads[d.picks[30] % len(heads)],
            b'"appliedDate":', iso(d.submitted), b',"acceptedDate":', received,
            b',"appointmentDate":', b'"' + calendar.DUE_ISO[d.due_day] + b'"' if d.due_day >= 0 else b"null",
            b',"completedDate":', iso(d.finished), b',"returnedDate":', iso(d.returned),
            b',"withdrawDate":', iso(d.withdrawn), b',"refusedDate":', iso(d.refused),
            b',"updatedDate":', iso(d.changed), b',"task":[',
        )  # fmt: skip
        self._add_steps(out, d, number)
        result = self._results[d.procedure]
        if result and (d.finished >= 0 or d.returned >= 0):
            out.append(result % (number, number))
        out.append(b"]}")
        return b"".join(out)

    def _add_documents(self, out: list[bytes], d: Dossier, number: bytes) -> None:
        """`dossierFormFile`, with the bracket that ends it."""
        h, digits = d.picks, d.digitised
        decimal = b"%d" % d.number
        url = self._file_url + number
        for n in range(d.documents):
            group, file, name, size = self._file_pieces[n]
            out += (
                group, number, file, self._documents[(h[10] + n * 5) % 12][digits >> (n * 3) & 7], number, name,
                decimal, size,
                self._sizes[h[n] & 255], d.url if d.url and n == 0 else url + self._file_ends[n], b'"}]}',
            )  # fmt: skip
        out.append(b"],")

    def _add_steps(self, out: list[bytes], d: Dossier, number: bytes) -> None:
        """`task`, up to the attachments."""
        h, path = d.picks, d.path
        iso_day, iso_time, due = calendar.ISO_DAY, calendar.ISO_TIME, calendar.DUE_ISO
        officers, division = self._officers, self._divisions[id(d.office)]
        last = len(path) - 1
        order = range(last, -1, -1) if d.shuffled else range(last + 1)
        separator = b'{"id":"'
        for n in order:
            s, at = path[n], d.times[n]
            pick = h[(n + 5) & 31]
            day = at // DAY_SECONDS
            marks = self._steps[s]
            out += (
                separator, number, self._step_ends[n], officers[pick % 97], division, self._words[s],
                b"null" if n == d.lost_time else b'"' + iso_day[day] + iso_time[at % DAY_SECONDS] + b'"',
                b',"dueDate":"' + due[day + 2] + b'",' if n < last and s == 4 else b',"dueDate":null,',
                marks[pick % len(marks)],
            )  # fmt: skip
            separator = b',{"id":"'
        out.append(b'],"attachment":[')

    def procedures(self, start: int, stop: int) -> list[dict[str, object]]:
        """Items of `bd/procedure` at positions [start, stop)."""
        levels = {"Cấp tỉnh": 2, "Cấp xã": 4}
        return [
            {
                "id": f"bd{n:05d}",
                "code": p.code,
                "translate": _names(p.name),
                "sector": {"id": f"lv-{p.field_code}", "code": p.field_code, "name": _names(p.field_name)},
                "level": {"id": levels.get(p.level_text, 9), "name": p.level_text},
                "decisionNumber": p.decision,
                "status": {"id": 1 if p.public else 0, "name": "Công khai" if p.public else "Không công khai"},
                "updatedDate": "2026-03-02T02:00:00.000+0000",
            }
            for n, p in enumerate(self.generator.listing.listed[start:stop], start)
        ]

    def _wrong_fee(self, d: Dossier) -> tuple[bytes, bytes]:
        return self._fee_pieces(self.generator.procedures[d.procedure], d.fee)

    def _fee_pieces(self, procedure: LocalProcedure, amount: int) -> tuple[bytes, bytes]:
        """`dossierFee` unpaid and paid."""
        if not amount:
            return b'"dossierFee":[],', b'"dossierFee":[],'
        pieces = []
        for paid in (0, amount):
            fee = {
                "procost": {"code": f"LP-{procedure.base}", "type": {"name": "Lệ phí"}},
                "amount": amount,
                "quantity": 1,
                "paid": paid,
                "when": 1 if paid else 4,
            }
            pieces.append(b'"dossierFee":%b,' % _json([fee]))
        return pieces[0], pieces[1]

    def _result_piece(self, procedure: LocalProcedure, host: str) -> bytes:
        result = result_of(procedure)
        if result is None:
            return b""
        code = result[0].encode()
        return (
            b'{"id":"%b-k","filename":"ket-qua.pdf","url":"' + f"{host}/fi/file/".encode()
            + b'%b-k","resultCode":"' + code + b'"}'
        )  # fmt: skip


def _iso_or_null(w: int) -> bytes:
    if w < 0:
        return b"null"
    return b'"%b%b"' % (calendar.ISO_DAY[w // DAY_SECONDS], calendar.ISO_TIME[w % DAY_SECONDS])
