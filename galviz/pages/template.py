"""The HTML template of all dashboards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
from panel.widgets.base import WidgetBase
from param import concrete_descendents

from galviz.pages.visitors import guard_requests, may_visit, refused_page

_CSS, _WIDGETS = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("page.css", "widgets.css"))


def page_template(name: str, make: Callable[[], Any]) -> pn.template.base.BaseTemplate:
    """Return the page of a dashboard for one visitor, or a refusal if they may not use it.

    Parameters
    ----------
    name : str
        Subject of the page, used in its title.
    make : callable
        Returns the content; not called for a visitor who may not use the page.
    """
    guard_requests()
    if not may_visit():
        return refused_page()
    pn.extension("tabulator", notifications=False)
    for widget in concrete_descendents(WidgetBase).values():
        if _WIDGETS not in widget.param.stylesheets.default:
            widget.param.stylesheets.default = [*widget.param.stylesheets.default, _WIDGETS]
    template = pn.template.BootstrapTemplate(title=f"galviz · {name}", raw_css=[_CSS], busy_indicator=None)
    template.main.append(make())
    return template
