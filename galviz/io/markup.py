"""HTML that is safe by default: text is escaped, unless our own code marks it as HTML.

Text comes from tables, file names, page addresses and other programs, and may contain anything. `Markup` marks HTML
that galviz has written; its ``format`` and ``join`` escape their arguments. Every pane, widget and table that shows
HTML passes its content through `as_html`.
"""

import re
from typing import Any

from markupsafe import Markup, escape

__all__ = ["Markup", "as_html", "as_markdown"]


def as_html(content: Any) -> str:
    """Return HTML that shows `content`: `Markup` unchanged, anything else escaped, None as an empty text."""
    return str(escape("" if content is None else content))


def as_markdown(text: str) -> str:
    """Return Markdown that shows `text` literally, on one line."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
