"""The richness page: the tabs of every study, and a tab on the value of pre-training."""

from collections.abc import Sequence
from pathlib import Path

import panel as pn

from galviz.pages.library import Library
from galviz.pages.page import StudyPage, study_page
from galviz.pages.state import TABS, PageState, keep_in_address
from galviz.pages.sweeps import LabelsTab
from galviz.studies import richness
from galviz.work.sweep import list_sweeps

LABELS = "labels"
"""Name of the tab."""

_EVERY_MS = 2000


def richness_page(paths: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        Skies, runs, sweeps or folders of them, in addition to those in `galviz.runs.run.home`.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers.
    """
    return study_page("richness", lambda: richness_study(paths))


def richness_study(paths: Sequence[str] = ()) -> StudyPage:
    """Return the content of the page.

    Parameters
    ----------
    paths : sequence of str
        As in `richness_page`.
    """
    sweeps = [path for path in paths if Path(path).is_dir() and list_sweeps(path)]
    library = Library.find([path for path in paths if path not in sweeps], richness)
    page = PageState((*TABS, LABELS))
    keep_in_address(page)
    return StudyPage(richness, library, page, {LABELS: lambda of: _labels(of, sweeps)})


def _labels(of: StudyPage, sweeps: Sequence[str]) -> LabelsTab:
    tab = LabelsTab("richness", of.library, of.page, sweeps)
    if pn.state.curdoc is not None:
        pn.state.add_periodic_callback(tab.look, period=_EVERY_MS)
    return tab
