"""The threshold tab: a threshold over a run's votes, an uploaded table, or data given on the command line."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.paths import distinct_names, file_name, home
from galviz.pages.data_source import OpenedPage
from galviz.pages.explorer import Explorer
from galviz.pages.library import Library, open_predictions
from galviz.pages.open_any import Opened
from galviz.pages.page import StudyPage
from galviz.pages.state import PageState, query, write_query
from galviz.runs.run import Run
from galviz.sky.galaxy_zoo import COLUMNS, THRESHOLD
from galviz.tasks.class_words import with_class_words
from galviz.tools.formatting import text
from galviz.tools.threshold.core import Meaning
from galviz.tools.threshold.state import KEPT
from galviz.tools.threshold.view import ThresholdView

TAB = "threshold"
_FEW = 1000  # objects whose numbers are on a linear axis
_LONGEST = 200  # bytes of a name, without its end
_FLATTERED = Markup("""<p class='note' role='note'>The weights are those of the epoch that did best on these objects
(<code>keep="best"</code>): their statistics are slightly too good.</p>""")


class ThresholdPage(OpenedPage):
    """Controls to open data, the threshold over it, and its explorer. By default the newest finished run is open.

    Parameters
    ----------
    paths : sequence of str
        A table, sky or run, and optionally images. If empty, the visitor selects a run or uploads a table.
    library : Library
        Its finished runs can be selected.
    page : PageState, optional
        Its selected run is kept the same as the run shown here.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    help = Markup("""<p>Nothing is open yet. Train a run (tab Train), choose a finished one, upload a table of
predictions (CSV, ECSV, VOTable, FITS, Parquet), or start the page on your own files:
<code>panel serve dashboards/mergers.py --args table.csv [images]</code>. A table needs a column of ids and one of
probabilities (0 … 1); a column with the truth, or your labels, correct the fraction.</p>""")

    def __init__(self, paths: Sequence[str], library: Library, page: PageState | None = None, **params: object) -> None:
        super().__init__(paths, library, page=page or PageState(), **params)
        self.view: ThresholdView | None = None
        self.explorer: Explorer | None = None
        self.card: pn.Card | None = None
        self._follow()
        self._prefer_the_run()

    def offered(self) -> dict[str, str]:
        """Return the finished runs: displayed name → path."""
        return {_label(name): str(run.path) for name, run in self.library.predicted().items()}

    @param.depends("page.found", "page.run", "page.tab", watch=True)
    def _follow(self) -> None:
        """Offer all finished runs and open the selected one of the page; if nothing is open, any.

        While another tab is open nothing changes here: the selection of the page shows the table of that tab.
        """
        if TAB in self.page.tabs and self.page.tab != TAB:
            return
        self.offer()
        found = self.offered()
        path = found.get(_label(self.page.run), "")
        if not self.given:
            self.selected = path or next(iter(found.values()), "")
        elif self.selected and path:
            self.selected = path

    def _prefer_the_run(self) -> None:
        """Open the run of the page instead of the sky that the page was started on: a sky has no probabilities."""
        path = self.offered().get(_label(self.page.run), "")
        on_a_sky = self.given == self.paths and self.paths and (Path(self.paths[0]) / "galviz.json").is_file()
        if path and on_a_sky and "open" not in query():
            self.selected = path

    def choice(self) -> pn.widgets.Select:
        """Return the select of runs; a run selected here becomes the selected run of the page."""
        select = super().choice()
        select.param.watch(lambda event: self._select_run(event.new), "value")
        return select

    def _select_run(self, path: str) -> None:
        names = {str(run.path): name for name, run in self.library.predicted().items()}
        self.page.run = names.get(path, self.page.run)

    def shown(self, given: Sequence[str]) -> pn.viewable.Viewable:
        """Return the threshold over the open data."""
        opened = self.open(given)
        self.page.followers.release()
        first = {"threshold": THRESHOLD} if set(COLUMNS) <= set(opened.table.columns) else {}
        self.page.selection.show(opened.table)
        scores, meanings = with_classes(scores_of(opened), opened.run), meanings_of(opened.run)
        more = {"meanings": meanings, "others": self._others(opened.run)} | first
        more["labels"] = home() / f"{study}.csv" if (study := self.library.study) else None
        self.view = view = ThresholdView(scores, opened.cutouts, self.page.selection, **more)
        view.param.update(**_from_address(view))
        keep_in_address(view)
        held_out = "" if opened.run is None else " that the network has not seen in training"
        about = Markup("<b>{}</b>: {:,} objects{}{}")
        about = about.format(self.name_of(given[0]), len(opened.table), held_out, _origin(opened))
        about += _FLATTERED if opened.run is not None and opened.run.recipe.validation.keep == "best" else ""
        card = self.card = pn.Card(title="Explore the same table: plots, pictures, exports", collapsed=True)
        card.param.update(sizing_mode="stretch_width")
        card.param.watch(lambda _: self._explore(card, opened, view), "collapsed")
        return pn.Column(text(about), view, card, sizing_mode="stretch_width")

    def _others(self, run: Run | None) -> dict[str, Callable[[], pd.DataFrame | None]]:
        """Return the other runs of the same target: name → function that reads their scores of held-out objects."""
        if run is None:
            return {}

        def read(name: str, other: Run) -> pd.DataFrame | None:
            table = found[name]()
            return None if table is None else with_classes(table[~table["in_training"]], other)

        runs, found = self.library.predicted(), self.library.judged(run.target)
        return {name: partial(read, name, runs[name]) for name in found if runs[name].path != run.path}

    def _explore(self, card: pn.Card, opened: Opened, view: ThresholdView) -> None:
        """Build the explorer when its card is opened: it is slow for 10⁷ objects."""
        if len(card):
            return
        plots = [{"kind": "histogram", "x": view.answer, "logarithmic": len(opened.table) > _FEW}]
        more = {"source": opened.source, "opening": self.uploaded_opening or opened.opening, "run": opened.run}
        more |= {"id_column": opened.id_column, "units": opened.units, "plots": plots, "notes": opened.notes}
        more |= {"labels": view.labels, "keys": view.keys}
        self.explorer = Explorer(opened.table, opened.cutouts, selection=view.selection, **more)
        self.explorer.gallery.captions = [name for name in (view.answer, view.truth) if name]
        card[:] = [self.explorer]


def threshold_tab(of: StudyPage) -> ThresholdPage:
    """Return the tab of the threshold on the page of a study. Only a study that opens tables opens its paths there."""
    return ThresholdPage(of.paths if of.study.opens_tables else (), of.library, of.page)


def scores_of(opened: Opened) -> pd.DataFrame:
    """Return the table of scores: of a run, all but the residual."""
    return opened.table if opened.run is None else opened.table.drop(columns="residual", errors="ignore")


def with_classes(table: pd.DataFrame, run: Run | None) -> pd.DataFrame:
    """Return a table of scores with the probability of each class, if the run has classes, and its truth.

    Parameters
    ----------
    table : pandas.DataFrame
        Objects of the run, index ``object_id``.
    run : Run or None
        Other runs, and None, change nothing.

    Returns
    -------
    pandas.DataFrame
        The columns ``p_<class>`` come first, that of the positive class before all, each with ``p_<class>_true``: 1 for
        an object of the class, 0 for one of another class, NaN where not known.
    """
    if run is None or run.target.task != "classification":
        return table
    predictions = open_predictions(run)
    target, found = predictions.target, predictions.table.reindex(table.index)
    known, columns = pd.Series(predictions.truth, predictions.table.index).reindex(table.index), {}
    for name in sorted(target.classes, key=lambda name: name != target.positive):
        columns[f"p_{name}"] = found[f"p_{name}"]
        columns[f"p_{name}_true"] = known.eq(name).astype(float).where(known.notna())
    rest = [name for name in table.columns if name not in (*columns, "probability", "correct")]
    return with_class_words(pd.DataFrame(columns, table.index).join(table[rest]), target)


def meanings_of(run: Run | None) -> dict[str, Meaning]:
    """Return what the probabilities of the classes of a run mean, by column; empty for a run without classes."""
    if run is None or run.target.task != "classification":
        return {}
    target = open_predictions(run).target
    names = {name: target.class_text(name) for name in target.classes}
    pair = {name: other for name, other in zip(names, [*names][::-1], strict=True) if len(names) == 2}
    found = {}
    for name, words in names.items():
        # Two classes share a file: what is not one is the other. Of more, an object may have a label for each.
        stem = target.name if pair else f"{target.name}-{name}"
        no = names[pair[name]] if pair else f"not {words}"
        (stem,) = distinct_names([file_name(stem)], _LONGEST)
        found[f"p_{name}"] = Meaning(words, no, f"{stem}-labels.csv")
    return found


def _origin(opened: Opened) -> str | Markup:
    """Return the origin of the images, and how many objects have one if not all do."""
    if opened.cutouts is None:
        return ""
    there = int(opened.table.index.isin(opened.cutouts.catalogue.index).sum())
    some = "" if there == len(opened.table) else f", of {there:,} of them"
    return Markup(" · <b>{}</b>{}").format(opened.cutouts.origin, some)


def _label(run: str) -> str:
    return f"run {run}"


def _from_address(view: ThresholdView) -> dict[str, object]:
    """Return the valid parameters of a view from the address."""
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
    """Store the state of a view in the address, when the line is released and when another parameter changes."""

    def write(*_: param.parameterized.Event) -> None:
        write_query(**{name: str(getattr(view, name)) for name in KEPT})

    view.param.watch(write, ["settled", *KEPT[1:]])
