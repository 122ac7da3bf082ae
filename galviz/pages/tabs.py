"""The tabs of a page: their bar, which unlike Bokeh's supports keyboards and screen readers, and their content."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from galviz.pages.library import NO_RUN
from galviz.pages.state import PageState
from galviz.pages.workspace import Section, Workspace, empty_place, fills, scrolls
from galviz.tools.client import script
from galviz.tools.formatting import note


class TabBar(pn.custom.JSComponent):
    """A row of tabs; arrow keys, Home and End move between them."""

    names = param.List(default=[], item_type=str, doc="names of the tabs")
    active = param.String(default="", doc="name of the tab that is open, or is to be opened")
    shown = param.String(
        default="", doc="name of the tab whose content is shown; another that is active is being built"
    )

    _esm = script(Path(__file__), "tabs.js")
    _stylesheets: ClassVar[list[str]] = [
        """
.bar { display: flex; flex-wrap: wrap; gap: 4px; border-bottom: 1px solid rgba(128, 128, 128, 0.4) }
button { padding: 8px 16px; border: 0; border-bottom: 3px solid transparent; background: none; color: inherit }
button { font: inherit; cursor: pointer; opacity: 0.75 }
button:hover, button[aria-selected="true"] { opacity: 1 }
button[aria-selected="true"] { border-bottom-color: #1f86c8; font-weight: 600 }
button:focus-visible { outline: 2px solid #1f86c8; outline-offset: -2px }
:host { position: relative; z-index: 20 }
.busy { position: absolute; top: 100%; left: 0; right: 0; height: 100vh; padding: 24px 16px; font-weight: 600 }
.busy { background: color-mix(in srgb, var(--panel-background-color, Canvas) 85%, transparent) }
.busy { animation: appear 0s 60ms both }
.busy[hidden] { display: none }
.busy::before { content: ""; display: inline-block; width: 12px; height: 12px; margin-right: 10px; border-radius: 50% }
.busy::before { border: 2px solid #1f86c8; border-top-color: transparent; animation: turn 0.8s linear infinite }
@keyframes appear { from { visibility: hidden } }
@keyframes turn { to { transform: rotate(360deg) } }
@media (prefers-reduced-motion: reduce) { .busy::before { animation: none } }
"""
    ]


class TabContent(Workspace):
    """The content of one tab. It is made when the tab opens, and again when what it shows has changed meanwhile.

    A tab that is not open stays as it is: the selection of the page shows the table of the open one. Content that is
    replaced is closed, if it has a method ``close``, and follows the selection no longer.

    Parameters
    ----------
    page : PageState
    tab : str
        Name of the tab.
    make : callable
        Returns the content.
    shows : callable
        Returns what the content depends on, such as the name of a run; compared with ``==``.
    *inputs : param.Parameter
        Parameters whose changes may change that.
    """

    made = param.Parameter(default=None, doc="the content")

    def __init__(
        self, page: PageState, tab: str, make: Callable[[], Any], shows: Callable[[], Any], *inputs: param.Parameter
    ) -> None:
        super().__init__()
        self.page, self.tab, self._make, self._shows, self._inputs = page, tab, make, shows, inputs
        self._body: pn.viewable.Viewable | None = None
        self._of: Any = None

    def body(self, *_: object) -> pn.viewable.Viewable:
        """Return the content."""
        if self._body is None or (self.page.tab == self.tab and self._shows() != self._of):
            self._of = self._shows()
            getattr(self.made, "close", lambda: None)()
            self.page.followers.release()
            made = self._make()
            self._body = made.main() if isinstance(made, Workspace) else scrolls(made)
            self.made = made
        return self._body

    def main(self) -> pn.viewable.Viewable:
        """Return the content, which is made again when it has to."""
        return fills(pn.bind(self.body, self.page.param.tab, *self._inputs))

    def left(self) -> list[Section]:
        """Return what the content has for the left drawer."""
        return self.made.left() if isinstance(self.made, Workspace) else []

    def right(self) -> list[Section]:
        """Return what the content has for the right drawer."""
        return self.made.right() if isinstance(self.made, Workspace) else []


def no_run(page: PageState) -> pn.viewable.Viewable:
    """Return what a tab shows that needs a run while there is none: a note, and the way to train one."""
    train = pn.widgets.Button(label="Train a network", color="primary", on_click=lambda _: page.open("train"))
    return empty_place(pn.Column(note(NO_RUN), *([train] if "train" in page.tabs else [])))
