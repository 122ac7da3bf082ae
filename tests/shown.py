"""What a view shows, as a test reads it."""

from typing import Any

import panel as pn


def texts(view: Any) -> list[str]:
    """Return the texts of a view, in order."""
    return [str(pane.object) for pane in pn.panel(view).select(pn.pane.HTML)]


def all_text(view: Any) -> str:
    """Return all that a view says."""
    return " ".join(texts(view))


def script_of(out):
    """The Python of a selection, as an export shows it once it is open."""
    out.__panel__()
    return out.transfer.script
