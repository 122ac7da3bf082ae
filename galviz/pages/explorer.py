"""The explorer: plots, gallery, image viewer and export of one table of objects, linked by one selection."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.export.view import ExportPanel
from galviz.tools.formatting import beside
from galviz.tools.gallery.view import Gallery
from galviz.tools.labels.core import Labels
from galviz.tools.plots.defaults import default_plots
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection
from galviz.tools.selection.view import SelectionBar
from galviz.tools.table.view import TableView
from galviz.tools.viewer.stretch import ALL
from galviz.tools.viewer.view import FocusView

_TABLE_ROWS = 200_000  # a larger table is not shown as pages of rows
_PLOT = PlotView.SAVED
_GALLERY = ("order", "descending", "filter", "captions", "tile", "only_selected")
_RENAMED = {"only_chosen": "only_selected"}  # in views that were saved by galviz 0.1
KEYS = {"g": "good", "b": "bad", "q": "unsure"}
"""Key → label, by default."""


class Explorer(pn.viewable.Viewer):
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

    Attributes
    ----------
    lead : callable, optional
        Returns parts that stand first: one beside the gallery, the others below the two. Set it before the first view.
    """

    changed = param.Integer(default=0, doc="grows whenever `state` would give something else")

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
    ) -> None:
        super().__init__()
        self.table, self.cutouts, self.axes = table, cutouts, dict(columns or {})
        self.lead: Callable[[], list[Any]] | None = None
        self.selection = Selection() if selection is None else selection
        self.selection.show(table)
        self.bar = SelectionBar(self.selection)
        given = list(plots) or first_plots(table, units)
        self.plots = [PlotView(self.selection, lambda: self.bar.how, self.axes, units, **one) for one in given]
        self.gallery = Gallery(cutouts, table, self.selection, labels=labels, keys=keys, height=420)
        stretch_view = self.gallery.stretch_view
        self.picture = None
        if cutouts is not None:
            first = stretch_view.picture if cutouts.unit == "display" else ALL
            self.picture = FocusView(
                cutouts,
                self.selection,
                table,
                stretch_view=stretch_view,
                labels=labels,
                ids=table.index,
                picture=first,
                height=420,
            )
        more = {"source": source, "opening": opening, "id_column": id_column, "run": run, "units": units}
        more["notes"] = notes
        stretch = None if stretch_view is None else stretch_view.stretch
        self.out = ExportPanel(table, self.selection, cutouts=cutouts, stretch=stretch, **more)
        for part, names in self.parts():
            part.param.watch(self._changed, names)

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

    def _changed(self, *_: param.parameterized.Event) -> None:
        self.changed += self.current

    def state(self) -> dict[str, Any]:
        """Return the selection and the settings of all views as JSON values, for `restore`."""
        state: dict[str, Any] = {"selection": self.selection.to_json()}
        state["plots"] = [plot.state() for plot in self.plots]
        state["gallery"] = _different(self.gallery, _GALLERY)
        if self.gallery.stretch_view is not None:
            state["look"] = _different(self.gallery.stretch_view, self.gallery.stretch_view.names)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned, over a table with the same columns.

        Raises
        ------
        ValueError or KeyError
            If the state does not fit this table or this version.
        """
        for plot, given in zip(self.plots, state.get("plots", []), strict=False):
            plot.param.update(**_known(given, _PLOT))
        gallery = {_RENAMED.get(name, name): value for name, value in state.get("gallery", {}).items()}
        self.gallery.param.update(**_known(gallery, _GALLERY))
        if self.gallery.stretch_view is not None:
            self.gallery.stretch_view.param.update(**_known(state.get("look", {}), self.gallery.stretch_view.names))
        selection = state.get("selection", {})
        self.selection.replay((name, given) for name, given in selection.get("steps", []))
        self.selection.focus = selection.get("focus") or self.selection.focus

    def copy_settings(self, other: "Explorer") -> None:
        """Take over the settings of plots, gallery and stretch from the explorer of a table with the same columns."""
        for (part, names), (theirs, _) in zip(self.parts()[1:], other.parts()[1:], strict=True):
            part.param.update(**{name: getattr(theirs, name) for name in names})

    def __panel__(self) -> pn.viewable.Viewable:
        wide = {"sizing_mode": "stretch_width"}
        above = beside(*(self.plots if self.picture is None else [pn.Column(*self.plots), self.picture]))
        more = []
        if len(self.table) <= _TABLE_ROWS:
            more = [pn.Card(TableView(self.table, self.selection), title="Table", collapsed=True, **wide)]
        out = pn.Card(self.out, title="Export: files, Python, SAMP", collapsed=True, **wide)
        if self.lead is None:
            return pn.Column(self.bar, above, self.gallery, *more, out, **wide)
        first, *others = self.lead()
        return pn.Column(self.bar, beside(first, self.gallery), *others, above, *more, out, **wide)


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
