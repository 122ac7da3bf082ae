"""Helpers of all views: values as text, text and tables as panes, and the widths of columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup, as_html
from galviz.measure.slices import decimals
from galviz.tools._panel import (
    inline_styles_of_changes,
    keep_changes_of_new_pages,
    keep_chosen_tools,
    refresh_at_leisure,
    remember_defaults,
    send_in_order,
    send_what_is_left,
    skip_matplotlib_import,
)

if TYPE_CHECKING:
    from galviz.work.chunks import Work

send_what_is_left()  # every view imports this module
send_in_order()
skip_matplotlib_import()
refresh_at_leisure()
keep_changes_of_new_pages()
inline_styles_of_changes()
keep_chosen_tools()
remember_defaults()

NOT_KNOWN = "–"

LOWEST = 220
"""Smallest height of a figure in a pane, px."""

REFUSED = (ValueError, OSError, RuntimeError)
"""Errors whose messages are shown to the user."""

PICTURES = {"flex": "0 1 880px", "min-width": "0", "max-width": "100%"}
GROW = {"flex": "1 1 420px", "min-width": "0"}
"""CSS widths of the columns of a page: six pictures in two rows, and any other part."""


TABLE_CSS = """
:host .tabulator { font-size: 12px }
:host .tabulator .tabulator-footer { background: none; color: inherit }
:host .tabulator .tabulator-footer .tabulator-page { background: none; color: inherit }
:host .tabulator .tabulator-footer .tabulator-page.active { background: #1f86c8; color: white }
"""
"""Style of tables: font size, and colours that also suit a dark page."""

_NOTEBOOK_TABLE_CSS = """
:host .tabulator, :host :is(.tabulator-header, .tabulator-col, .tabulator-table, .tabulator-row) {
  background-color: var(--jp-layout-color0); color: var(--jp-ui-font-color1) }
:host .tabulator-row.tabulator-selected { background-color: #9abcea; color: #222 }
"""

_CSS = (Path(__file__).parent / "text.css").read_text(encoding="utf-8")


class Text(pn.pane.HTML):
    """A pane that escapes its text; only a `galviz.io.markup.Markup` is shown as HTML."""

    priority: ClassVar[float | bool | None] = 0  # so that Panel never selects this pane automatically

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        return super()._transform_object(as_html(obj))


class Choices(pn.widgets.MultiChoice):
    """A choice of several names. Labels are escaped, as its browser part (Choices.js) reads them as HTML."""

    @property
    def labels(self) -> list[str]:
        """The labels as HTML."""
        return [as_html(label) for label in super().labels]


def text(content: Any, css: str = "", **more: Any) -> Text:
    """Show text, `galviz.io.markup.Markup`, or what a function, method or parameter returns of either."""
    return Text(content, stylesheets=[_CSS, css] if css else [_CSS], **more)


def note(content: str, role: str = "note") -> Text:
    """Show a short note."""
    return text(Markup("<p class='note' role='{}'>{}</p>").format(role, content))


def data_table(table: pd.DataFrame, **options: Any) -> pn.widgets.Tabulator:
    """Show a read-only table. Column titles are escaped, as Tabulator reads them as HTML."""
    options = {
        "titles": titles(table),
        "disabled": True,
        "selectable": False,
        "layout": "fit_data_fill",
        "sizing_mode": "stretch_width",
    } | options
    on_page = pn.state.curdoc and pn.state.curdoc.session_context
    css = [TABLE_CSS] if on_page else [TABLE_CSS, _NOTEBOOK_TABLE_CSS]
    return pn.widgets.Tabulator(table, stylesheets=css, **options)


def titles(table: pd.DataFrame) -> dict[str, str]:
    """Return column → its name, escaped: a column without a title would have its name read as HTML."""
    return {name: as_html(str(name)) for name in (*table.columns, table.index.name or "index")}


class Figure(pn.pane.HoloViews):
    """A pane of a figure. Each time it is drawn, it shows the present state.

    HoloViews keeps what a dynamic map returned first, and would draw that when a tab is opened again: the focus and the
    selection of the time when the figure was made.
    """

    priority: ClassVar[float | bool | None] = 0  # so that Panel never selects this pane automatically

    def _render(self, *args: Any, **options: Any) -> Any:
        self.object.traverse(hv.DynamicMap.reset, [hv.DynamicMap])
        return super()._render(*args, **options)


def drawn(plot: Any, sizing_mode: str = "stretch_width", **options: Any) -> Figure:
    """Show a figure that fills the width, with its own axes."""
    return Figure(plot, linked_axes=False, sizing_mode=sizing_mode, **options)


def filling(plot: Any) -> Figure:
    """Show a figure that fills its pane in both directions."""
    return drawn(plot.opts(height=None, min_height=LOWEST), sizing_mode="stretch_both", min_height=LOWEST)


def built_when(shown: param.Parameter, make: Callable[[], Any], **options: Any) -> pn.Column:
    """Return a column that is empty until a Boolean parameter is first true.

    Content that nobody sees yet would cost time while the page opens, on the server and in the browser.
    """
    column = pn.Column(**options)

    def build(*_: param.parameterized.Event) -> None:
        if getattr(shown.owner, shown.name) and not len(column):
            column.append(make())

    shown.owner.param.watch(build, shown.name)
    build()
    return column


def beside(*parts: Any) -> pn.Row:
    """Put parts side by side, wrapping where the page is too narrow.

    Panel's FlexBox is a template. Figures in it sometimes miss the change of their width: they are never drawn, and
    Bokeh never reports that the page is ready.
    """
    columns = (pn.Column(part, styles=GROW) for part in parts)
    return pn.Row(*columns, styles={"flex-wrap": "wrap"}, sizing_mode="stretch_width")


def field(parameter: param.Parameter, **options: Any) -> pn.widgets.Widget:
    """Return the widget of a parameter, linked both ways, without Panel's frame around it, which takes time to make."""
    return pn.Param.widget(parameter.name, parameter.owner, options)


def error_note(message: str) -> Text:
    """Show an error message; empty if there is none."""
    return text(Markup("<div class='bad' role='alert'>{}</div>").format(message) if message else "")


def shown_value(value: Any) -> str:
    """Return a value of a table as text: floats with four decimals or in scientific notation; – if missing."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return NOT_KNOWN
    if isinstance(value, float | np.floating):
        return f"{value:.4f}".rstrip("0").rstrip(".") if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"
    return str(value)


def shown_seconds(seconds: float | None) -> str:
    """Return a duration as text: ``"1:05"`` for 65 s, ``"1:01:05"`` for 3665 s; – if unknown."""
    if seconds is None or not np.isfinite(seconds):
        return NOT_KNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shown_work(work: "Work") -> Markup:
    """Return the progress of a request as HTML, with a bar."""
    words = {"done": "done", "cancelled": f"cancelled after {work.done:,} of {work.total:,} parts", "failed": "failed"}
    left = f"{work.done:,} of {work.total:,} parts · {shown_seconds(work.eta_s)} left" if work.done else "starting …"
    bar = Markup("<progress value='{}' max='{}'></progress>").format(work.done, max(work.total, 1))
    return Markup("<div role='status'>{} {}</div>").format(bar, words.get(work.status, left))


def shown_time(seconds: float | None) -> str:
    """Return a time, in seconds since 1970, as local date and time."""
    if not seconds:
        return NOT_KNOWN
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def shown_error(error: Exception) -> str:
    """Return the message of an error, without the quotes that Python puts around a KeyError."""
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


_MEASURES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "bias",
    "sigma": "σ",
    "sigma_nmad": Markup("σ<sub>NMAD</sub>"),
    "r2": "R²",
}
_WITH_UNIT = ("mae", "rmse", "bias", "sigma", "sigma_nmad")


def measure_name(name: str) -> str:
    """Return a metric of `galviz.measure.metrics.summary` as it is written; one that is not known stays as it is."""
    return _MEASURES.get(name, "outlier fraction" if name.startswith("outlier_fraction") else name)


def written_measure(name: str, value: float, low: float, high: float, unit: str = "") -> tuple[str, str, str]:
    """Return a metric and the ends of its interval as text, with the digits that the interval allows.

    – where undefined. The value of a metric in the unit of the truth has its unit.
    """
    if not np.isfinite(value):
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    width = high - low if np.isfinite(high - low) else 0.0
    digits = max(decimals(max(width, abs(value) / 100)) + 1, 4 if abs(value) < 100 else 0)
    number, *ends = (
        f"{each:.{digits}f}".replace("-", "−") if np.isfinite(each) else NOT_KNOWN for each in (value, low, high)
    )
    return f"{number}{f' {unit}' if unit and name in _WITH_UNIT else ''}", *ends
