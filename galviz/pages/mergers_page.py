"""The page of mergers: that of every study, and first of all a threshold over what a run says."""

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
    """Make the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        A table of predictions, a run or a sky, and perhaps images: a sky, or a folder of pictures named by object_id.
        What lies in `galviz.runs.run.home` is offered in any case.

    Returns
    -------
    panel.template.base.BaseTemplate
        Asks for nothing that the server does not serve itself.
    """
    return study_page("mergers", lambda: mergers_study(paths))


def mergers_study(paths: Sequence[str] = ()) -> StudyPage:
    """Make what the page shows. The threshold is open where there is something to lay it on, else the data.

    Parameters
    ----------
    paths : sequence of str
        As `mergers_page` takes them.
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
