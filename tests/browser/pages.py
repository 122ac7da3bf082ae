"""Dashboards and scripts served by processes of their own, the latter behind a URL prefix as on a hub."""

import multiprocessing
import os
import socket
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGES = ("explore", "inpainting", "mergers", "occlusion", "richness")

# Servers are forked from a process that has imported what pages need: else each of them would do so, for seconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["panel.command", *(f"galviz.pages.{name}_page" for name in PAGES)])


class Fork(FORKS.Process):
    """`panel serve ARGUMENTS` in a folder; used as a `Popen`."""

    def __init__(self, arguments, environment, folder, log):
        super().__init__(daemon=True)  # ends with the tests, whatever happens
        self.given = (arguments, os.environ | environment, folder, log)
        self.start()

    def run(self):
        self.daemon = False  # may have workers
        arguments, environment, folder, log = self.given
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        with log.open("ab") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.argv = ["panel", "serve", *arguments]
        from panel.command import main

        main()

    def poll(self):
        return self.exitcode

    def wait(self, seconds):
        self.join(seconds)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def serving(folder, script, prefix="hub/user", options=()):
    """Serve a script; gives the URL. The folder is the home of what it saves, and has the log."""
    (folder / "page.py").write_text(script)
    port = free_port()
    environment = {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}", "GALVIZ_HOME": str(folder)}
    arguments = ["page.py", "--port", str(port), "--prefix", prefix, *options]
    server = Fork(arguments, environment, folder, folder / "log")
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
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(url)
    page.wait_for_selector(wait_for, timeout=60_000)
    yield page
    page.close()
    assert wrong == []
    assert [each for each in asked if not each.startswith((url.rsplit("/", 1)[0], "blob:", "data:"))] == []
