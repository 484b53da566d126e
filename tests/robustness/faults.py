"""What the robustness tests build their cases of: pictures, missing rights, a web server that misbehaves."""

import http.server
import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image


def saved(picture: np.ndarray, path: Path, **options) -> Path:
    """Save with Pillow and return the path, its folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)
    return path


def table(*paths, label: str = "cat") -> pd.DataFrame:
    return pd.DataFrame({"path": [str(path) for path in paths], "label": label})


@contextmanager
def without_rights():
    """Root may read and write everything: become nobody for a while, as which one may not."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system keeps rights in another way")
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


class BadServer(http.server.ThreadingHTTPServer):
    """A web server on this machine that misbehaves as a test wishes.

    `answers` are functions of the request's handler, one a request; the last one goes on for ever.
    `requests` notes the `Range` that each request asked for.
    """

    daemon_threads = True

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/set.zip"

    def __exit__(self, *error):
        self.shutdown()
        super().__exit__(*error)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *arguments):
        pass


def status(code: int):
    return lambda handler: handler.send_error(code)


def sends(content: bytes, until: int | None = None, ranges: bool = False):
    """Answer with `content`, but break off after `until` bytes; with `ranges`, from where one asks."""

    def answer(handler):
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : until if until is None else start + until])
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def says_nothing(handler):
    handler.server.silent = threading.Event()
    handler.server.silent.wait(20)
