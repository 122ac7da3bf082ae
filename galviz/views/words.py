"""Values as words for a page, and how its columns share the width."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.compute import Work

NOT_KNOWN = "–"

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


def text(content: Any, **more: Any) -> pn.pane.HTML:
    """Show HTML, or what gives HTML, in the look of the page's words."""
    return pn.pane.HTML(content, stylesheets=[_CSS], **more)


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


def said(message: str) -> pn.pane.HTML:
    """Show why something cannot be done."""
    return text(f"<div class='bad' role='alert'>{message}</div>" if message else "")


def shown_value(value: Any) -> str:
    """Write a value of a table for a reader, safe in HTML: four significant digits for numbers, – where not known."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return NOT_KNOWN
    if isinstance(value, float | np.floating):
        return f"{value:.4f}".rstrip("0").rstrip(".") if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"
    return escape(str(value))


def shown_seconds(seconds: float | None) -> str:
    """Write a duration: ``"1:05"`` for 65 s, ``"1:01:05"`` for an hour more, – where not known."""
    if seconds is None or not np.isfinite(seconds):
        return NOT_KNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shown_work(work: Work) -> str:
    """Say how far slow work is, as HTML with a bar."""
    words = {"done": "done", "cancelled": f"cancelled after {work.done:,} of {work.total:,} parts", "failed": "failed"}
    left = f"{work.done:,} of {work.total:,} parts · {shown_seconds(work.eta_s)} left" if work.done else "starting …"
    bar = f"<progress value='{work.done}' max='{max(work.total, 1)}'></progress>"
    return f"<div role='status'>{bar} {words.get(work.status, left)}</div>"


def shown_time(seconds: float | None) -> str:
    """Write a moment, seconds since 1970, as date and time of this machine."""
    if not seconds:
        return NOT_KNOWN
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def shown_error(error: Exception) -> str:
    """Write an error for a reader: what it says, without the quotes that Python puts around a KeyError."""
    return escape(str(error.args[0] if isinstance(error, KeyError) and error.args else error))


def safe_for_page(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table fit for a browser: whole numbers that a float cannot hold become text, such as 19-digit ids."""
    known = {name: table[name].dropna() for name in table.select_dtypes("integer")}
    big = [name for name, n in known.items() if len(n) and max(abs(int(n.min())), abs(int(n.max()))) >= 2**53]
    return table.astype(dict.fromkeys(big, "str"))
