"""What a page shows, and where: the main area that fills the screen, and the sections of the two drawers."""

from typing import Any, NamedTuple

import panel as pn

_HEIGHT, _SIDE = 780, 300  # px in a notebook: of a workspace, which is seen whole in a window of 900, and of its drawer


class Section(NamedTuple):
    """A part of a drawer."""

    title: str
    content: Any
    shut: bool = False

    def card(self) -> pn.viewable.Viewable:
        """Return it as a card that can be shut; one without a title as it is."""
        if not self.title:
            return pn.Column(self.content, sizing_mode="stretch_width", margin=0)
        style = {"margin": (4, 6), "sizing_mode": "stretch_width", "css_classes": ["galviz-section"]}
        return pn.Card(self.content, title=self.title, collapsed=self.shut, **style)


class Workspace(pn.viewable.Viewer):
    """A view with a main area that needs no scrolling, a left drawer (what is selected) and a right one (settings)."""

    def main(self) -> pn.viewable.Viewable:
        """Return the main area; it fills the place that it is given."""
        raise NotImplementedError

    def left(self) -> list[Section]:
        """Return the sections of the left drawer."""
        return []

    def right(self) -> list[Section]:
        """Return the sections of the right drawer."""
        return []

    def __panel__(self) -> pn.viewable.Viewable:
        cards = [section._replace(shut=k > 0).card() for k, section in enumerate([*self.left(), *self.right()])]
        side = scrolls(pn.Column(*cards, sizing_mode="stretch_width", margin=0))
        side = pn.Column(side, width=_SIDE, sizing_mode="stretch_height", margin=0)
        main = pn.Column(self.main(), sizing_mode="stretch_both", margin=0, styles={"min-width": "0"})
        return pn.Row(side, main, height=_HEIGHT, sizing_mode="stretch_width")


def drawer(content: Any, side: str, empty: Any = None) -> pn.Column:
    """Return what a workspace has for the left or right drawer; `empty` stands there if it has nothing."""
    sections = getattr(content, side)() if isinstance(content, Workspace) else []
    cards = [section.card() for section in sections] or ([] if empty is None else [empty])
    return pn.Column(*cards, sizing_mode="stretch_width", margin=0)


def fills(*parts: Any) -> pn.Column:
    """Return parts one above the other; the last one takes all the height that is left."""
    return pn.Column(*parts, sizing_mode="stretch_both", margin=0, styles={"min-height": "0"})


def scrolls(content: Any) -> pn.Column:
    """Return a view that may be longer than the place it is given: it is scrolled in it."""
    # It keeps its height: pressed into the place, its parts would lie over each other.
    inside = pn.Column(content, sizing_mode="stretch_width", styles={"flex": "none", "max-height": "none"})
    more = {"margin": 0, "styles": {"min-height": "0", "overflow": "auto"}, "css_classes": ["galviz-scrolls"]}
    return pn.Column(inside, sizing_mode="stretch_both", **more)


def empty_place(content: Any) -> pn.Column:
    """Return what stands in the middle of a page that has nothing to show yet."""
    return pn.Column(content, sizing_mode="stretch_both", styles={"max-width": "760px", "margin": "6vh auto"})
