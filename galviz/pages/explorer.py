"""The explorer: plots, gallery, image viewer and export of one table of objects, linked by one selection."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import panel as pn
import param

from galviz.io.tables import NUMBERED, KeyedTable, read_table
from galviz.pages.panes import Panes
from galviz.pages.upload import TABLES, Upload, uploaded, uploads
from galviz.pages.workspace import Section, Workspace, fills, scrolls
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.positions import position_columns
from galviz.tools.columns.core import TableColumns
from galviz.tools.columns.join import checked_joins, join_again, missing_text
from galviz.tools.columns.view import ColumnsView, JoinView
from galviz.tools.export.view import ExportPanel
from galviz.tools.filters.view import FiltersView
from galviz.tools.formatting import REFUSED, beside, shown_error
from galviz.tools.gallery.badges import Badges
from galviz.tools.gallery.view import Gallery
from galviz.tools.labels.core import Labels
from galviz.tools.plots.defaults import default_plots
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection
from galviz.tools.selection.view import SelectionBar
from galviz.tools.table.view import StatisticsView, TableView
from galviz.tools.viewer.view import FocusView

_TABLE_ROWS = 200_000  # a larger table is not shown as pages of rows
_ROOMY = {"Diagram": (0.66, 0.62)}  # with its report beside it
_PLOT = PlotView.SAVED
_GALLERY = ("order", "descending", "filter", "captions", "tile", "only_selected", "group", "enlarge")
_RENAMED = {"only_chosen": "only_selected"}  # in views that were saved by galviz 0.1
KEYS = {"g": "good", "b": "bad", "q": "unsure"}
"""Key → label, by default."""


class Explorer(Workspace):
    """Linked views of a table of objects and their images.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    cutouts : CutoutSet, optional
        Images of some or all objects.
    selection : Selection, optional
        A new one by default. One that is given shows this table from now on.
    plots : iterable of mapping
        Parameters of each `PlotView`; by default those of `first_plots`.
    columns : mapping of str to str, optional
        Column → its name on an axis.
    labels : Labels, optional
        Stores the labels that the user assigns; without it there is no labelling.
    keys : mapping of str to str
        Key → label.
    source, opening, id_column, run, units, notes
        Origin and units of the table, as in `galviz.tools.export.view.ExportPanel`.
    badges : Pair, (str, str) or str, optional
        What a badge on each picture says, as in `galviz.tools.gallery.view.Gallery`.

    Attributes
    ----------
    leads, others : dict of str to callable
        Further tabs: beside the plots, and beside the gallery. Set them before the first view.
    leading : bool
        Whether `leads` stand before the plots.
    """

    changed = param.Integer(default=0, doc="grows whenever `state` would give something else")
    arranged = param.Integer(default=0, doc="grows when the main area was rebuilt")
    kept = param.Dict(default={}, doc="name of a further tab → what a saved view keeps of it, as JSON values")
    missing = param.String(default="", doc="which columns a saved view needs before it can be opened")

    def __init__(
        self,
        table: pd.DataFrame,
        cutouts: CutoutSet | None = None,
        *,
        selection: Selection | None = None,
        plots: Iterable[Mapping[str, Any]] = (),
        columns: Mapping[str, str] | None = None,
        labels: Labels | None = None,
        keys: Mapping[str, str] = KEYS,
        source: str | Path = "",
        opening: str = "",
        id_column: str | None = None,
        run: Run | None = None,
        units: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        badges: Badges = None,
    ) -> None:
        super().__init__()
        units = dict(units or {})
        if selection is None or selection.table is not table:
            table = table.copy(deep=False)  # columns are added to it, and not to the sky
        self.table, self.cutouts, self.axes = table, cutouts, dict(columns or {})
        self.leads: dict[str, Callable[[], Any]] = {}
        self.others: dict[str, Callable[[], Any]] = {}
        self.leading, self._panes = True, None
        self._waiting: Mapping[str, Any] = {}  # the state that is restored once a table that was joined is there again
        self.selection = Selection() if selection is None else selection
        self.selection.show(table)
        self.columns = TableColumns(self.selection, units)
        self.bar, self.filters = SelectionBar(self.selection), FiltersView(self.selection, table, units)
        given = list(plots) or first_plots(table, units)
        self.plots = [PlotView(self.selection, lambda: self.bar.how, self.axes, units, **one) for one in given]
        self.gallery = Gallery(cutouts, table, self.selection, labels=labels, keys=keys, badges=badges)
        stretch_view = self.gallery.stretch_view
        self.picture = None
        if cutouts is not None:
            self.picture = FocusView(
                cutouts,
                self.selection,
                table,
                stretch_view=stretch_view,
                labels=labels,
                ids=table.index,
                height=420,
            )
        more = {"source": source, "opening": opening, "id_column": id_column, "run": run, "units": units}
        more["notes"] = notes
        stretch = None if stretch_view is None else stretch_view.stretch
        more["computed"] = lambda: self.columns.computed
        self.out = ExportPanel(table, self.selection, cutouts=cutouts, stretch=stretch, **more)
        for part, names in [*self.parts(), (self.columns, ["version"]), (self, ["kept"])]:
            part.param.watch(self._changed, names)

    @property
    def panes(self) -> Panes:
        """The main area: plots, picture, and below them gallery, table and the rest."""
        if self._panes is None:
            self._panes = self._laid_out()
        return self._panes

    def arrange(
        self, leads: Mapping[str, Callable[[], Any]], others: Mapping[str, Callable[[], Any]], *, leading: bool = True
    ) -> None:
        """Show other tabs than before, in a new main area."""
        kept = {} if self._panes is None else self._panes.state()
        self.leads, self.others, self.leading, self._panes = dict(leads), dict(others), leading, None
        if kept:
            self.panes.restore(kept)
        self.arranged += 1

    def _laid_out(self) -> Panes:
        plots = {f"Plot {k}" if k > 1 else "Plot": plot.pane for k, plot in enumerate(self.plots, 1)}
        lower = {"Gallery": self.gallery.pane}
        if len(self.table) <= _TABLE_ROWS:
            lower["Table"] = lambda: TableView(self.table, self.selection)
        if not self.gallery.pictured:
            lower = dict(reversed(lower.items()))  # tiles without pictures say less than the table
        lower["Columns"] = self.about_columns
        left, right = self.leads | plots if self.leading else plots | self.leads, {}
        if self.picture is not None and self.gallery.pictured:
            right = {"Picture": self.picture.pane}
        elif len(left) > 1:  # without pictures, there is room for a second plot
            left, (name, plot) = dict(list(left.items())[:-1]), list(left.items())[-1]
            right = {name: plot}
        panes = Panes(left, right, lower | self.others | {"Export": lambda: self.out}, roomy=_ROOMY)
        panes.param.watch(self._changed, ["active", "wide", "tall", "large"])
        return panes

    @param.depends("arranged")
    def _main(self) -> Panes:
        return self.panes

    def about_columns(self) -> pn.viewable.Viewable:
        """Return statistics of the columns, and controls that add more: computed, or joined from another table."""
        wide = {"sizing_mode": "stretch_width"}
        joined = JoinView(self.columns)

        def receive(path: Path) -> None:
            try:
                if self.missing:
                    self.restore(self._waiting)  # this may be the table that it needs
                    if not self.missing:
                        joined.param.update(joined=None, error="", done="The saved view is open.")
                        return
                joined.receive(table_to_join(path), unquote(path.name), path.parent.name)  # see `paths.file_name`
            except (*REFUSED, KeyError, TypeError) as error:
                joined.error = shown_error(error).replace(str(path), unquote(path.name)).removeprefix("path: ")

        upload = Upload(uploads, receive, label="Upload a table to join", accept=TABLES, width=320)
        more = [pn.Column(ColumnsView(self.columns), **wide), pn.Column(upload, joined, **wide)]
        statistics = StatisticsView(self.table, self.selection, self.columns.units)
        return scrolls(pn.Column(statistics, beside(*more), **wide))

    def main(self) -> pn.viewable.Viewable:
        """Return the panes."""
        return fills(self._main)

    def left(self) -> list[Section]:
        """Return the selection and the filters."""
        return [Section("Selection", self.bar), Section("Filters", self.filters)]

    def right(self) -> list[Section]:
        """Return the settings of all pictures."""
        stretch = self.gallery.stretch_view
        return [] if stretch is None else [Section("Colours and stretch", stretch)]

    def parts(self) -> list[tuple[param.Parameterized, list[str]]]:
        """Return the selection and the views, each with the names of the parameters that `state` has."""
        parts = [(self.selection, ["version", "focus"]), (self.gallery, list(_GALLERY))]
        parts += [(plot, list(_PLOT)) for plot in self.plots]
        return (
            parts
            if self.gallery.stretch_view is None
            else [*parts, (self.gallery.stretch_view, self.gallery.stretch_view.names)]
        )

    @property
    def current(self) -> bool:
        """Whether the selection shows this table: while another tab is open it may show another."""
        return self.selection.table is self.table

    def keep(self, tab: str, state: dict[str, Any]) -> None:
        """Keep the state of a further tab in saved views; an empty one is forgotten."""
        self.kept = {name: one for name, one in (self.kept | {tab: state}).items() if one}

    def _changed(self, *_: param.parameterized.Event) -> None:
        self.changed += self.current

    def state(self) -> dict[str, Any]:
        """Return the selection and the settings of all views as JSON values, for `restore`."""
        state: dict[str, Any] = {"selection": self.selection.to_json()}
        state["plots"] = [plot.state() for plot in self.plots]
        state["gallery"] = _different(self.gallery, _GALLERY)
        state["columns"] = self.columns.to_json()
        if self.columns.joins:
            state["joined"] = self.columns.joins
        if self.kept:
            state["tabs"] = self.kept
        state["panes"], state["filters"] = self.panes.state(), self.filters.to_json()
        if self.gallery.stretch_view is not None:
            state["look"] = _different(self.gallery.stretch_view, self.gallery.stretch_view.names)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned, over a table with the same columns.

        Tables that were joined are joined again, if they are among the uploads of this server. Else nothing changes:
        `missing` says which table has to be uploaded again, and then the state is restored.

        Raises
        ------
        ValueError or KeyError
            If the state does not fit this table or this version.
        """
        self.missing = self._join_again(checked_joins(state.get("joined", [])))
        if self.missing:
            self._waiting = state
            return
        self.columns.restore(state.get("columns", []))
        for plot, given in zip(self.plots, state.get("plots", []), strict=False):
            plot.param.update(**_known(given, _PLOT))
        gallery = {_RENAMED.get(name, name): value for name, value in state.get("gallery", {}).items()}
        self.gallery.param.update(**_known(gallery, _GALLERY))
        if self.gallery.stretch_view is not None:
            self.gallery.stretch_view.param.update(**_known(state.get("look", {}), self.gallery.stretch_view.names))
        self.kept = dict(state.get("tabs", {}))
        self.panes.restore(state.get("panes", {}))
        selection = state.get("selection", {})
        self.selection.replay((name, given) for name, given in selection.get("steps", []))
        self.selection.focus = selection.get("focus") or self.selection.focus
        if state.get("filters"):
            self.filters.restore(state["filters"])

    def _join_again(self, joins: Iterable[Mapping[str, Any]]) -> str:
        """Join tables that were joined before; returns which columns are missing if a table is not there any more."""
        wanted = [(how, uploaded(how["upload"])) for how in joins if how not in self.columns.joins]
        lost = [missing_text(how) for how, file in wanted if file is None]
        for how, file in [] if lost else wanted:
            join_again(self.columns, table_to_join(file), how)
        return lost[0] if lost else ""

    def copy_settings(self, other: "Explorer") -> None:
        """Take over the settings of plots, gallery and stretch from the explorer of a table with the same columns."""
        self._join_again(other.columns.joins)
        self.columns.restore(other.columns.to_json())
        for (part, names), (theirs, _) in zip(self.parts()[1:], other.parts()[1:], strict=True):
            part.param.update(**{name: getattr(theirs, name) for name in names})
        self.kept = other.kept


def table_to_join(path: Path) -> KeyedTable:
    """Return a table that is joined to another. One without ids has its rows numbered: it is joined by position.

    Raises
    ------
    ValueError or OSError
        If it cannot be read, or has neither ids nor positions.
    """
    try:
        return read_table(path)
    except ValueError as error:
        other = read_table(path, id_column=NUMBERED)  # where the file is no table, this says why
        if position_columns(other.table, other.units) is None:
            raise ValueError(
                f"path: expected object ids or positions in {path}, got neither. Call the column with the same ids as "
                "here object_id, or those with the positions ra and dec, and upload the file again."
            ) from error
        return other


def labels_of(sky: str | Path | None) -> Labels:
    """Return the labels good, bad and unsure of the objects in a sky: the same on all pages."""
    return Labels.of(Path(sky), words=KEYS.values()) if sky else Labels()


def first_plots(table: pd.DataFrame, units: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the two plots that suit a table best."""
    return default_plots(table, units)[:2]


def _different(view: param.Parameterized, names: Iterable[str]) -> dict[str, Any]:
    """Return the parameters that differ from their defaults."""
    return {name: getattr(view, name) for name in names if getattr(view, name) != view.param[name].default}


def _known(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    strange = sorted(set(given) - set(names))
    if strange:
        raise ValueError(
            f"state: expected some of {', '.join(names)}, got {strange[0]!r}. Was it made by this version?"
        )
    return dict(given)
