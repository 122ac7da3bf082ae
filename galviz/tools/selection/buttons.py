"""Base class of views with buttons that select objects, next to the text that describes them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.tools.formatting import NOT_KNOWN, shown_error, text
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import alert

SEARCHING = Markup("<p role='status'>Looking …</p>")


class SelectionButtons(pn.viewable.Viewer):
    """A view with buttons that select objects."""

    selection = param.ClassSelector(class_=Selection, constant=True)
    error = param.String(default="", doc="why the last step failed")

    def take(self, step: Callable[..., Any], *given: Any) -> None:
        """Run a method of the selection, or show why it failed."""
        try:
            step(*given)
        except (ValueError, KeyError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    @param.depends("error")
    def alert(self) -> pn.viewable.Viewable:
        """Show why the last step failed."""
        return alert(self.error)

    @staticmethod
    def line(button: pn.widgets.Button, words: str) -> pn.viewable.Viewable:
        """Return a button followed by text."""
        return pn.Row(button, text(words, align="center", sizing_mode="stretch_width"))


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the objects that are not ``in_training``: all, if the table does not say."""
    return table[~table["in_training"]] if "in_training" in table else table


def short(value: Any, digits: int = 4) -> str:
    """Return a value as short text."""
    return str(value) if isinstance(value, str) else NOT_KNOWN if pd.isna(value) else f"{value:.{digits}g}"
