"""Buttons that choose objects, beside the words that say why."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.tools.formatting import NOT_KNOWN, shown_error, text
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch import alert

LOOKING = Markup("<p role='status'>Looking …</p>")


class Opener(pn.viewable.Viewer):
    """What has buttons that choose objects."""

    selection = param.ClassSelector(class_=Selection, constant=True)
    error = param.String(default="", doc="why the last step could not be taken")

    def take(self, step: Callable[..., Any], *given: Any) -> None:
        """Take a step of the selection, or say why it cannot be taken."""
        try:
            step(*given)
        except (ValueError, KeyError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    @param.depends("error")
    def alert(self) -> pn.viewable.Viewable:
        """Say why the last step could not be taken."""
        return alert(self.error)

    @staticmethod
    def line(button: pn.widgets.Button, words: str) -> pn.viewable.Viewable:
        """Put a button before words."""
        return pn.Row(button, text(words, align="center", sizing_mode="stretch_width"))


def short(value: Any, digits: int = 4) -> str:
    """Write a value in few characters."""
    return str(value) if isinstance(value, str) else NOT_KNOWN if pd.isna(value) else f"{value:.{digits}g}"
