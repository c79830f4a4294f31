"""A proxy that asks the sandbox once and answers the same question from its folder ever after.

So every contestant reads the same bytes over HTTP, and the peer, which makes its records up as it is asked, costs none
of them anything. `python -m benchmarks.replay FOLDER REST_URL SOAP_URL` prints two ports: REST, SOAP.
"""

import hashlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests

_ASKED = re.compile(rb"<(?:[\w.-]+:)?(tuNgay|trang|kichThuoc)>([^<]*)<")
_OPERATION = re.compile(rb"TraCuuDanhSachHoSo")


def main(folder: Path, *peers: str) -> None:
    ports = []
    for peer in peers:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(folder, peer))
        ports.append(str(server.server_port))
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*ports, flush=True)
    threading.Event().wait()


def question(method: str, address: str, body: bytes) -> str | None:
    """What a page request asks for, whoever asks and whenever; None for what is never answered from the folder."""
    if method == "POST":
        return str(sorted(_ASKED.findall(body))) if _OPERATION.search(body) else None
    parts = urlsplit(address)
    return f"{parts.path} {sorted(parse_qsl(parts.query))}"


def handler(folder: Path, peer: str) -> type[BaseHTTPRequestHandler]:
    class Replay(BaseHTTPRequestHandler):
        """Keeps good pages; logins go through each time."""

        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            asked = question(self.command, self.path, body)
            file = folder / hashlib.sha256(f"{peer} {asked}".encode()).hexdigest()
            if asked and file.is_file():
                self._say(200, file.with_suffix(".type").read_text(), file.read_bytes())
                return
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")
            }
            reply = requests.request(self.command, peer + self.path, headers=headers, data=body or None, timeout=60)
            media = reply.headers.get("Content-Type", "")
            if asked and reply.status_code == 200:
                file.with_suffix(".type").write_text(media)
                file.write_bytes(reply.content)
            self._say(reply.status_code, media, reply.content)

        def _say(self, status: int, media: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    return Replay


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
