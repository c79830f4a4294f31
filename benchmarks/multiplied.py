"""A VNPT list as long as one likes: the pages of a small sandbox, handed out lap after lap under other ids and codes.

Made up as it is asked, a peer costs more than the hub does with what it gets; this one only joins bytes.
`python -m benchmarks.multiplied FOLDER SIZE` prints its port; FOLDER holds the pages, SIZE is the length of the list.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROWS = 500
"""Records a page, as the spec asks for them."""
_MARKS = re.compile(rb'(?<="id":")[0-9a-f]{4}(?=[0-9a-f]{20})|(?<=[-/])00(?=[0-9]{5}",)')
"""Where a lap's number is written: the first digits of ids, and of the running numbers of codes."""


class Lap:
    """One page, cut where a lap writes its number."""

    def __init__(self, body: bytes) -> None:
        self.parts = _MARKS.split(body)
        self.marks = [len(found) for found in _MARKS.findall(body)]

    def of(self, number: int, *, last: bool) -> bytes:
        """The page in a lap; `last` ends the list."""
        words = [self.parts[0]]
        for width, part in zip(self.marks, self.parts[1:], strict=True):
            words += (b"%0*d" % (width, number), part)
        said, meant = (b'"last":false', b'"last":true') if last else (b'"last":true', b'"last":false')
        return b"".join(words).replace(said, meant)


def main(folder: Path, size: int) -> None:
    laps = [Lap(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    pages = -(-size // ROWS)

    class Peer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._say(b'{"access_token":"bench","expires_in":36000,"token_type":"Bearer"}')

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            last = page >= pages - 1
            self._say(laps[page % len(laps)].of(page // len(laps), last=last))

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
