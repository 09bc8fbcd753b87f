"""A real HTTP server on this computer that serves bytes, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `data` under any path. `fault`: what it does wrong; `asked`: the ranges that were asked for.

    `linked`: the tag that a redirect states for the file it leads to; "" for none.

    `paths`: of what was asked for.
    """

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data, self.fault, self.tag, self.linked = data, "", '"one"', ""
        self.asked: list[str] = []
        self.paths: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.safetensors"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        server, fault = self.server, self.server.fault
        asked = self.headers.get("Range", "")
        server.asked.append(asked)
        server.paths.append(self.path)
        data, begin = server.data, 0
        if fault == "404":
            self.send_error(404)
            return
        if fault == "redirect" and "moved" not in self.path:
            self.send_response(302)
            self.send_header("Location", "/moved/model.safetensors")
            if server.linked:
                self.send_header("X-Linked-ETag", server.linked)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if asked and self.headers.get("If-Range") == server.tag and fault != "no ranges":
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "text/html" if fault == "html" else "application/octet-stream")
        length = len(data) - begin
        self.send_header("Content-Length", str(length + 1000 if fault == "long" else length))
        self.send_header("ETag", server.tag)
        self.end_headers()
        sent = data[begin:]
        if fault in ("cut", "stall"):
            sent = sent[: len(sent) // 2]
        half, piece = len(sent) // 2, 1 << 16
        parts = [sent]
        if fault == "slow":  # the second half piece by piece, until the client goes
            parts = [sent[:half], *(sent[at : at + piece] for at in range(half, len(sent), piece))]
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(0.5 if fault == "slow" else 0)
        if fault == "stall":
            time.sleep(3)
        self.close_connection = True


@contextlib.contextmanager
def serving(data: bytes) -> Iterator[FileServer]:
    with FileServer(data) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
