"""A script served by a process of its own, behind a URL prefix as on a hub."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def serving(folder, script, prefix="hub/user", options=()):
    """Serve a script; gives the URL. The folder is the home of what it saves, and has the log."""
    (folder / "page.py").write_text(script)
    port = free_port()
    env = os.environ | {
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
        "GALVIZ_HOME": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "panel", "serve", "page.py", "--port", str(port), "--prefix", prefix, *options]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    url = f"http://localhost:{port}/{prefix}/page"
    try:
        for _ in range(2400):
            try:
                urllib.request.urlopen(url, timeout=120).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(20)
    assert f"{TESTS.parent / 'galviz'}" not in (folder / "log").read_text()  # no traceback through our code


@contextmanager
def opened(browser, url, wait_for, width=1500):
    """A page of the browser; at the end it must have had no error and have asked nobody but its server."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    requested, wrong = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(url)
    page.wait_for_selector(wait_for, timeout=60_000)
    yield page
    page.close()
    assert wrong == []
    assert [each for each in requested if not each.startswith((url.rsplit("/", 1)[0], "blob:", "data:"))] == []
