"""Style of all figures: colours for colour-blind readers, common plot options, safe labels."""

import re
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
from bokeh.models import ColorBar

hv.Store.set_current_backend("bokeh")  # registers the options; unlike hv.extension it shows nothing in a notebook

BLUE, ORANGE, PINK, SKY, GREY = "#1F86C8", "#E69F00", "#CC79A7", "#56B4E9", "#8A8A8A"
"""After Okabe & Ito (2008), with a lighter blue: distinct for colour-blind readers, on white and on black pages."""

FOCUS = "#D55E00"
"""Colour of the object in focus, in all views."""


JOINER = "\u2060"
"""Invisible character that makes names differ, and breaks sequences that a library would interpret."""

# Bokeh takes a colour from such a name before its own.
_COLOURS = (
    ":host { --bk-background-fill-color: var(--jp-layout-color0); --bk-border-fill-color: var(--jp-layout-color0); "
)
_COLOURS += "--bk-grid-line-color: var(--jp-border-color2);"
for _name in ("text", "axis-label-text", "major-label-text", "axis-line", "major-tick-line", "minor-tick-line"):
    _COLOURS += f" --bk-{_name}-color: var(--jp-ui-font-color1);"
_COLOURS += " }"
_LEGEND = """:host { background: var(--jp-layout-color0, white) !important; opacity: .9 }
.bk-label { color: var(--jp-ui-font-color1, #444) !important }"""
_BAR = "#7a7a7a"  # is read on white and on black


def no_logo(plot: Any, _: Any) -> None:
    """Hide the logo of Bokeh (a hook of HoloViews)."""
    plot.state.toolbar.logo = None


def notebook_colours(plot: Any, _: Any) -> None:
    """Draw a figure in a notebook in JupyterLab's colours, light or dark (a hook of HoloViews)."""
    if plot.renderer.mode == "server":  # a page has its own theme
        return
    figure = plot.state
    figure.stylesheets = [*(each for each in figure.stylesheets if each != _COLOURS), _COLOURS]
    for legend in figure.legend:
        legend.stylesheets = [_LEGEND]
    for bar in figure.select({"type": ColorBar}):  # Bokeh draws its texts where it cannot see these colours
        bar.update(major_label_text_color=_BAR, title_text_color=_BAR, background_fill_alpha=0)


def plain(name: str) -> str:
    r"""Return the name of a column, a run or a band in a form that plots show literally.

    HoloViews rejects empty labels, confuses the labels x and y with dimensions of these names, and looks for
    ``@label`` in the templates of tooltips. Bokeh typesets text between ``$$``, ``\(`` or ``\[`` as a formula. An
    invisible character (word joiner) breaks such names.
    """
    broken = re.sub(r"(?<=\$)(?=\$)|(?<=\\)(?=[(\[])|\A(?=\{|[xy]\Z)", JOINER, name)
    return broken or JOINER


def plain_title(words: str) -> str:
    """Return a title in a form that HoloViews shows literally: it passes titles through `str.format`."""
    return plain(words).replace("{", "{{").replace("}", "}}")


HOOKS = [no_logo, notebook_colours]
"""What `frame` does to the figure of every plot."""


def frame(plot: Any, **more: Any) -> Any:
    """Set the common options of all plots: responsive width, own axes, hidden toolbar.

    Parameters
    ----------
    plot : holoviews element or overlay
    **more
        Further plot options of HoloViews; they override the common ones. Without a height (None) the plot fills its
        pane.

    Returns
    -------
    holoviews element or overlay
        The same plot with options set.
    """
    options = {
        "responsive": True,
        "height": 320,
        "axiswise": True,
        "framewise": True,
        "show_grid": True,
        "toolbar": "right",
        "autohide_toolbar": True,
        "hooks": HOOKS,
        "fontsize": {"title": "10pt"},
    }
    options |= more
    if options["height"] is None:  # as an option, None counts as a fixed height when HoloViews updates the plot
        del options["height"]
    options |= {"title": plain_title(options["title"])} if "title" in options else {}
    return plot.opts(**options)
