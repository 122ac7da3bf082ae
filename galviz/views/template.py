"""The empty page that all pages here begin with."""

from pathlib import Path

import panel as pn
from panel.widgets.base import WidgetBase
from param import concrete_descendents

_CSS, _WIDGETS = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("page.css", "widgets.css"))


def page_template(name: str) -> pn.template.BootstrapTemplate:
    """Make an empty page with the look of all pages here.

    Parameters
    ----------
    name : str
        What it is about, for its title.
    """
    pn.extension("tabulator", notifications=False)
    for widget in concrete_descendents(WidgetBase).values():
        if _WIDGETS not in widget.param.stylesheets.default:
            widget.param.stylesheets.default = [*widget.param.stylesheets.default, _WIDGETS]
    return pn.template.BootstrapTemplate(title=f"galviz · {name}", raw_css=[_CSS], busy_indicator=None)
