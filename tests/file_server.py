"""A file server on 127.0.0.1 that can misbehave as real ones do; `served` is its fixture."""

import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Behaviour:
    """What the server does with its files; tests change it between requests."""

    folder: Path
    ranges: bool = True  # answers Range with 206
    if_range: bool = True  # honours If-Range
    etag: str | None = '"v1"'
    cuts: list[int] = field(default_factory=list)  # next answers end after so many bytes
    status: int | None = None  # answers only this
    delay: float = 0.0  # seconds before every answer
    pause: float = 0.0  # seconds after every 64 KiB
    length: bool = True  # sends Content-Length
    wrong_start: int = 0  # Content-Range lies by so many bytes
    requests: list[dict[str, str]] = field(default_factory=list)  # headers, one dict a request
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self):
        be = self.behaviour
        be.requests.append({key.lower(): value for key, value in self.headers.items()})
        time.sleep(be.delay)
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = be.folder / self.path.strip("/")
        if be.status or not file.is_file():
            self.send_error(be.status or 404)
            return
        self.answer(file.read_bytes())

    def answer(self, data):
        be = self.behaviour
        start = self.wanted(len(data))
        if start is not None and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = data[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            shown = start + be.wrong_start
            self.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{len(data)}")
        if be.etag:
            self.send_header("ETag", be.etag)
        if be.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(body)

    def wanted(self, size):
        be = self.behaviour
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match is None or not be.ranges:
            return None
        known = self.headers.get("If-Range")
        if be.if_range and known is not None and known != be.etag:
            return None
        return int(match[1])

    def send(self, body):
        be = self.behaviour
        if be.cuts:
            body = body[: be.cuts.pop(0)]
        try:
            for start in range(0, len(body), 65536):
                self.wfile.write(body[start : start + 65536])
                if be.pause:
                    self.wfile.flush()
                    time.sleep(be.pause)
        except OSError:
            pass  # the client went away
        self.close_connection = True

    def log_message(self, *_):
        pass


def serve(folder):
    """Start a server for `folder`; returns its behaviour and a function that stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    behaviour = Behaviour(folder)
    handler = type("OwnHandler", (Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    behaviour.url = f"http://127.0.0.1:{server.server_port}"

    def stop():
        server.shutdown()
        server.server_close()
        thread.join()

    return behaviour, stop
