"""Values as words for a page, and how its columns share the width."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup, as_html
from galviz.tools._panel import send_in_order, send_what_is_left
from galviz.work.chunks import Work

send_what_is_left()  # every view imports this module
send_in_order()

NOT_KNOWN = "–"

REFUSED = (ValueError, OSError, RuntimeError)
"""Errors of the library that are shown to the user as they are."""

PICTURES = {"flex": "0 1 880px", "min-width": "0", "max-width": "100%"}
FORM = {"flex": "1 1 400px", "max-width": "720px"}
GROW = {"flex": "1 1 420px", "min-width": "0"}
"""How columns share the width of a page: six pictures in two rows, and the rest."""


TABLE_CSS = """
:host .tabulator { font-size: 12px }
:host .tabulator .tabulator-footer { background: none; color: inherit }
:host .tabulator .tabulator-footer .tabulator-page { background: none; color: inherit }
:host .tabulator .tabulator-footer .tabulator-page.active { background: #1f86c8; color: white }
"""
"""Tables with the letters of the page, also in the dark."""

_CSS = (Path(__file__).parent / "text.css").read_text(encoding="utf-8")


class Text(pn.pane.HTML):
    """A pane that shows text as it is written; only a `galviz.io.markup.Markup` is HTML."""

    priority: ClassVar[float | bool | None] = 0  # Panel never picks this pane for an object of its own accord

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        return super()._transform_object(as_html(obj))


class Choices(pn.widgets.MultiChoice):
    """A choice of several names. The browser's part (Choices.js) reads labels as HTML, so they are escaped."""

    @property
    def labels(self) -> list[str]:
        """The labels as HTML."""
        return [as_html(label) for label in super().labels]


def text(content: Any, **more: Any) -> Text:
    """Show text, `galviz.io.markup.Markup`, or what a function, method or parameter returns of either."""
    return Text(content, stylesheets=[_CSS], **more)


def note(content: str, role: str = "note") -> Text:
    """Show a remark."""
    return text(Markup("<p class='note' role='{}'>{}</p>").format(role, content))


def data_table(table: pd.DataFrame, **looks: Any) -> pn.widgets.Tabulator:
    """Show a table that can be read, not edited. Tabulator reads column titles as HTML, so they are escaped."""
    names = [*table.columns, table.index.name or "index"]
    looks = {"disabled": True, "selectable": False, "layout": "fit_data_fill", "sizing_mode": "stretch_width"} | looks
    return pn.widgets.Tabulator(
        table, titles={name: as_html(str(name)) for name in names}, stylesheets=[TABLE_CSS], **looks
    )


def drawn(plot: Any) -> pn.pane.HoloViews:
    """Show a figure, as wide as its place, with axes of its own."""
    return pn.pane.HoloViews(plot, linked_axes=False, sizing_mode="stretch_width")


def beside(*parts: Any) -> pn.Row:
    """Put parts side by side, as many as there is room for.

    Figures in Panel's FlexBox, which is made of a template, now and then miss the width that they come to have: they
    are never drawn, and Bokeh never says that the page is ready.
    """
    columns = (pn.Column(part, styles=GROW) for part in parts)
    return pn.Row(*columns, styles={"flex-wrap": "wrap"}, sizing_mode="stretch_width")


def field(parameter: param.Parameter, **looks: Any) -> pn.widgets.Widget:
    """Make the widget of a parameter, linked both ways, without the frame that Panel puts around it."""
    return pn.Param(parameter, widgets={parameter.name: looks}, display_threshold=-float("inf"))[0]


def said(message: str) -> Text:
    """Show why something cannot be done."""
    return text(Markup("<div class='bad' role='alert'>{}</div>").format(message) if message else "")


def shown_value(value: Any) -> str:
    """Write a value of a table for a reader: four significant digits for numbers, – where not known."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return NOT_KNOWN
    if isinstance(value, float | np.floating):
        return f"{value:.4f}".rstrip("0").rstrip(".") if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"
    return str(value)


def shown_seconds(seconds: float | None) -> str:
    """Write a duration: ``"1:05"`` for 65 s, ``"1:01:05"`` for an hour more, – where not known."""
    if seconds is None or not np.isfinite(seconds):
        return NOT_KNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shown_work(work: Work) -> Markup:
    """Say how far slow work is, with a bar."""
    words = {"done": "done", "cancelled": f"cancelled after {work.done:,} of {work.total:,} parts", "failed": "failed"}
    left = f"{work.done:,} of {work.total:,} parts · {shown_seconds(work.eta_s)} left" if work.done else "starting …"
    bar = Markup("<progress value='{}' max='{}'></progress>").format(work.done, max(work.total, 1))
    return Markup("<div role='status'>{} {}</div>").format(bar, words.get(work.status, left))


def shown_time(seconds: float | None) -> str:
    """Write a moment, seconds since 1970, as date and time of this machine."""
    if not seconds:
        return NOT_KNOWN
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def shown_error(error: Exception) -> str:
    """Write an error for a reader: what it says, without the quotes that Python puts around a KeyError."""
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)
