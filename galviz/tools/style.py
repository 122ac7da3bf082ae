"""What all figures share: colours that the colour-blind can tell apart, and plots without ornament."""

import re
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh

hv.Store.set_current_backend("bokeh")  # registers the options; unlike hv.extension it shows nothing in a notebook

BLUE, ORANGE, PINK, SKY, GREY = "#1F86C8", "#E69F00", "#CC79A7", "#56B4E9", "#8A8A8A"
"""After Okabe & Ito (2008), the blue lighter: they can be told apart by all eyes, on a white and on a black page."""

FOCUS = "#D55E00"
"""Colour of what is in focus, wherever it is shown."""


JOINER = "\u2060"
"""Cannot be seen; makes names differ, and breaks signs that a library would read."""


def _no_logo(plot: Any, _: Any) -> None:
    plot.state.toolbar.logo = None


def plain(name: str) -> str:
    r"""Return the name of a column, a run or a band as a plot can write it.

    HoloViews takes no empty label, takes the labels x and y for our own dimensions of these names, and looks for
    ``@label`` in the templates of tooltips. Bokeh sets what stands between ``$$``, ``\(`` or ``\[`` as a formula. An
    invisible character (word joiner) breaks such names.
    """
    broken = re.sub(r"(?<=\$)(?=\$)|(?<=\\)(?=[(\[])|\A(?=\{|[xy]\Z)", JOINER, name)
    return broken or JOINER


def plain_title(words: str) -> str:
    """Return a title as HoloViews takes it: it passes titles through `str.format`."""
    return plain(words).replace("{", "{{").replace("}", "}}")


def frame(plot: Any, **more: Any) -> Any:
    """Give a plot the look of all plots here: as wide as its place, its axes its own, its toolbar out of the way.

    Parameters
    ----------
    plot : holoviews element or overlay
    **more
        Further plot options of HoloViews; they win.

    Returns
    -------
    holoviews element or overlay
        The same with options set.
    """
    options = {
        "responsive": True,
        "height": 320,
        "axiswise": True,
        "framewise": True,
        "show_grid": True,
        "toolbar": "right",
        "autohide_toolbar": True,
        "hooks": [_no_logo],
        "fontsize": {"title": "10pt"},
    }
    options |= more
    options |= {"title": plain_title(options["title"])} if "title" in options else {}
    return plot.opts(**options)
