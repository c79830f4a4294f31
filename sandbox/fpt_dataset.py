"""Dossiers and procedures as FPT eGov's SOAP generation gives them: rows of a .NET DataSet inside a string [style].

What ADO.NET writes when a DataSet is serialised into a string: a declaration that says utf-16, `<DataSet>` with the
tables' xs:schema and a diffgram. A nested relation puts a child table's rows into their parent's row; a column without
a value is left out; rows changed in memory say so and have their old values under `diffgr:before`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from sandbox.dossiers import Generator
from sandbox.plain import LISTED_AT, Plain, PlainDossier
from sandbox.render_fpt import status_of
from sandbox.statuses import FPT

DECLARATION = '<?xml version="1.0" encoding="utf-16"?>\n'
XS = "http://www.w3.org/2001/XMLSchema"
MSDATA = "urn:schemas-microsoft-com:xml-msdata"
DIFFGR = "urn:schemas-microsoft-com:xml-diffgram-v1"

Row = dict[str, Any]
"""Columns in their order: text, number, bool, time or None; a child table is a list of rows under its name."""

_TYPES = {"HoSoID": "int", "LoaiDoiTuong": "int", "HinhThucNop": "int", "HinhThucTra": "int", "ThanhToan": "int"} | {
    name: "dateTime"
    for name in (
        "NgayNop", "NgayTiepNhan", "NgayHenTra", "NgayHoanThanh", "NgayTraKetQua", "NgayTuChoi", "NgayRut",
        "NgayCapNhat", "ThoiDiem", "HanXuLy",
    )
} | {"TrangThai": "int", "SoTien": "decimal", "TaiSuDung": "int"} | {
    name: "boolean" for name in ("NopTuCongQuocGia", "XacThucVNeID", "SoHoa", "DaThuTrucTuyen", "CongKhai")
}  # fmt: skip
_COLUMNS = {
    "HoSo": (
        "HoSoID", "MaHoSo", "MaHoSoQuocGia", "SoBienNhan", "MaThuTuc", "TenThuTuc", "MaLinhVuc", "TenLinhVuc",
        "MaDonVi", "TenDonVi", "ChuHoSo", "NguoiNop", "LoaiDoiTuong", "LoaiGiayTo", "SoGiayTo", "MaSoThue",
        "DienThoai", "Email", "DiaChi", "MaXa", "MaHuyen", "MaTinh", "TrichYeu", "HinhThucNop", "HinhThucTra",
        "NopTuCongQuocGia", "ThanhToan", "XacThucVNeID", "NgayNop", "NgayTiepNhan", "NgayHenTra", "NgayHoanThanh",
        "NgayTraKetQua", "NgayTuChoi", "NgayRut", "NgayCapNhat", "TrangThai", "TenTrangThai", "GhiChu",
    ),
    "GiayTo": ("HoSoID", "MaGiayTo", "TenGiayTo", "TenTep", "DuongDan", "SoHoa", "TaiSuDung"),
    "LePhi": ("HoSoID", "MaPhi", "TenPhi", "SoTien", "DaThuTrucTuyen"),
    "TienTrinh": (
        "HoSoID", "ThoiDiem", "CanBo", "ChucVu", "PhongBan", "NoiDung", "TrangThai", "TenTrangThai", "HanXuLy",
    ),
    "KetQua": ("HoSoID", "MaKetQua", "TenKetQua", "TenTep", "DuongDan"),
    "ThuTuc": (
        "MaThuTuc", "TenThuTuc", "MaLinhVuc", "TenLinhVuc", "CapThucHien", "SoQuyetDinh", "CongKhai", "NgayCapNhat",
    ),
}  # fmt: skip
_CHILDREN = {"HoSo": ("GiayTo", "LePhi", "TienTrinh", "KetQua")}
_CHANGED_IN_MEMORY = 7
"""Every seventh dossier got its status from its progress after it was read from the table."""
_AS_READ = {"TrangThai": 0, "TenTrangThai": FPT[0][0]}


class FptSoapRenderer:
    """`record(row)` is one row of the table HoSo with the rows of its child tables."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._plain = Plain(generator)
        self._receipt = f"SL{generator.profile.code}."

    def record(self, row: int) -> Row:
        """The record of a row as it is served now."""
        d = self._plain.record(row)
        number, name = status_of(d.status, d.variant, d.unknown_status)
        key = d.number + 1
        return {
            "HoSoID": key,
            "MaHoSo": d.code,
            "MaHoSoQuocGia": d.national_code or None,
            "SoBienNhan": f"{self._receipt}{key:07d}",
            "MaThuTuc": d.procedure_code,
            "TenThuTuc": d.procedure.name,
            "MaLinhVuc": d.procedure.field_code,
            "TenLinhVuc": d.procedure.field_name,
            "MaDonVi": d.office.old,
            "TenDonVi": d.office.name,
            "ChuHoSo": d.owner or None,
            "NguoiNop": d.filer or None,
            "LoaiDoiTuong": d.target + 1,
            "LoaiGiayTo": d.identity_kind,
            "SoGiayTo": d.identity,
            "MaSoThue": d.tax or None,
            "DienThoai": d.phone,
            "Email": d.email or None,
            "DiaChi": d.address,
            "MaXa": d.place.commune,
            "MaHuyen": d.place.district,
            "MaTinh": d.place.province,
            "TrichYeu": d.subject,
            "HinhThucNop": (2, 1, 3)[d.channel],
            "HinhThucTra": d.back + 1,
            "NopTuCongQuocGia": d.on_national,
            "ThanhToan": d.pay,
            "XacThucVNeID": d.vneid,
            "NgayNop": d.submitted,
            "NgayTiepNhan": d.received,
            "NgayHenTra": d.due,
            "NgayHoanThanh": d.finished,
            "NgayTraKetQua": d.returned,
            "NgayTuChoi": d.refused,
            "NgayRut": d.withdrawn,
            "NgayCapNhat": d.changed,
            "TrangThai": number,
            "TenTrangThai": name,
            "GhiChu": None,
            **self._children(d, key),
        }

    def procedures(self) -> list[Row]:
        """Rows of the table ThuTuc: the province's own list."""
        return [
            {
                "MaThuTuc": p.code,
                "TenThuTuc": p.name,
                "MaLinhVuc": p.field_code,
                "TenLinhVuc": p.field_name,
                "CapThucHien": p.level_text,
                "SoQuyetDinh": p.decision,
                "CongKhai": p.public,
                "NgayCapNhat": LISTED_AT,
            }
            for p in self.generator.listing.listed
        ]

    def _children(self, d: PlainDossier, key: int) -> dict[str, list[Row]]:
        own: Row = {"HoSoID": key}
        steps = []
        for step in d.steps:
            number, name = status_of(step.status, step.variant)
            steps.append(
                own | {
                    "ThoiDiem": step.at, "CanBo": step.officer, "ChucVu": step.title, "PhongBan": step.unit,
                    "NoiDung": step.content, "TrangThai": number, "TenTrangThai": name, "HanXuLy": step.due,
                }
            )  # fmt: skip
        return {
            "GiayTo": [
                own | {
                    "MaGiayTo": x.component, "TenGiayTo": x.component_name, "TenTep": x.file_name, "DuongDan": x.url,
                    "SoHoa": x.digitised, "TaiSuDung": x.reused,
                }
                for x in d.documents
            ],
            "LePhi": [
                own | {"MaPhi": x.code, "TenPhi": x.name, "SoTien": x.amount, "DaThuTrucTuyen": x.paid} for x in d.fees
            ],
            "TienTrinh": steps,
            "KetQua": [
                own | {"MaKetQua": x.code, "TenKetQua": x.name, "TenTep": x.file_name, "DuongDan": x.url}
                for x in d.results
            ],
        }  # fmt: skip


def document(name: str, row: Row) -> str:
    """One row and its children as a plain document."""
    return DECLARATION + _element(name, row)


def dataset(table: str, rows: Sequence[Row]) -> str:
    """The serialised DataSet of one table and its children."""
    gram = _Diffgram()
    now = "".join([gram.element(table, row) for row in rows])
    content = f'<NewDataSet xmlns="">{now}</NewDataSet>' if rows else ""
    before = f"<diffgr:before>{''.join(gram.before)}</diffgr:before>" if gram.before else ""
    return (
        f"{DECLARATION}<DataSet>\n  {_schema(table)}\n"
        f'  <diffgr:diffgram xmlns:msdata="{MSDATA}" xmlns:diffgr="{DIFFGR}">'
        f"{content}{before}</diffgr:diffgram>\n</DataSet>"
    )


class _Diffgram:
    """Rows as they are written down: every table counts its own."""

    def __init__(self) -> None:
        self.before: list[str] = []
        self._counted: dict[str, int] = {}

    def element(self, table: str, row: Row) -> str:
        order = self._counted.get(table, 0)
        self._counted[table] = order + 1
        marks = f' diffgr:id="{table}{order + 1}" msdata:rowOrder="{order}"'
        parts = []
        for name, value in row.items():
            if isinstance(value, list):
                parts += [self.element(name, child) for child in value]
            elif value is not None:
                parts.append(_element(name, value))
        inside = "".join(parts)
        if table == "HoSo" and order % _CHANGED_IN_MEMORY == 0:
            columns = "".join(_element(n, v) for n, v in (row | _AS_READ).items() if not isinstance(v, list))
            self.before.append(f'<{table}{marks} xmlns="">{columns}</{table}>')
            marks += ' diffgr:hasChanges="modified"'
        return f"<{table}{marks}>{inside}</{table}>"


def _element(name: str, value: Any) -> str:
    """`<name>value</name>` as .NET writes it, nothing for null, children inside their row."""
    if value is None:
        return ""
    if isinstance(value, dict):
        inside = "".join(
            "".join(_element(n, child) for child in v) if isinstance(v, list) else _element(n, v)
            for n, v in value.items()
        )
    elif isinstance(value, bool):
        inside = "true" if value else "false"
    elif isinstance(value, datetime):
        inside = value.isoformat()
    else:
        inside = escape(str(value))
    return f"<{name}>{inside}</{name}>"


def _schema(table: str) -> str:
    """The xs:schema of a table and its nested children, with the relations' keys."""
    children = _CHILDREN.get(table, ())
    keys = [
        f'<xs:unique name="Constraint1" msdata:PrimaryKey="true"><xs:selector xpath=".//{table}" />'
        f'<xs:field xpath="{_COLUMNS[table][0]}" /></xs:unique>',
        *(
            f'<xs:keyref name="{table}_{child}" refer="Constraint1" msdata:IsNested="true">'
            f'<xs:selector xpath=".//{child}" /><xs:field xpath="{_COLUMNS[table][0]}" /></xs:keyref>'
            for child in children
        ),
    ]
    return (
        f'<xs:schema id="NewDataSet" xmlns="" xmlns:xs="{XS}" xmlns:msdata="{MSDATA}">'
        '<xs:element name="NewDataSet" msdata:IsDataSet="true" msdata:UseCurrentLocale="true"><xs:complexType>'
        f'<xs:choice minOccurs="0" maxOccurs="unbounded">{_table(table, children)}</xs:choice></xs:complexType>'
        f"{''.join(keys)}</xs:element></xs:schema>"
    )


def _table(name: str, children: Iterable[str]) -> str:
    key, *others = _COLUMNS[name]
    columns = [f'<xs:element name="{key}" type="xs:{_TYPES.get(key, "string")}" />']
    columns += [f'<xs:element name="{n}" type="xs:{_TYPES.get(n, "string")}" minOccurs="0" />' for n in others]
    columns += [_table(child, ()).replace(">", ' minOccurs="0" maxOccurs="unbounded">', 1) for child in children]
    return (
        f'<xs:element name="{name}"><xs:complexType><xs:sequence>{"".join(columns)}</xs:sequence></xs:complexType>'
        "</xs:element>"
    )
