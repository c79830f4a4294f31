"""Citizens who file on the national portal: made-up dossiers with small PDF files, as the portal hands them on.

The message is what the portal sends to a province [seen in one procedure: MaSoThue, MaHoSo, MaTTHC, address, TaiLieuNop
with base64; the other fields in the words of hồ sơ are style].
"""

import base64
import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox import people
from sandbox.procedures import local_list, national, used_by_dossiers
from sandbox.provinces import PROFILES, places

_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"


@dataclass(frozen=True, slots=True)
class Filed:
    """One dossier: the message to the province, and the hồ sơ that the portal keeps of it itself."""

    code: str
    procedure: str
    known: bool
    message: dict[str, Any]
    own: dict[str, str | list[dict[str, str]]]
    files: tuple[tuple[str, str], ...]
    """(name, SHA-256 in hex) of each file."""


def file(slug: str, seed: int, first: int, count: int, unknown: int, now: datetime) -> list[Filed]:
    """`count` dossiers for one province, numbered from `first`; the last `unknown` of them are of procedures that the
    province's own list lacks."""
    profile = PROFILES[slug]
    listing = local_list(slug, profile.agency, seed)
    usual = [p.base for p in used_by_dossiers(listing, seed, slug) if p.base]
    made = []
    for n in range(count):
        rng = random.Random(f"filed:{seed}:{slug}:{first + n}")
        is_known = n < count - unknown
        made.append(_filed(slug, rng, first + n, rng.choice(usual if is_known else listing.missing), is_known, now))
    return made


def _filed(slug: str, rng: random.Random, number: int, base: str, known: bool, now: datetime) -> Filed:
    profile, procedure = PROFILES[slug], national()[base]
    name = b" ".join(rng.choice(words) for words in (people.FAMILY, people.MIDDLE, people.GIVEN)).decode()
    place = rng.choice(places(slug)[1])
    at = now.replace(hour=8, minute=0, second=0) + timedelta(seconds=rng.randrange(8 * 3600))
    code = f"G22.99-{now:%Y%m%d}-{number:07d}"
    identity = f"{rng.choice(profile.cccd)}{rng.randrange(2)}{rng.randrange(55, 99)}{rng.randrange(10**6):06d}"
    documents, files = [], []
    for n in range(rng.randint(1, 3)):
        content = _PDF + rng.randbytes(rng.randrange(500, 8000)) + b"\n%%EOF\n"
        digest = hashlib.sha256(content).hexdigest()
        files.append((f"{rng.choice(people.DOCUMENT_NAMES)} {n + 1}.pdf", digest))
        documents.append(
            {
                "TenTepDinhKem": files[-1][0],
                "MaThanhPhanHoSo": f"T-{n + 1:04d}",
                "Base64": base64.b64encode(content).decode(),
                "Sha256": digest,
            }
        )
    both = {
        "MaHoSo": code,
        "MaTTHC": base,
        "TenTTHC": procedure.name,
        "ChuHoSo": name,
        "LoaiDoiTuong": "1",
        "SoDienThoai": f"{rng.choice(people.PHONE_PREFIX).decode()}{rng.randrange(10**7):07d}",
        "TrichYeuHoSo": f"{procedure.name[:200].strip()} - {name}",
        "NgayNopHoSo": f"{at:%Y%m%d%H%M%S}",
        "HinhThuc": str(rng.randrange(2)),
    }
    address = {
        "MaTinh": profile.code,
        "MaXa": place.commune,
        "DiaChiChiTiet": f"Số {rng.randint(1, 300)}, {place.commune_name}",
    }
    own: dict[str, str | list[dict[str, str]]] = {
        **both,
        "MaLinhVuc": procedure.field_code,
        "TenLinhVuc": procedure.field_name,
        "KenhThucHien": "2",
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": identity}],
        "NgayTiepNhan": "",
        "TrangThaiHoSo": "1",
        "NoiNopHoSo": "1",
    }
    message = {**both, "MaSoThue": "", "SoDinhDanh": identity, "DiaChi": address, "TaiLieuNop": documents}
    return Filed(code, base, known, message, own, tuple(files))
