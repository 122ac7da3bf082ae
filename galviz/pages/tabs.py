"""The tabs of a page: their bar, which unlike Bokeh's supports keyboards and screen readers, and their content."""

from collections.abc import Callable
from typing import Any, ClassVar

import panel as pn
import param

from galviz.pages.state import PageState


class TabBar(pn.custom.JSComponent):
    """A row of tabs; arrow keys, Home and End move between them."""

    names = param.List(default=[], item_type=str, doc="what the tabs are called")
    active = param.String(default="", doc="name of the tab that is open")

    _esm = """
export function render({model}) {
  const bar = document.createElement("div")
  bar.className = "bar"
  bar.setAttribute("role", "tablist")
  const tabs = model.names.map((name) => {
    const tab = document.createElement("button")
    tab.type = "button"
    tab.setAttribute("role", "tab")
    tab.textContent = name[0].toUpperCase() + name.slice(1)
    tab.onclick = () => { model.active = name }
    return tab
  })
  const mark = () => tabs.forEach((tab, k) => {
    const open = model.names[k] === model.active
    tab.className = open ? "bk-tab bk-active" : "bk-tab"
    tab.setAttribute("aria-selected", String(open))
    tab.tabIndex = open ? 0 : -1
  })
  bar.onkeydown = (event) => {
    const now = model.names.indexOf(model.active), last = tabs.length - 1
    const to = {ArrowRight: Math.min(now + 1, last), ArrowLeft: Math.max(now - 1, 0), Home: 0, End: last}[event.key]
    if (to === undefined) return
    event.preventDefault()
    model.active = model.names[to]
    tabs[to].focus()
  }
  bar.append(...tabs)
  model.on("active", mark)
  mark()
  return bar
}
"""
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


class TabContent(pn.viewable.Viewer):
    """The content of one tab. It is made when the tab opens, and again when what it shows has changed meanwhile.

    A tab that is not open stays as it is: the selection of the page shows the table of the open one.

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
            self._body = pn.panel(self._make())
        return self._body

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(pn.bind(self.body, self.page.param.tab, *self._inputs), sizing_mode="stretch_width")
