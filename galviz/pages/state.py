"""The state of a page (tab, sky, run, selection) and how it is stored in the page's address."""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import parse_qsl, urlencode

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.followers import Followers
from galviz.tools.formatting import text
from galviz.tools.selection.core import Selection
from galviz.tools.selection.view import absent_text
from galviz.tools.toasts import toast

TABS = ("data", "train", "predictions", "why", "runs")
"""Tabs on the page of every study."""


class PageState(param.Parameterized):
    """State of a page. Skies and runs are identified by their names in a `Library`.

    Parameters
    ----------
    tabs : sequence of str
        Names of the tabs; the first is active unless the address says otherwise.
    """

    tab = param.Selector(default=TABS[0], objects=list(TABS))
    opening = param.String(default="", doc="the tab that is to be opened; another than `tab` while it is being built")
    sky = param.String(default="")  # the sky to show and to train on
    run = param.String(default="")  # the run whose progress and predictions are shown
    found = param.Integer(default=0, doc="grows when skies or runs may have appeared")
    selection = param.ClassSelector(class_=Selection, constant=True, doc="of all tabs: selected objects and focus")

    def __init__(self, tabs: Sequence[str] = TABS, **params: object) -> None:
        super().__init__(**({"selection": Selection()} | params))
        self._tables: dict[str, pd.DataFrame] = {}  # of the tabs that show one
        self._absent = ""  # the last message about selected objects that a table does not have
        self.selection.param.watch(self._remember, "shown")
        self.followers = Followers(self.selection)
        self.param.tab.objects = list(tabs)
        self.tab = tabs[0]
        self.followers.turn(self.tab)

    def _remember(self, _: param.parameterized.Event) -> None:
        self._tables[self.tab] = self.selection.table
        text = absent_text(self.selection)
        if text and text != self._absent:  # not again with each turn from tab to tab
            self._absent = text
            toast(text)

    @param.depends("tab", watch=True)
    def _show_again(self) -> None:
        """Continue on the table of the tab that is open now. A tab without one, such as "why", leaves it as it is."""
        self.followers.turn(self.tab)
        if self.tab in self._tables:
            self.selection.show(self._tables[self.tab])

    def open(self, tab: str) -> None:
        """Open a tab once the page has shown that it is busy: to build one may take seconds."""
        self.opening = tab
        pn.state.execute(self._open, schedule=True)

    def _open(self) -> None:
        try:
            self.tab = self.opening  # the last one, if several were clicked meanwhile
        finally:
            self.param.trigger("opening")  # also where the tab could not be built: nothing is busy any more

    @param.depends("tab", watch=True)
    def _opened(self) -> None:
        """Follow a tab that was opened at once, as by the address."""
        self.opening = self.tab

    @property
    def tabs(self) -> list[str]:
        """Names of the tabs."""
        return list(self.param.tab.objects)

    def to_query(self) -> dict[str, str]:
        """Return the state as query parameters of the page's address."""
        state = {"tab": self.tab, "sky": self.sky, "run": self.run, "object": self.selection.focus}
        return {name: value for name, value in state.items() if value}

    def from_query(self, query: dict[str, str]) -> None:
        """Set the state from query parameters; unknown tabs and empty values are ignored."""
        known = {name: query[name] for name in ("sky", "run") if name in query}
        if query.get("tab") in self.tabs:
            known["tab"] = query["tab"]
        self.param.update(**known)
        self.selection.focus = query.get("object") or self.selection.focus


class Chooser(pn.viewable.Viewer):
    """A select for the sky or the run of a page; its options stay up to date.

    Parameters
    ----------
    page : PageState
    name : {"sky", "run"}
    options : callable
        Returns the names that can be selected now.
    label : str
    """

    page = param.ClassSelector(class_=PageState, constant=True)

    def __init__(self, page: PageState, name: str, options: Callable[[], Iterable[str]], label: str) -> None:
        super().__init__(page=page)
        self._of, self._options = name, options
        self.select = pn.widgets.Select(label=label, width=200, margin=(9, 5, 5, 5))
        self._refresh()
        self.select.param.watch(lambda event: setattr(page, name, event.new), "value")

    @param.depends("page.found", "page.sky", "page.run", watch=True)
    def _refresh(self) -> None:
        now, found = getattr(self.page, self._of), list(self._options())
        self.select.param.update(options=found if now in found else [now, *found], value=now)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.select


class Finder(pn.viewable.Viewer):
    """The field that brings an object into focus by its id, or by the only id that contains what is typed.

    Parameters
    ----------
    selection : Selection
    """

    typed = param.String(default="", label="Find an id")
    missing = param.String(default="", doc="why no object was found by what was typed")

    def __init__(self, selection: Selection, **params: object) -> None:
        super().__init__(**params)
        self.selection, self._found = selection, selection.focus
        selection.param.watch(self._forget, "focus")

    def _forget(self, event: param.parameterized.Event) -> None:
        """Clear the field when another object than the one it found comes into focus."""
        if event.new != self._found:
            self.param.update(typed="", missing="")

    @param.depends("typed", watch=True)
    def find(self) -> None:
        """Bring the object into focus."""
        wanted, index = self.typed.strip(), self.selection.table.index
        found = index[index == wanted] if wanted else index[:0]
        if wanted and not len(found):
            found = index[index.str.contains(wanted, regex=False)][:2]
        words = "several objects contain" if len(found) else "no object"
        self.missing = f"{words} {wanted}" if wanted and len(found) != 1 else ""
        if len(found) == 1:
            self._found = str(found[0])
            self.selection.focus = self._found

    @param.depends("missing")
    def _alert(self) -> str | Markup:
        return Markup("<span role='alert'>{}</span>").format(self.missing) if self.missing else ""

    def __panel__(self) -> pn.viewable.Viewable:
        style = {"white-space": "nowrap", "color": "#d55e00", "max-width": "16vw", "overflow": "hidden"}
        alert = text(self._alert, margin=(18, 4), styles=style)
        box = pn.widgets.TextInput.from_param(
            self.param.typed, label="", placeholder="Find an id  (/)", width=170, margin=(6, 5, 5, 5),
            description=None,
        )  # fmt: skip
        return pn.Row(box, alert)


def query() -> dict[str, str]:
    """Return the query parameters of the page's address; empty outside a page.

    Panel's own ``location.sync`` turns ``object=0071`` into the number 71; here a string stays a string.
    """
    location = pn.state.location
    return {} if location is None else dict(parse_qsl((location.search or "").removeprefix("?")))


def write_query(**changes: str) -> None:
    """Update query parameters of the page's address; ``""`` removes one."""
    if pn.state.location is not None:
        values = {name: value for name, value in (query() | changes).items() if value}
        pn.state.location.search = "?" + urlencode(values)


def keep_in_address(state: PageState) -> None:
    """Set the state from the page's address, and update the address whenever the state changes."""
    state.from_query(query())

    def write(*_: param.parameterized.Event) -> None:
        write_query(**state.to_query())

    state.param.watch(write, ["tab", "sky", "run"])
    state.selection.param.watch(write, ["focus"])
