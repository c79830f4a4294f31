"""Files handed in with dossiers: made from their id when they are asked for, small, and always the same."""

import base64
import hashlib
import random

_LOST_IN_THOUSAND = 4
_HEAD = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"


def content(file_id: str) -> bytes:
    """One to three kB that begin and end as a PDF does."""
    rng = random.Random(f"file:{file_id}")
    scan = rng.randbytes(rng.randrange(900, 2800))
    return b"%b%% sandbox file %b\n%b\n%%%%EOF\n" % (_HEAD, file_id.encode(), scan)


def lost(file_id: str) -> bool:
    """Whether a system that merges lost this file: four in a thousand, always the same ones."""
    return _number(file_id) % 1000 < _LOST_IN_THOUSAND


def states_digest(file_id: str) -> bool:
    """Whether a system that states digests at times does so for this file: three in four."""
    return _number(file_id) // 1000 % 4 > 0


def digest_header(body: bytes) -> str:
    """The value of `Digest` (RFC 3230)."""
    return "sha-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def _number(file_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"lost:{file_id}".encode()).digest()[:6], "big")
