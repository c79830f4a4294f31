"""Which values of a wire record are about a person: by the name of their field, else by their look.

No list of names is ever whole, so what is shown or kept of a text is decided the other way round: codes, times and
numbers are plain, a text of words is plain only where its field says that it is about things (a procedure, an agency, a
status).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from schemas.masking import EMAIL, IDENTITY, PHONE

Kind = Literal["name", "phone", "email", "identity", "tax", "birth", "address", "secret", "words"]
"""What a value is; `words` is free text that may hold any of the others."""

_FAMILIES = """
nguyễn trần lê phạm hoàng huỳnh phan vũ võ đặng bùi đỗ hồ ngô dương lý giàng vàng lò đinh trịnh đoàn lâm mai tô hà cao
đào lưu lương trương tạ chu phùng tăng thái châu quách la kiều vương nông triệu hứa sùng thào vừ lầu mùa cầm quàng bàn
tẩn phàn chảo ma hạng cứ và ksor siu rơ y h' mẫu
"""
FAMILY_NAMES = frozenset(_FAMILIES.split())
"""First words of Vietnamese names, the peoples of the mountains and the made-up ones of cassettes included."""

_WORDS: dict[Kind, str] = {
    "secret": "passw|matkhau|token(?!type)|session|secret|apikey|accesskey|signature|chuky(so)?$|"
    "^nonce$|authorization|cookie",
    "email": "e?mail|thudientu",
    "phone": "dienthoai|phone|mobile|sdt|didong|^dt$|^fax|^tel$|hotline",
    "tax": "taxcode|masothue|^mst$",
    "birth": "ngaysinh|birth|^dob$|namsinh",
    "identity": "identity(?!verif)|identifier|cccd|cmnd|cmt|sogiayto|sodinhdanh|dinhdanhchs|hochieu|passport|cancuoc|"
    "citizen(id|num)",
    "address": "diachi|address|street|thuongtru|tamtru|quequan|noio|^thon$|^sonha$",
    "name": "hoten|hovaten|chuho|^nguoi|tennguoi|fullname|ownername|personname|applicantname|officer|canbo|"
    "tencongdan|tendoanhnghiep|tentochuc",
    "words": "subject|trichyeu|noidung|ghichu|^note|lydo|reason|ykien|comment|mota|description|yeucau|^content$|"
    "thongtinkhac|title$|username|userid|tendangnhap|taikhoan$",
}
"""Of two kinds that fit a field's plain name the first counts."""
_BY_FIELD = tuple((kind, re.compile(pattern)) for kind, pattern in _WORDS.items())
_PERSON = re.compile(r"applicant|owner|assignee|officer|person|citizen|nguoi|chuho|canbo|sender|receiver|contact")
_THING = re.compile(
    r"status|trangthai|procedure|thutuc|tthc|agency|coquan|donvi|phongban|unit|linhvuc|sector|level|capthuc|"
    r"mucdo|type|loai|kind|method|kenh|tenphi|lephi|procost|giayto|ketqua|procedureform|position|chucdanh|label|village|district|"
    r"province|tinh|huyen|xa$|language|message|error|decision|quyetdinh|fault|html"
)
CODE = re.compile(r"[^\s]{1,80}")
TIME = re.compile(
    r"\d{1,4}[-/]\d{1,2}[-/]\d{1,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?"
)


@lru_cache(maxsize=4096)
def plain_name(field: str) -> str:
    """A field's name in small letters without accents and separators: `NguoiXuLy`, `nguoi_xu_ly` -> `nguoixuly`."""
    folded = unicodedata.normalize("NFD", field.casefold().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", folded)


@lru_cache(maxsize=8192)
def _field_kind(field: str, above: str) -> Kind | None:
    name, parent = plain_name(field), plain_name(above)
    if name.startswith("loai") or name.endswith(("type", "kind")):
        return None
    for kind, pattern in _BY_FIELD:
        if pattern.search(name):
            return kind
    return "name" if name in ("name", "ten", "value") and _PERSON.search(parent) else None


def kind_of(path: Sequence[str], value: str) -> Kind | None:
    """What a text under these keys (outermost first) is; None when it is plain.

    >>> kind_of(["applicant", "fullname"], "Trần Văn Bình"), kind_of(["dossierStatus", "name"], "Đang xử lý")
    ('name', None)
    >>> kind_of(["x"], "Lò Thị Mai"), kind_of(["x"], "024190001234"), kind_of(["code"], "H38.12-240501-00042")
    ('name', 'identity', None)
    """
    field, above = (path[-1] if path else ""), (path[-2] if len(path) > 1 else "")
    by_field = _field_kind(field, above)
    if by_field is not None and value.strip():
        return by_field
    text = value.strip()
    if not text or TIME.fullmatch(text):
        return None
    if EMAIL.search(text):
        return "email" if EMAIL.fullmatch(text) else "words"
    if PHONE.fullmatch(text):
        return "identity" if re.fullmatch(r"\d{12}", text) else "phone"
    if IDENTITY.fullmatch(text):
        return "identity"
    if looks_like_a_name(text):
        return "name"
    if CODE.fullmatch(text):
        return None
    return None if any(_THING.search(plain_name(part)) for part in path[-4:]) else "words"


def looks_like_a_name(text: str) -> bool:
    """Two to six words with capitals, the first of them a family name.

    >>> [looks_like_a_name(text) for text in ("Nguyễn Thị Hạnh", "LÊ VĂN AN", "Sở Tư pháp", "Lê Lợi, phường 2")]
    [True, True, False, False]
    """
    words = unicodedata.normalize("NFC", text).split()
    if not 2 <= len(words) <= 6 or words[0].casefold() not in FAMILY_NAMES:
        return False
    return all(word[0].isupper() and word.replace("'", "").isalpha() for word in words)
