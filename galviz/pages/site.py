"""All pages as one site, for `galviz open`."""

import socket
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Timer
from urllib.parse import urlencode

import panel as pn

from galviz.pages.explore_page import explore_page
from galviz.pages.home import home_page
from galviz.pages.occlusion_page import occlusion_page
from galviz.pages.page import study_page
from galviz.pages.page_names import page_of, shows_table, split
from galviz.runs.run import Run
from galviz.studies import studies

HOST = "127.0.0.1"


def site(paths: Sequence[str] = ()) -> dict[str, Callable[[], object]]:
    """Return address → function that makes the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        Skies, runs and folders of them for all pages; a table for the page `explore`; images for the home page.
    """
    listed, others = split(paths)
    tables = [path for path in others if shows_table(path)]
    explored = [tables[0], *images_of(listed, others)] if tables else []
    # Panel calls functions, and would show a `functools.partial` as text.
    pages = {"/": lambda: home_page(paths), "/explore": lambda: explore_page(explored, tables)}
    pages["/occlusion"] = lambda: occlusion_page(listed)
    return pages | {f"/{page_of(name)}": lambda name=name: study_page(name, listed) for name in studies()}


def images_of(listed: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the images of a table that was given too: the first sky, else the first folder of pictures, if any."""
    skies = [path for path in listed if (Path(path) / "galviz.json").is_file()]
    return [*skies, *(path for path in others if Path(path).is_dir())][:1]


def first_page(paths: Sequence[str]) -> str:
    """Return the address of the page to begin with: that of the only thing that was given, else the home page."""
    listed, others = split(paths)
    if len(others) == 1 and shows_table(others[0]):
        return "/explore"
    if len(paths) != 1 or not listed:
        return "/"
    path = Path(listed[0]).resolve()
    if (path / "run.json").is_file():
        # Not its name: a newer run of the same name would open in its place. The page opens the run that was given.
        return f"/{page_of(Run.open(path).info['study'])}?tab=predictions"
    return f"/train?{urlencode({'tab': 'data', 'sky': path.name})}" if (path / "galviz.json").is_file() else "/"


def serve(paths: Sequence[str] = (), port: int = 0, *, browser: bool = True) -> None:
    """Serve all pages to this computer until interrupted.

    Parameters
    ----------
    paths : sequence of str
        As in `site`.
    port : int
        0: any that is free.
    browser : bool
        Open the first page in the browser.

    Raises
    ------
    OSError
        If the port is taken.
    """
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind((HOST, port))
        port = free.getsockname()[1]
    url = f"http://{HOST}:{port}{first_page(paths)}"
    print(f"{url}\nPress Ctrl+C to stop the server.", flush=True)
    if browser:
        Timer(1.0, webbrowser.open, [url]).start()
    origins = [f"{HOST}:{port}", f"localhost:{port}"]
    pn.serve(site(paths), port=port, address=HOST, websocket_origin=origins, show=False, title="galviz", verbose=False)
