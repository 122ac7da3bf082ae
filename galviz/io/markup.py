"""HTML that is safe by default: text is shown as it is written, unless our own code marks it as HTML.

Text comes from tables, file names, the address of a page and other programs, and may contain anything. `Markup` marks
HTML that this program has written; its ``format`` and ``join`` escape what they put in. Every pane, widget and table
that shows HTML passes its content through `as_html`.
"""

import re
from typing import Any

from markupsafe import Markup, escape

__all__ = ["Markup", "as_html", "as_markdown"]


def as_html(content: Any) -> str:
    """Return HTML that shows `content`: a `Markup` as it is, all else escaped, None as nothing."""
    return str(escape("" if content is None else content))


def as_markdown(text: str) -> str:
    """Return Markdown that shows `text` in one line, character by character."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
