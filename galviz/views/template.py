"""The empty page that all pages here begin with."""

from pathlib import Path

import panel as pn

_CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def page_template(name: str) -> pn.template.BootstrapTemplate:
    """Make an empty page with the look of all pages here.

    Parameters
    ----------
    name : str
        What it is about, for its title.
    """
    pn.extension("tabulator", notifications=False)
    return pn.template.BootstrapTemplate(title=f"galviz · {name}", raw_css=[_CSS], busy_indicator=None)
