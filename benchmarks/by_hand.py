"""The readers that one would write by hand for two systems: requests, orjson, lxml, and nothing that a spec could say.

They ask for the same pages as the spec does and give the same records; they judge no answer, retry nothing and know no
position. `account` is login, password and extra of the connection.
"""

import base64
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import orjson
import requests
from lxml import etree

Record = dict[str, Any]
LISTS = frozenset({"GiayTo", "LePhi", "TienTrinh", "KetQua"})
ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
    '<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"'
    ' xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><w:UsernameToken>'
    "<w:Username>{login}</w:Username>"
    '<w:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">'
    "{digest}</w:Password>"
    '<w:Nonce EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">'
    "{nonce}</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken></w:Security></s:Header><s:Body>"
    '<TraCuuDanhSachHoSo xmlns="{namespace}"><tuNgay>{since}</tuNgay><denNgay>{until}</denNgay><trang>{page}</trang>'
    "<kichThuoc>{rows}</kichThuoc></TraCuuDanhSachHoSo></s:Body></s:Envelope>"
)
FORM = "%d/%m/%Y %H:%M:%S"


def read_rest(peer: str, account: dict[str, Any], rows: int) -> Iterator[list[Record]]:
    """VNPT iGate's dossiers, newest change first, page by page until the answer says last."""
    with requests.Session() as session:
        form = {
            "grant_type": "password",
            "client_id": account["extra"]["client_id"],
            "username": account["login"],
            "password": account["password"],
        }
        token = session.post(f"{peer}/auth/realms/digo/protocol/openid-connect/token", data=form, timeout=60).json()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"
        page, last = 0, False
        while not last:
            params: dict[str, str | int] = {"page": page, "size": rows, "spec": "slice", "sort": "updatedDate,desc"}
            answer = session.get(f"{peer}/pa/dossier/search", params=params, timeout=60)
            answer.raise_for_status()
            data = orjson.loads(answer.content)
            yield data["content"]
            page, last = page + 1, data["last"]


def read_soap(peer: str, account: dict[str, Any], rows: int, namespace: str) -> Iterator[list[Record]]:
    """Viettel's dossiers, oldest change first, each page asked for from the last change of the one before."""
    until = datetime.now(UTC).strftime(FORM)
    since, left = "01/01/2000 07:00:00", 1
    with requests.Session() as session:
        while left > 0:
            body = _signed(account, namespace, since=since, until=until, rows=rows)
            headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
            answer = session.post(f"{peer}/motcua/HoSoService", data=body, headers=headers, timeout=60)
            answer.raise_for_status()
            records, total = records_in(answer.content)
            yield records
            left = total - len(records)
            if left > 0:
                newest = max(datetime.strptime(record["ngayCapNhat"], FORM) for record in records)
                since = (newest - timedelta(seconds=1)).strftime(FORM)


def _signed(account: dict[str, Any], namespace: str, **asked: Any) -> bytes:
    nonce, created = os.urandom(16), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha1(nonce + created.encode() + account["password"].encode()).digest()
    signature = {"digest": base64.b64encode(digest).decode(), "nonce": base64.b64encode(nonce).decode()}
    return ENVELOPE.format(
        login=account["login"], created=created, namespace=namespace, page=1, **signature, **asked
    ).encode()


def records_in(body: bytes) -> tuple[list[Record], int]:
    """The records of a page, and how many the answer counts."""
    records, total = [], 0
    for _, element in etree.iterparse(BytesIO(body), tag=("{*}HoSo", "{*}tongSo"), huge_tree=True):
        if element.tag.endswith("tongSo"):
            total = int(element.text or 0)
        else:
            records.append(_record(element))
            element.clear()
    return records, total


def _record(element: Any) -> Record:
    record: Record = {}
    for child in element.iterchildren("*"):
        name = child.tag.rpartition("}")[2]
        value = _record(child) if len(child) else child.text
        if name in LISTS:
            record.setdefault(name, []).append(value)
        else:
            record[name] = value
    return record
