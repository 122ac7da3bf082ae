"""The shell of all pages: a bar with data, run and search, two drawers, and a main area that fills the screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import param
from panel.util import edit_readonly
from panel.widgets.base import WidgetBase
from param import concrete_descendents

from galviz.pages.state import query, write_query
from galviz.pages.visitors import guard_requests, may_visit, refused_page
from galviz.pages.workspace import Workspace, drawer
from galviz.tools._panel import keep_fields, keep_modules
from galviz.tools.client import script
from galviz.tools.formatting import built_when
from galviz.tools.toasts import show_toasts

keep_fields()

_WIDGETS = (Path(__file__).parent / "widgets.css").read_text(encoding="utf-8")
BAR = 56
"""Height of the top bar, px."""

_SX = {
    "& .MuiAppBar-root": {
        "backgroundColor": "background.paper",
        "color": "text.primary",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
        "backgroundImage": "none",
    },
    "& .MuiToolbar-root": {"minHeight": f"{BAR}px !important", "height": f"{BAR}px"},
    "& .title": {"fontSize": "1.05rem", "color": "inherit !important"},
    "& .MuiAppBar-root a": {"color": "inherit"},
    # A closed drawer keeps its place beyond the edge, where its content could be seen and scrolled to.
    "& .MuiLinearProgress-root": {"display": "none"},  # it stands for `busy`, which is not followed, and has no name
    "& .MuiDrawer-paper[style*='visibility: hidden']": {"display": "none"},
    "& .MuiDrawer-paper .MuiToolbar-root, & .main .MuiToolbar-root": {"margin": "0 !important"},
    "overflow": "clip",
}
_THEME = {"palette": {"primary": {"main": "#1f6fa8"}}, "typography": {"fontSize": 13}, "shape": {"borderRadius": 6}}


class Browser(pn.custom.JSComponent):
    """What stays in the browser: the theme, remembered for all pages, and the list of keys."""

    dark = param.Boolean(default=False)
    given = param.Boolean(default=False, doc="whether the address names a theme")
    narrow = param.Boolean(default=False, doc="whether a drawer would leave no room for the main area")
    roomy = param.Boolean(default=True, doc="whether there is room for a drawer beside the main area")

    _esm = script(Path(__file__), "shell.js")
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_suffix(".css").read_text(encoding="utf-8")]

    def send(self, message: dict[str, str]) -> None:
        """Send a toast to the browser."""
        self._send_msg(message)


def page_template(name: str, make: Callable[[], Any]) -> pmui.Page | pn.template.base.BaseTemplate:
    """Return the page of a dashboard for one visitor, or a refusal if they may not use it.

    Parameters
    ----------
    name : str
        Subject of the page, used in its title.
    make : callable
        Returns the content; not called for a visitor who may not use the page. A `Workspace` fills the drawers too, and
        may have a method ``bar`` that returns what stands in the top bar.
    """
    guard_requests()
    if not may_visit():
        return refused_page()
    pn.extension("tabulator", notifications=False)
    for widget in (*concrete_descendents(WidgetBase).values(), pn.Card):
        if _WIDGETS not in widget.param.stylesheets.default:
            widget.param.stylesheets.default = [*widget.param.stylesheets.default, _WIDGETS]
    keep_modules()
    content = make()
    themed = query().get("theme", "")
    browser = Browser(dark=themed == "dark", given=bool(themed), margin=(0, 4), align="center")
    bar = content.bar() if hasattr(content, "bar") else []
    page = pmui.Page(
        title=f"galviz · {name}", main=[filled(content)], header=[pn.Row(*bar, sizing_mode="stretch_width"), browser],
        sidebar=[*drawer(content, "left")], dark_theme=browser.dark, site_url="./",
        sidebar_width=300, contextbar_width=400, contextbar_variant="auto", contextbar_resizable=True,
        busy_indicator=None, sx=_SX, theme_config=_THEME,
    )  # fmt: skip
    page.contextbar = [built_when(page.param.contextbar_open, lambda: drawer(content, "right"), margin=0)]
    with edit_readonly(page):
        page.busy = False  # else each poll turns it on and off, and for that Panel walks through all models of the page
    browser.link(page, dark="dark_theme", bidirectional=True)
    show_toasts(browser.send)
    keep_drawer(page, browser, content)
    page.param.watch(lambda event: write_query(theme="dark" if event.new else "light"), "dark_theme")
    return page


def keep_drawer(page: pmui.Page, browser: Browser, content: Any) -> None:
    """Shut the left drawer where it is empty or there is no room for it, else as the visitor left it."""
    wanted = {"open": True}

    def follow(*_: param.parameterized.Event) -> None:
        room = wanted["open"] and browser.roomy and getattr(content, "has_left", True)
        page.sidebar_open = room or not page.sidebar  # shut, a drawer moves the main area, also if there is none

    def remember(event: param.parameterized.Event) -> None:
        if browser.roomy and getattr(content, "has_left", True):
            wanted["open"] = event.new

    page.param.watch(remember, "sidebar_open")
    browser.param.watch(lambda event: event.new and page.param.update(contextbar_open=False), "narrow")
    browser.param.watch(follow, "roomy")
    if isinstance(content, Workspace) and "has_left" in content.param:
        content.param.watch(follow, "has_left")
    follow()


def filled(content: Any) -> pn.Column:
    """Return the main area: a workspace fills it, anything else scrolls."""
    inside = content.main() if isinstance(content, Workspace) else content
    styles = {"height": f"calc(100vh - {BAR}px)", "overflow": "hidden", "padding": "0 6px"}
    if not isinstance(content, Workspace):
        styles["overflow"] = "auto"
    return pn.Column(inside, sizing_mode="stretch_both", margin=0, styles=styles, css_classes=["galviz-main"])
