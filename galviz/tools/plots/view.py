"""A plot of any columns, in which objects are selected with a tap, a box, a lasso, on a bar or on a cell."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn
import param

from galviz.sky.readers.positions import position_columns
from galviz.tools.columns.core import column_versions
from galviz.tools.formatting import built_when, drawn, error_note, field, shown_error, text
from galviz.tools.plots import core as plots
from galviz.tools.plots.defaults import default_plots
from galviz.tools.plots.figure import GUIDES
from galviz.tools.selection.core import Selection

KINDS = ("scatter", "histogram", "matrix", "sky map")
DIRECTIONS = ("as usual", "low to high", "high to low")
_HEIGHT = 360  # of a plot that stands alone on a page
_STYLE = (Path(__file__).parent / "plots.css").read_text(encoding="utf-8")
_ALWAYS = ("kind", "x", "y", "colour", "guide", "median", "log_x", "log_y")  # what the first plots of a table set


class PlotView(pn.viewable.Viewer):
    """One plot of the selection's table; selecting in it adds a step to the selection.

    Parameters
    ----------
    selection : Selection
        Its table is plotted. Selected objects are orange, the object in focus has a ring.
    how : callable, optional
        Returns how a new selection is combined with the present one: one of `galviz.tools.selection.core.HOW`.
    labels : mapping of str to str, optional
        Column → its name on an axis.
    units : mapping of str to str, optional
        Column → its unit, for the axes.
    """

    kind = param.Selector(default="scatter", objects=list(KINDS), label="Plot")
    x = param.String(default="", label="x", doc="a column, or an expression such as g - r")
    y = param.String(default="", label="y", doc="a column, or an expression such as g - r")
    colour = param.String(default="", label="Colour by", doc="a column, or an expression such as g - r; empty for none")
    density = param.Boolean(default=False, label="Density")
    guide = param.Selector(default="none", objects=list(GUIDES), label="Guide")
    bins = param.Integer(default=40, bounds=(2, 400), label="Bins")
    logarithmic = param.Boolean(default=False, label="Logarithmic counts")
    log_x = param.Boolean(default=False, label="Logarithmic x")
    log_y = param.Boolean(default=False, label="Logarithmic y")
    direction_x = param.Selector(default=DIRECTIONS[0], objects=list(DIRECTIONS), label="Direction of x")
    direction_y = param.Selector(default=DIRECTIONS[0], objects=list(DIRECTIONS), label="Direction of y")
    median = param.Boolean(default=False, label="Running median", doc="of 100 objects or more")
    contours = param.Boolean(default=False, label="Contours")
    errors = param.Boolean(default=False, label="Error bars")
    error_x = param.String(
        default="", label="Error of x", doc="a column or an expression; by default found by its name"
    )
    error_y = param.String(
        default="", label="Error of y", doc="a column or an expression; by default found by its name"
    )
    subsets = param.Boolean(default=False, label="Subsets", doc="each named subset in its own colour and shape")
    settings_open = param.Boolean(default=False, label="⋯", doc="more settings of the plot")

    SAVED = (
        "kind", "x", "y", "colour", "density", "guide", "bins", "logarithmic", "log_x", "log_y", "direction_x",
        "direction_y", "median", "contours", "errors", "error_x", "error_y", "subsets",
    )  # fmt: skip
    """Names of the parameters that a saved view has."""

    _redraw = param.Integer(default=0, doc="grows when named subsets that are shown have changed")

    def __init__(
        self,
        selection: Selection,
        how: Callable[[], str] = lambda: "replace",
        labels: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        **params: object,
    ) -> None:
        self.selection, self.table, self._how, self._labels = selection, selection.table, how, dict(labels or {})
        self.units: Mapping[str, str] = {} if units is None else units
        self._follow: plots.Follow = _nothing
        self._shown_subsets: tuple[tuple[str, int], ...] = ()
        super().__init__(**(self._first_axes() | params if not {"x", "y"} <= params.keys() else params))
        selection.param.watch(self._selected, ["version", "focus"])

    def _first_axes(self) -> dict[str, str]:
        """Return columns for x and y."""
        plot = next((one for one in default_plots(self.table, self.units) if "y" in one), None)
        names = [str(name) for name in self.table.select_dtypes("number")] or [str(name) for name in self.table]
        names = (*names, "", "") if len(names) != 1 else (names[0], names[0])
        return {name: plot[name] if plot else other for name, other in zip("xy", names, strict=False)}

    def state(self) -> dict[str, Any]:
        """Return the settings as JSON values: those that differ from their defaults, and those of the axes."""
        return {
            name: getattr(self, name)
            for name in self.SAVED
            if name in _ALWAYS or getattr(self, name) != self.param[name].default
        }

    def _selected(self, *events: param.parameterized.Event) -> None:
        if self.selection.table is not self.table:  # another tab is open, with another table
            return
        if self._shown_subsets != self._subsets_and_columns():
            self._redraw += 1
        else:
            self._follow(*events)

    def _subsets_and_columns(self) -> tuple[tuple[str, int], ...]:
        """Return what tells whether the subsets, or columns that were computed or joined, are still those drawn."""
        names, used = self.selection.names if self.subsets else (), (self.x, self.y, self.colour)
        added = [one for one in column_versions(self.table).items() if one[1] and any(str(one[0]) in u for u in used)]
        return (*((name, hash(self.selection.subset(name).tobytes())) for name in names), *added)

    @param.depends("kind", watch=True)
    def _find_positions(self) -> None:
        """Put positions on the axes of a sky map."""
        found = position_columns(self.table, self.units) if self.kind == "sky map" else None
        if found is not None and not {self.x, self.y} <= set(found):
            self.param.update(x=found[0], y=found[1])

    def _take(self, step: Callable[..., None], *given: Any) -> None:
        step(*given, how=self._how())

    def label(self, name: str) -> str:
        """Return the axis label of a column or an expression."""
        return self._labels.get(name, name)

    def drawing(self) -> plots.Drawing:
        """Return how a scatter plot or a sky map is drawn."""
        names = (self.x, self.y)
        usual = plots.usual_directions(self.table, names, self.units)
        wanted = (self.direction_x, self.direction_y)
        found = plots.error_columns(self.table, names)
        chosen = (self.error_x.strip(), self.error_y.strip())
        return plots.Drawing(
            density=self.density,
            guide=self.guide,
            log=(self.log_x, self.log_y),
            backwards=tuple(
                u if w == DIRECTIONS[0] else w == DIRECTIONS[2] for u, w in zip(usual, wanted, strict=True)
            ),
            median=self.median,
            contours=self.contours,
            errors=tuple(c or f for c, f in zip(chosen, found, strict=True)) if self.errors else ("", ""),
            subsets=self.subsets,
        )

    @param.depends(*SAVED, "_redraw")
    def plot(self) -> pn.viewable.Viewable:
        """Return the plot, or an error message. It fills the part of the page that it stands in."""
        try:
            plot, self._follow = self._drawn()
        except (ValueError, KeyError) as error:
            self._follow = _nothing
            return error_note(shown_error(error))
        return drawn(plot, sizing_mode="stretch_both", min_height=plots.MIN_HEIGHT)

    def _drawn(self) -> tuple[Any, plots.Follow]:
        names, axes = (self.x, self.y), (self.label(self.x), self.label(self.y))
        units = tuple("" if name in self._labels else plots.unit_of(name, self.table, self.units) for name in names)
        colour = (self.colour, self.label(self.colour)) if self.colour.strip() else None
        self._shown_subsets = self._subsets_and_columns()
        if self.kind == "scatter":
            more = {"drawing": self.drawing(), "colour": colour, "units": units}
            return plots.scatter(self.selection, names, axes, self._take, **more)
        if self.kind == "sky map":
            more = {"drawing": self.drawing(), "colour": colour, "units": self.units}
            return plots.sky_map(self.selection, names, self._take, **more)
        if self.kind == "histogram":
            more = {"bins": self.bins, "logarithmic": self.logarithmic, "unit": units[0], "log": self.log_x}
            more["reverse"] = self.drawing().backwards[0]
            return plots.histogram(self.selection, self.x, axes[0], self._take, **more)
        return plots.matrix(self.selection, names, axes, self._take)

    def _names(self, *more: str) -> dict[str, Any]:
        """Return the options of a field for a column or an expression."""
        typed = {"type": pn.widgets.AutocompleteInput, "restrict": False, "min_characters": 0, "case_sensitive": False}
        options = pn.bind(lambda _: [*more, *map(str, self.table.columns)], self.selection.param.shown)
        return typed | {"options": options, "sizing_mode": "stretch_width", "min_width": 70, "max_width": 190}

    def _kind_is(self, *kinds: str) -> Any:
        return self.param.kind.rx().rx.in_(kinds)

    def line(self) -> pn.viewable.Viewable:
        """Return the controls that stand above the plot: kind, x, y, colour, and a button for the others."""
        objects, counted = self._kind_is("scatter", "sky map"), self._kind_is("histogram")
        colour = self._names("") | {"visible": objects, "placeholder": "none"}
        more = {"type": pn.widgets.Toggle, "width": 40, "align": "end"}
        return pn.Row(
            field(self.param.kind, width=100),
            field(self.param.x, **self._names()),
            field(self.param.y, **self._names(), visible=counted.rx.not_()),
            field(self.param.colour, **colour),
            field(self.param.settings_open, **more),
            sizing_mode="stretch_width",
        )

    def settings(self) -> pn.viewable.Viewable:
        """Return the other settings in groups, for a popover or a drawer; only those that matter now are visible."""
        scatter, counted = self._kind_is("scatter"), self._kind_is("histogram")
        objects, axes = self._kind_is("scatter", "sky map"), self._kind_is("scatter", "histogram")
        switch = {"type": pn.widgets.Checkbox}
        bins = {"type": pn.widgets.IntInput, "start": 2, "end": 400, "width": 90}
        found = pn.bind(lambda x, y: plots.error_columns(self.table, (x, y)), self.param.x, self.param.y)
        errors = [
            self._names("") | {"placeholder": pn.bind(lambda names, k=k: names[k] or "none", found)} for k in (0, 1)
        ]
        switches = [field(self.param[each], **switch) for each in ("density", "contours", "subsets")]
        return pn.Column(
            _group("x axis", axes, field(self.param.log_x, **switch), field(self.param.direction_x, width=130)),
            _group("y axis", scatter, field(self.param.log_y, **switch), field(self.param.direction_y, width=130)),
            _group("Bars", counted, field(self.param.bins, **bins), field(self.param.logarithmic, **switch)),
            _group("Objects", objects, *switches),
            _group("Lines", scatter, field(self.param.guide, width=150), field(self.param.median, **switch)),
            _group(
                "Errors", scatter, field(self.param.errors, **switch),
                *(field(self.param[name], **more) for name, more in zip(("error_x", "error_y"), errors, strict=True)),
            ),
            sizing_mode="stretch_width",
        )  # fmt: skip

    def controls(self) -> pn.viewable.Viewable:
        """Return all controls; the settings are closed at first."""
        settings = built_when(self.param.settings_open, self.settings, visible=self.param.settings_open)
        return pn.Column(self.line(), settings, sizing_mode="stretch_width")

    def pane(self, *, floating: bool = True) -> pn.viewable.Viewable:
        """Return the plot, which fills its pane in both directions, under one line of controls.

        Parameters
        ----------
        floating : bool
            Whether the button ⋯ opens the settings over the plot. Else show `settings` elsewhere while `settings_open`.
        """
        both = {"sizing_mode": "stretch_both", "min_height": plots.MIN_HEIGHT}
        style = {"css_classes": ["galviz-plot-settings"], "stylesheets": [_STYLE]}
        over = built_when(self.param.settings_open, self.settings, visible=self.param.settings_open, **style)
        plot = pn.Column(self.plot, *([over] if floating else []), **both, styles={"position": "relative"})
        return pn.Column(self.line(), plot, **both)

    def __panel__(self) -> pn.viewable.Viewable:
        plot = pn.Column(self.plot, height=_HEIGHT, sizing_mode="stretch_width")
        return pn.Column(self.controls(), plot, sizing_mode="stretch_width")

    def close(self) -> None:
        """Follow the selection no longer."""
        watchers = self.selection.param.watchers.get("version", {}).get("value", [])
        for watcher in [one for one in watchers if one.fn == self._selected]:
            self.selection.param.unwatch(watcher)


def _group(title: str, visible: Any, *parts: pn.viewable.Viewable) -> pn.viewable.Viewable:
    heading = text(title, styles={"font-weight": "bold"}, margin=(4, 10, 0, 10))
    return pn.Column(heading, pn.FlexBox(*parts, align_items="flex-end"), visible=visible, sizing_mode="stretch_width")


def _nothing(*_: object) -> None:
    """Do nothing; used when there is no plot to update."""
