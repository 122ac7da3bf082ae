"""The mergers page: a tab with a threshold over the predictions, and the tabs of every study."""

from collections.abc import Sequence
from pathlib import Path

import panel as pn

from galviz.pages.library import Library
from galviz.pages.page import StudyPage, study_page
from galviz.pages.state import TABS, PageState, keep_in_address
from galviz.pages.threshold_page import ThresholdPage
from galviz.studies import mergers

THRESHOLD = "threshold"
"""Name of the tab."""


def mergers_page(paths: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        A table of predictions, a run or a sky, and optionally images: a sky, or a folder of images named by object_id.
        Skies and runs in `galviz.runs.run.home` are always available.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers.
    """
    return study_page("mergers", lambda: mergers_study(paths))


def mergers_study(paths: Sequence[str] = ()) -> StudyPage:
    """Return the content of the page. It opens on the threshold if there are scores, else on the data.

    Parameters
    ----------
    paths : sequence of str
        As in `mergers_page`.
    """
    library = Library.find([path for path in paths if _holds(path, "run.json") or _holds(path, "galviz.json")], mergers)
    page = PageState((THRESHOLD, *TABS))
    scored = bool(paths) and not _holds(paths[0], "galviz.json")
    page.tab = THRESHOLD if scored or library.predicted() else TABS[0]
    page.run = next((name for name, run in library.runs()[0].items() if str(run.path) in map(_whole, paths)), "")
    keep_in_address(page)
    return StudyPage(mergers, library, page, {THRESHOLD: lambda of: ThresholdPage(paths, library, of.page)})


def _holds(path: str, name: str) -> bool:
    return (Path(path) / name).is_file()


def _whole(path: str) -> str:
    return str(Path(path).resolve())
