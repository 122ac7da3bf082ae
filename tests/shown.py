"""What a view shows, as a test reads it."""

from typing import Any

import panel as pn


def texts(view: Any) -> list[str]:
    """Return the texts of a view, in order."""
    return [str(pane.object) for pane in pn.panel(view).select(pn.pane.HTML)]


def said(view: Any) -> str:
    """Return all that a view says."""
    return " ".join(texts(view))
