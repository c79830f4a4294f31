"""Dossiers and procedures in the words of the Viettel one-gate (typed XML) [style], from ready-made pieces."""

from xml.sax.saxutils import escape

from sandbox import calendar, people
from sandbox.calendar import DAY_SECONDS
from sandbox.dossiers import Dossier, Generator
from sandbox.procedures import LocalProcedure, forms, national
from sandbox.provinces import Place
from sandbox.render_vnpt import fee_of
from sandbox.statuses import VIETTEL

_VARIANTS = {1: (1,), 2: (2,), 3: (9,), 4: (3, 3, 6), 5: (4,), 6: (5,), 7: (10,), 8: (11,), 9: (7,), 10: (8,)}
UNKNOWN_STATUS = (99, "Chuyển liên thông thuế")
_CHANNELS = (b"TN", b"TT", b"BC")
"""By the generator's channel: 0 online, 1 in person, 2 postal."""


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
        self._stem = f"BN{g.profile.code}".encode()
        self._files = f"https://{g.profile.host}/tep/".encode()
        self._procedures = []
        self._fees = []
        self._results = []
        for p in g.procedures:
            codes = forms(p.base, g.profile.agency) if p.base else (p.code,) * 3
            rest = tag("tenThuTuc", p.name) + tag("maLinhVuc", p.field_code) + tag("tenLinhVuc", p.field_name)
            whole = [tag("maThuTuc", c) + rest for c in codes]
            self._procedures.append([whole[i] for i in (0, 1, 1, 2, 1)])
            self._fees.append(self._fee_pieces(p))
            known = national().get(p.base or "")
            result = known.results[0] if known and known.results else None
            self._results.append(
                (tag("maKetQua", result[0]) + tag("tenKetQua", result[1]) + b"<duongDan>" + self._files)
                if result
                else b""
            )
        self._heads = {s: [_status(n, VIETTEL[n][0]) for n in numbers] for s, numbers in _VARIANTS.items()}
        self._unknown = _status(*UNKNOWN_STATUS)
        self._words = {s: tag("noiDung", t) for s, t in people.STEP_WORDS.items()}
        self._officers = [
            b"<nguoiXuLy>%b %b %b</nguoiXuLy>%b"
            % (
                people.FAMILY[n % 20],
                people.MIDDLE[n * 7 % 26],
                people.GIVEN[n * 11 % len(people.GIVEN)],
                tag("chucDanh", people.POSITIONS[n % 7]),
            )
            for n in range(97)
        ]
        self._offices = {}
        self._divisions = {}
        for o in {id(o): o for group in g._by_field for o in group}.values():
            self._offices[id(o)] = tag("maCoQuan", o.new) + tag("tenCoQuan", o.name)
            self._divisions[id(o)] = tag("phongBan", o.name)
        self._places = {id(p): _place(p) for p in [*g.old_places, *g.new_places]}
        self._documents = [
            tag("maGiayTo", f"T-{n:04d}") + tag("tenGiayTo", name) + b"<tenTep>"
            for n, name in enumerate(people.DOCUMENT_NAMES, 1)
        ]
        self._marks = [
            tag("soHoa", bits & 1) + tag("taiSuDung", (0, 0, 1, 2)[bits >> 1]) + b"</GiayTo>" for bits in range(8)
        ]

    def record(self, row: int) -> bytes:
        return self.render(self.generator.dossier(row))

    def render(self, d: Dossier) -> bytes:
        """One dossier as a `<HoSo>` element."""
        h, path = d.picks, d.path
        vn_day, vn_time = calendar.VN_DAY, calendar.VN_TIME
        heads = self._heads[path[-1]]
        division = self._divisions[id(d.office)]
        steps = []
        last = len(path) - 1
        for n, at in enumerate(d.times):
            s = path[n]
            marks = self._heads[s]
            pick = h[(n + 5) & 31]
            day, second = divmod(at, DAY_SECONDS)
            steps.append(
                b"<TienTrinh>%b%b%b%b%b%b</TienTrinh>"
                % (
                    b"<thoiDiem/>"
                    if n == d.lost_time
                    else b"<thoiDiem>%b%b</thoiDiem>" % (vn_day[day], vn_time[second]),
                    self._officers[pick % 97],
                    division,
                    self._words[s],
                    marks[pick % len(marks)],
                    b"<hanXuLy>%b</hanXuLy>" % calendar.DUE_VN[day + 2] if n < last and s == 4 else b"",
                )
            )
        if d.shuffled:
            steps.reverse()
        documents = []
        for n in range(d.documents):
            documents.append(
                b"<GiayTo>%bgiay-to-%d-%d.pdf</tenTep><duongDan>%b</duongDan>%b"
                % (
                    self._documents[(h[10] + n * 5) % 12],
                    d.number,
                    n + 1,
                    d.url if d.url and n == 0 else b"%b%d-%d.pdf" % (self._files, d.number, n + 1),
                    self._marks[d.digitised >> (n * 3) & 7],
                )
            )
        result = self._results[d.procedure]
        received = _time(b"ngayTiepNhan", d.received)
        if d.year_slip:
            received = received.replace(b"/20", b"/02", 1)
        return b"".join(
            (
                b"<HoSo><maHoSo>", d.code, b"</maHoSo>",
                b"<maHoSoQuocGia>%b</maHoSoQuocGia>" % d.national_code if d.national_code else b"",
                b"<soBienNhan>%b-%08d</soBienNhan>" % (self._stem, d.number + 1),
                self._procedures[d.procedure][d.form],
                self._offices[id(d.office)],
                b"<chuHoSo>%b</chuHoSo><loaiDoiTuong>%d</loaiDoiTuong><loaiGiayTo>%b</loaiGiayTo><soGiayTo>%b</soGiayTo>"
                % (d.owner, d.target, b"CMND" if len(d.identity) == 9 else b"CCCD", d.identity),
                b"<dienThoai>%b</dienThoai><email>%b</email><diaChi>%b</diaChi>" % (d.phone, d.email, d.address),
                self._places[id(d.place)],
                b"<trichYeu>%b</trichYeu><kenhNop>%b</kenhNop><hinhThucTra>%d</hinhThucTra><noiNop>%d</noiNop>"
                % (d.subject, _CHANNELS[d.channel], d.back, 1 if d.on_national else 2),
                b"<thanhToan>%d</thanhToan><dinhDanhDienTu>%d</dinhDanhDienTu>" % (d.pay, d.vneid),
                _time(b"ngayNop", d.submitted), received,
                b"<ngayHenTra>%b</ngayHenTra>" % calendar.DUE_VN[d.due_day] if d.due_day >= 0 else b"<ngayHenTra/>",
                _time(b"ngayHoanThanh", d.finished), _time(b"ngayTra", d.returned), _time(b"ngayTuChoi", d.refused),
                _time(b"ngayCapNhat", d.changed),
                self._unknown if d.bad_status else heads[h[30] % len(heads)],
                b"<ghiChu/><DanhSachGiayTo>", *documents, b"</DanhSachGiayTo>",
                self._fees[d.procedure],
                b"<DanhSachTienTrinh>", *steps, b"</DanhSachTienTrinh>",
                b"<DanhSachKetQua><KetQua>%b%d-kq.pdf</duongDan></KetQua></DanhSachKetQua>" % (result, d.number)
                if result and (d.finished >= 0 or d.returned >= 0) else b"<DanhSachKetQua/>",
                b"</HoSo>",
            )
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

    def _fee_pieces(self, procedure: LocalProcedure) -> bytes:
        amount = fee_of(procedure)
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
