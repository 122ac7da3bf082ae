"""The tab bar of a page. Unlike Bokeh's tabs it supports keyboards and screen readers."""

from pathlib import Path
from typing import ClassVar

import panel as pn
import param

from galviz.tools.client import script


class TabBar(pn.custom.JSComponent):
    """A row of tabs; arrow keys, Home and End move between them."""

    names = param.List(default=[], item_type=str, doc="what the tabs are called")
    active = param.String(default="", doc="name of the tab that is open")

    _esm = script(Path(__file__), "tabs.js")
    _stylesheets: ClassVar[list[str]] = [
        """
.bar { display: flex; flex-wrap: wrap; gap: 4px; border-bottom: 1px solid rgba(128, 128, 128, 0.4) }
button { padding: 8px 16px; border: 0; border-bottom: 3px solid transparent; background: none; color: inherit }
button { font: inherit; cursor: pointer; opacity: 0.75 }
button:hover, button[aria-selected="true"] { opacity: 1 }
button[aria-selected="true"] { border-bottom-color: #1f86c8; font-weight: 600 }
button:focus-visible { outline: 2px solid #1f86c8; outline-offset: -2px }
"""
    ]
