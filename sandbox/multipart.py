"""A multipart/form-data body taken apart."""

from email.parser import BytesParser
from email.policy import HTTP

from sandbox.wire import Request


def parts(request: Request) -> tuple[dict[str, str], str, bytes | None]:
    """The plain fields, and the one file's name and bytes (None without a file); ValueError for another media type."""
    media = request.headers.get(b"content-type", b"")
    if not media.startswith(b"multipart/form-data"):
        raise ValueError("multipart/form-data is required")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media + b"\r\n\r\n" + request.body)
    fields: dict[str, str] = {}
    name, content = "", None
    for part in message.iter_parts():
        field = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if file_name := part.get_filename():
            name, content = file_name, payload
        else:
            fields[field] = payload.decode()
    return fields, name, content
