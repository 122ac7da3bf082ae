"""The page of mergers: a threshold over a table of predictions, a run or a sky, and the explorer of the same."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import pandas as pd
import panel as pn
import param

from galviz.runs import Run
from galviz.selection import Selection
from galviz.views.explore_page import ExplorePage
from galviz.views.explorer import Explorer
from galviz.views.library import Library, open_predictions
from galviz.views.run import REFUSED
from galviz.views.state import query, write_query
from galviz.views.tables import Opened, open_any
from galviz.views.template import page_template
from galviz.views.threshold import ThresholdView
from galviz.views.threshold_state import KEPT
from galviz.views.words import said, shown_error, text

_HELP = """<p>Nothing is open yet. Choose a finished run above, upload a table of predictions (CSV, ECSV, VOTable, FITS,
Parquet), or start the page on your own files:
<code>panel serve dashboards/mergers.py --args table.csv [images]</code>. A table needs a column of ids and one of
probabilities (0 … 1); a column with the truth, or your labels, correct the fraction.</p>"""


class MergersPage(ExplorePage):
    """What is opened, the threshold over it, and its explorer.

    Parameters
    ----------
    paths : sequence of str
        A table, sky or run, and perhaps images. None: the visitor chooses among runs of mergers, or uploads a table.
    library : Library
    """

    def __init__(self, paths: Sequence[str], library: Library, **params: object) -> None:
        super().__init__(paths, library, **params)
        self.explorer: Explorer | None = None
        runs = {str(run.path) for run in library.runs()[0].values() if run.info.get("study") == "mergers"}
        found = self.param.chosen.objects
        self.param.chosen.objects = {name: path for name, path in found.items() if path in {"", *runs}}

    @param.depends("chosen", "id_column", "uploaded")
    def body(self) -> pn.viewable.Viewable:
        """Give the threshold over what is open, or say why there is none."""
        given = [self.uploaded] if self.uploaded else [self.chosen] if self.chosen else self.paths
        if not given:
            return text(_HELP)
        try:
            opened = open_any(given[0], given[1] if len(given) > 1 else None, self.id_column.strip("'\" ") or None)
            opened = with_votes(opened)
            selection = Selection(opened.table)
            self.view = ThresholdView(opened.table, opened.cutouts, selection)
        except (*REFUSED, TypeError, KeyError) as error:
            return said(shown_error(error))
        self.view.param.update(**_asked(self.view))
        keep_in_address(self.view)
        origin = "" if opened.cutouts is None else f" · <b>{escape(opened.cutouts.origin)}</b>"
        about = f"<b>{escape(Path(given[0]).name)}</b>: {len(opened.table):,} objects{origin}"
        card = pn.Card(title="Explore the same table: plots, pictures, exports", collapsed=True)
        card.param.update(sizing_mode="stretch_width")
        card.param.watch(lambda _: self._explore(card, opened), "collapsed")
        return pn.Column(text(about), self.view, card, sizing_mode="stretch_width")

    def _explore(self, card: pn.Card, opened: Opened) -> None:
        """Make the explorer when it is asked for: of 10⁷ objects it is heavy."""
        if len(card) or self.view is None:
            return
        view = self.view
        plots = [{"kind": "histogram", "x": view.answer, "logarithmic": True}]
        more = {"source": opened.source, "opening": self._uploaded_opening() or opened.opening, "run": opened.run}
        more |= {"id_column": opened.id_column, "units": opened.units, "plots": plots}
        more |= {"labels": view.labels, "keys": view.keys}
        self.explorer = Explorer(opened.table, opened.cutouts, selection=view.selection, **more)
        card[:] = [self.explorer]


def with_votes(opened: Opened) -> Opened:
    """Give a run of vote fractions with all its answers and their truth, and what else its sky knows."""
    if not isinstance(opened.run, Run) or opened.run.target.kind != "votes":
        return opened
    told = open_predictions(opened.run).held_out().table
    more: pd.DataFrame = opened.table[[name for name in opened.table.columns if name not in told]]
    return replace(opened, table=told.join(more.drop(columns=["estimate", "truth", "residual"], errors="ignore")))


def _asked(view: ThresholdView) -> dict[str, object]:
    """Read from the address what makes sense for a view."""
    given, found = query(), {}
    if given.get("answer") in view.param.answer.objects.values():
        view.answer = given["answer"]
    if given.get("truth", "") in view.param.truth.objects.values() and "truth" in given:
        found["truth"] = given["truth"]
    for name in ("threshold", "truth_cut", "t_obs", "merging"):
        low, high = view.param[name].bounds
        try:
            number = float(given[name])
        except (KeyError, ValueError):
            continue
        found |= {name: number} if low <= number <= high else {}
    return found | ({"bins": given["bins"]} if "bins" in given else {})


def keep_in_address(view: ThresholdView) -> None:
    """Write what is looked at into the page's address, when the line is let go and when something else changes."""

    def write(*_: param.parameterized.Event) -> None:
        write_query(**{name: str(getattr(view, name)) for name in KEPT})

    view.param.watch(write, ["settled", *KEPT[1:]])


def mergers_page(paths: Sequence[str] = ()) -> pn.template.BootstrapTemplate:
    """Make the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        As `MergersPage` takes them.

    Returns
    -------
    panel.template.BootstrapTemplate
        Asks for nothing that the server does not serve itself.
    """
    template = page_template("mergers")
    template.main.append(MergersPage(paths, Library.find()))
    return template
