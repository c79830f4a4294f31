"""Dossiers and procedures in the words of the Viettel one-gate (typed XML) [style], from ready-made pieces."""

from xml.sax.saxutils import escape

from sandbox import calendar, people
from sandbox.calendar import DAY_SECONDS
from sandbox.dossiers import Dossier, Generator
from sandbox.procedures import LocalProcedure, codes_of, fee_of, result_of
from sandbox.provinces import Place
from sandbox.statuses import VIETTEL

_VARIANTS = {1: (1,), 2: (2,), 3: (9,), 4: (3, 3, 6), 5: (4,), 6: (5,), 7: (10,), 8: (11,), 9: (7,), 10: (8,)}
UNKNOWN_STATUS = (99, "Chuyển liên thông thuế")
_CHANNELS = (b"TN", b"TT", b"BC")
"""By the generator's channel: 0 online, 1 in person, 2 postal."""

_FLAGS = (0, 1)
_WAYS = [
    [
        [
            b"<kenhNop>%b</kenhNop><hinhThucTra>%d</hinhThucTra><noiNop>%d</noiNop>"
            % (channel, back, 2 - national_portal)
            for national_portal in _FLAGS
        ]
        for back in _FLAGS
    ]
    for channel in _CHANNELS
]
_PAYMENTS = [
    [b"<thanhToan>%d</thanhToan><dinhDanhDienTu>%d</dinhDanhDienTu>" % (pay, vneid) for vneid in _FLAGS]
    for pay in range(4)
]
_TARGETS = [b"<loaiDoiTuong>%d</loaiDoiTuong>" % kind for kind in range(4)]


def tag(name: str, value: object) -> bytes:
    """`<name>value</name>`, escaped."""
    return f"<{name}>{escape(str(value))}</{name}>".encode()


def _status(number: int, name: str) -> bytes:
    return tag("trangThai", number) + tag("tenTrangThai", name)


def _place(place: Place) -> bytes:
    district = tag("maHuyen", place.district) if place.district else b""
    return tag("maTinh", place.province) + district + tag("maXa", place.commune)


class ViettelRenderer:
    """`record(row)` is one `<HoSo>` element as UTF-8 bytes, its children in the order of the WSDL, without a prefix."""

    def __init__(self, generator: Generator) -> None:
        g = self.generator = generator
        self._receipt = f"<soBienNhan>BN{g.profile.code}-%08d</soBienNhan>".encode()
        self._file_ends = [b"-%d.pdf" % (n + 1) for n in range(8)]
        self._files = f"https://{g.profile.host}/tep/".encode()
        self._procedures = []
        self._fees = []
        self._results = []
        for p in g.procedures:
            rest = tag("tenThuTuc", p.name) + tag("maLinhVuc", p.field_code) + tag("tenLinhVuc", p.field_name)
            whole = {c: tag("maThuTuc", c) + rest for c in codes_of(p, g.profile.agency)}
            self._procedures.append([whole[c] for c in codes_of(p, g.profile.agency)])
            self._fees.append(self._fee_pieces(p, fee_of(p)))
            result = result_of(p)
            self._results.append(
                (tag("maKetQua", result[0]) + tag("tenKetQua", result[1]) + b"<duongDan>" + self._files)
                if result
                else b""
            )
        self._heads = {s: [_status(n, VIETTEL[n][0]) for n in numbers] for s, numbers in _VARIANTS.items()}
        self._unknown = _status(*UNKNOWN_STATUS)
        self._words = {s: tag("noiDung", t) for s, t in people.STEP_WORDS.items()}
        self._officers = [
            b"<nguoiXuLy>%b</nguoiXuLy>%b" % (name, tag("chucDanh", position)) for name, position in people.OFFICERS
        ]
        self._offices = {}
        self._divisions = {}
        for o in g.offices:
            self._offices[id(o)] = tag("maCoQuan", o.new) + tag("tenCoQuan", o.name)
            self._divisions[id(o)] = tag("phongBan", o.name)
        self._places = {id(p): _place(p) for p in g.places}
        self._documents = [
            tag("maGiayTo", f"T-{n:04d}") + tag("tenGiayTo", name) + b"<tenTep>giay-to-"
            for n, name in enumerate(people.DOCUMENT_NAMES, 1)
        ]
        self._marks = [
            tag("soHoa", bits & 1) + tag("taiSuDung", (0, 0, 1, 2)[bits >> 1]) + b"</GiayTo>" for bits in range(8)
        ]

    def record(self, row: int) -> bytes:
        return self.render(self.generator.dossier(row))

    def render(self, d: Dossier) -> bytes:
        """One dossier as a `<HoSo>` element: a flat list of pieces, joined once."""
        heads = self._heads[d.path[-1]]
        received = _time(b"ngayTiepNhan", d.received)
        if d.year_slip:
            received = received.replace(b"/20", b"/02", 1)
        out = [
            b"<HoSo><maHoSo>", d.code, b"</maHoSo>",
            b"<maHoSoQuocGia>" + d.national_code + b"</maHoSoQuocGia>" if d.national_code else b"",
            self._receipt % (d.number + 1),
            self._procedures[d.procedure][d.form], self._offices[id(d.office)],
            b"<chuHoSo>", d.owner, b"</chuHoSo>", _TARGETS[d.target],
            b"<loaiGiayTo>CMND" if len(d.identity) == 9 else b"<loaiGiayTo>CCCD", b"</loaiGiayTo><soGiayTo>",
            d.identity, b"</soGiayTo><dienThoai>", d.phone, b"</dienThoai><email>", d.email,
            b"</email><diaChi>", d.address, b"</diaChi>", self._places[id(d.place)],
            b"<trichYeu>", d.subject, b"</trichYeu>", _WAYS[d.channel][d.back][d.on_national],
            _PAYMENTS[d.pay][d.vneid],
            _time(b"ngayNop", d.submitted), received,
            b"<ngayHenTra>" + calendar.DUE_VN[d.due_day] + b"</ngayHenTra>" if d.due_day >= 0 else b"<ngayHenTra/>",
            _time(b"ngayHoanThanh", d.finished), _time(b"ngayTra", d.returned), _time(b"ngayTuChoi", d.refused),
            _time(b"ngayCapNhat", d.changed),
            self._unknown if d.bad_status else heads[d.picks[30] % len(heads)], b"<ghiChu/><DanhSachGiayTo>",
        ]  # fmt: skip
        self._add_documents(out, d)
        fees = self._fee_pieces(self.generator.procedures[d.procedure], d.fee) if d.fee else self._fees[d.procedure]
        out += (b"</DanhSachGiayTo>", fees, b"<DanhSachTienTrinh>")
        self._add_steps(out, d)
        out.append(b"</DanhSachTienTrinh>")
        result = self._results[d.procedure]
        if result and (d.finished >= 0 or d.returned >= 0):
            out += (
                b"<DanhSachKetQua><KetQua>",
                result,
                b"%d-kq.pdf</duongDan></KetQua></DanhSachKetQua></HoSo>" % d.number,
            )
        else:
            out.append(b"<DanhSachKetQua/></HoSo>")
        return b"".join(out)

    def _add_documents(self, out: list[bytes], d: Dossier) -> None:
        """`GiayTo` elements."""
        digits, kind = d.digitised, d.picks[10]
        number = b"%d" % d.number
        link = self._files + number
        for n in range(d.documents):
            end = self._file_ends[n]
            out += (
                b"<GiayTo>", self._documents[(kind + n * 5) % 12], number, end, b"</tenTep><duongDan>",
                d.url if d.url and n == 0 else link + end, b"</duongDan>", self._marks[digits >> (n * 3) & 7],
            )  # fmt: skip

    def _add_steps(self, out: list[bytes], d: Dossier) -> None:
        """`TienTrinh` elements."""
        h, path = d.picks, d.path
        vn_day, vn_time, due = calendar.VN_DAY, calendar.VN_TIME, calendar.DUE_VN
        officers, division = self._officers, self._divisions[id(d.office)]
        last = len(path) - 1
        for n in range(last, -1, -1) if d.shuffled else range(last + 1):
            s, at = path[n], d.times[n]
            pick = h[(n + 5) & 31]
            day = at // DAY_SECONDS
            marks = self._heads[s]
            if n == d.lost_time:
                out.append(b"<TienTrinh><thoiDiem/>")
            else:
                out += (b"<TienTrinh><thoiDiem>", vn_day[day], vn_time[at % DAY_SECONDS], b"</thoiDiem>")
            out += (
                officers[pick % 97], division, self._words[s], marks[pick % len(marks)],
                b"<hanXuLy>" + due[day + 2] + b"</hanXuLy></TienTrinh>" if n < last and s == 4 else b"</TienTrinh>",
            )  # fmt: skip

    def procedures(self, start: int, stop: int) -> bytes:
        """`<ThuTuc>` elements of the province's own list at positions [start, stop)."""
        return b"".join(
            b"<ThuTuc>%b%b%b%b%b%b%b%b%b</ThuTuc>"
            % (
                tag("maThuTuc", p.code),
                tag("tenThuTuc", p.name),
                tag("maLinhVuc", p.field_code),
                tag("tenLinhVuc", p.field_name),
                tag("mucDo", ("Toàn trình", "Một phần")[len(p.name) % 2]),
                tag("capThucHien", p.level_text),
                tag("quyetDinh", p.decision),
                tag("trangThai", 1 if p.public else 0),
                tag("ngayCapNhat", "02/03/2026 09:00:00"),
            )
            for p in self.generator.listing.listed[start:stop]
        )

    def _fee_pieces(self, procedure: LocalProcedure, amount: int) -> bytes:
        if not amount:
            return b"<DanhSachLePhi/>"
        return b"<DanhSachLePhi><LePhi>%b%b%b%b</LePhi></DanhSachLePhi>" % (
            tag("maPhi", f"LP-{procedure.base}"),
            tag("tenPhi", "Lệ phí"),
            tag("soTien", amount),
            tag("hinhThucThu", 1),
        )


def _time(name: bytes, w: int) -> bytes:
    if w < 0:
        return b"<%b/>" % name
    return b"<%b>%b%b</%b>" % (name, calendar.VN_DAY[w // DAY_SECONDS], calendar.VN_TIME[w % DAY_SECONDS], name)
