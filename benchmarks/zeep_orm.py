"""The hand-written integration of the SOAP system: zeep's objects into ORM objects, a commit for each page.

`python -m benchmarks.zeep_orm JSON` with {url, database, login, password, wsdl, rows}; prints {records, seconds} as
JSON. It maps fewer fields than the hub, checks nothing, keeps no raw messages and owes nobody a delivery.
"""

import json
import sys
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import zeep
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from zeep.wsse.username import UsernameToken

from benchmarks.orm import Base, Document, Dossier, Step

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")
STATUS = {"1": 1, "2": 2, "3": 4, "4": 5, "5": 6, "6": 4, "7": 9, "8": 10, "9": 3, "10": 7, "11": 8}
CHANNEL = {"TT": 1, "TN": 2, "BC": 3}


def main(given: dict[str, Any]) -> None:
    client = zeep.Client(given["wsdl"], wsse=UsernameToken(given["login"], given["password"], use_digest=True))
    service = client.create_service(next(iter(client.wsdl.bindings)), given["url"] + "/motcua/HoSoService")
    engine = create_engine(given["database"])
    Base.metadata.create_all(engine)
    begun = time.perf_counter()
    read(service, engine, given["rows"])
    seconds = time.perf_counter() - begun
    with Session(engine) as session:
        records = session.scalar(select(func.count()).select_from(Dossier))
    print(json.dumps({"records": records, "seconds": seconds}))


def read(service: Any, engine: Any, rows: int) -> None:
    """All pages; each is compared by key, stored and committed."""
    page, done = 1, 0
    while True:
        answer = service.TraCuuDanhSachHoSo(
            tuNgay="01/01/2000 00:00:00", denNgay="31/12/2027 00:00:00", trang=page, kichThuoc=rows
        )
        found = answer.DanhSachHoSo.HoSo
        with Session(engine) as session:
            store(session, found)
            session.commit()
        done += len(found)
        if done >= int(answer.tongSo):
            return
        page += 1


def store(session: Session, found: list[Any]) -> None:
    """New records are added, changed ones replaced, unchanged ones left alone; the last of a page wins."""
    page = {record.maHoSo: record for record in found}
    known = dict(session.execute(select(Dossier.code, Dossier.changed_at).where(Dossier.code.in_(page))).all())
    fresh = []
    for code, record in page.items():
        if code not in known:
            fresh.append(dossier(record))
        elif known[code] != moment(record.ngayCapNhat):
            session.merge(dossier(record))
    session.add_all(fresh)


def dossier(record: Any) -> Dossier:
    """One record as objects."""
    return Dossier(
        code=record.maHoSo,
        national_code=record.maHoSoQuocGia,
        receipt=record.soBienNhan,
        procedure_code=".".join(record.maThuTuc.split(".")[:2]) if record.maThuTuc else None,
        procedure_name=record.tenThuTuc,
        field_code=record.maLinhVuc,
        field_name=record.tenLinhVuc,
        agency_code=record.maCoQuan,
        agency_name=record.tenCoQuan,
        owner=record.chuHoSo,
        owner_kind=int(record.loaiDoiTuong) + 1 if record.loaiDoiTuong else None,
        identity_number=record.soGiayTo,
        phone=record.dienThoai,
        email=record.email,
        address=record.diaChi,
        commune=record.maXa,
        province=record.maTinh,
        subject=record.trichYeu,
        channel=CHANNEL.get(record.kenhNop),
        status=STATUS.get(record.trangThai),
        status_name=record.tenTrangThai,
        submitted_at=moment(record.ngayNop),
        received_at=moment(record.ngayTiepNhan),
        due_at=moment(record.ngayHenTra),
        finished_at=moment(record.ngayHoanThanh),
        returned_at=moment(record.ngayTra),
        refused_at=moment(record.ngayTuChoi),
        changed_at=moment(record.ngayCapNhat),
        documents=[
            Document(
                code=paper.maGiayTo,
                name=paper.tenGiayTo,
                file_name=paper.tenTep,
                url=paper.duongDan,
                digitised=paper.soHoa == "1",
                reused=int(paper.taiSuDung) if paper.taiSuDung else None,
            )
            for paper in (record.DanhSachGiayTo.GiayTo if record.DanhSachGiayTo else ())
        ],
        steps=[
            Step(
                happened_at=moment(step.thoiDiem),
                handler=step.nguoiXuLy,
                position=step.chucDanh,
                department=step.phongBan,
                content=step.noiDung,
                status=STATUS.get(step.trangThai),
            )
            for step in (record.DanhSachTienTrinh.TienTrinh if record.DanhSachTienTrinh else ())
        ],
    )


def moment(text: str | None) -> datetime | None:
    """dd/MM/yyyy HH:mm:ss as the vendor writes it; None for what is no time."""
    try:
        return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=LOCAL) if text else None
    except ValueError:
        return None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
