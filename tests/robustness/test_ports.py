"""What `make lab` opens: JupyterLab on this machine alone, for those who have its token."""

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from helpers.course import commands
from helpers.runtime import COURSE_FOLDER


@pytest.fixture
def address(monkeypatch, tmp_path):
    """Where JupyterLab says that it is to be found, started as the course does, but without a browser."""
    started = []
    monkeypatch.setattr(commands.subprocess, "call", lambda command, cwd: started.append(command) or 0)
    commands.main(["lab", "--masters"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*started[0], "--no-browser", f"--port={port}", "--allow-root", f"--notebook-dir={tmp_path}"]
    with subprocess.Popen(command, cwd=COURSE_FOLDER, stderr=subprocess.PIPE, text=True) as process:
        assert command[:3] == [sys.executable, "-m", "jupyterlab"]
        found = next(filter(None, (re.search(r"http://127\S+", line) for line in process.stderr)))
        for _ in range(100):  # it says so a little before it listens
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.1)
        yield found[0]
        process.terminate()
        process.stderr.read()


@pytest.mark.slow
def test_jupyterlab_is_here_alone_and_wants_its_token(address):
    port, token = re.match(r"http://127\.0\.0\.1:(\d+)/\S*\?token=([0-9a-f]{40,})$", address).groups()
    contents = f"http://127.0.0.1:{port}/api/contents"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(contents)
    with urllib.request.urlopen(f"{contents}?token={token}") as reply:
        assert reply.status == 200
    for other in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not other.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((other, int(port)), timeout=2)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab/api/update?token={token}") as reply:
        assert b'"notification": null' in reply.read()
