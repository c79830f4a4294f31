"""A peer that costs nothing: recorded pages of the sandbox over HTTP, by page number, the same bytes for every contestant.

`python -m benchmarks.recorded FOLDER` serves `FOLDER/rest/<n>` and `FOLDER/soap/<n>` (n from 1) and prints its port.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = b'{"access_token":"bench","expires_in":300,"refresh_expires_in":1800,"token_type":"Bearer"}'
PAST_THE_END = b'{"content":[],"number":0,"size":0,"numberOfElements":0,"first":false,"last":true}'
_PAGE = re.compile(rb"<(?:[\w.-]+:)?trang>(\d+)<")


def main(folder: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(folder))
    print(server.server_port, flush=True)
    server.serve_forever()


def handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Recorded(BaseHTTPRequestHandler):
        """Knows three calls: token and page of the REST system, page of the SOAP system; checks no account."""

        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query).get("page", ["0"])[0]) + 1
            file = folder / "rest" / str(page)
            self._say(file.read_bytes() if file.is_file() else PAST_THE_END, "application/json; charset=utf-8")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if found := _PAGE.search(body):
                self._say((folder / "soap" / found[1].decode()).read_bytes(), "text/xml; charset=utf-8")
            else:
                self._say(TOKEN, "application/json")

        def _say(self, body: bytes, media: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    return Recorded


if __name__ == "__main__":
    main(Path(sys.argv[1]))
