"""What follows a selection, by the tab that it belongs to; it stops when the content of the tab is replaced."""

import param

from galviz.tools.selection.core import Selection


class Followers:
    """Who follows a selection: views, and the panes and controls in them.

    Panes and controls never stop following on their own. So whatever starts to follow while a tab is open belongs to
    that tab, and is disconnected when the tab's content is replaced. Else each content that a tab ever had would be
    kept, and drawn again with each selection. What follows before the first content belongs to the page, and stays.

    Parameters
    ----------
    selection : Selection
    """

    def __init__(self, selection: Selection) -> None:
        self.selection, self._tab = selection, ""
        self._seen: dict[int, param.parameterized.Watcher] | None = None
        self._of: dict[str, list[param.parameterized.Watcher]] = {}

    def now(self) -> dict[int, param.parameterized.Watcher]:
        """Return all that follow, by their Python ids: one may follow several parameters."""
        found = self.selection.param.watchers.values()
        return {id(one): one for by_change in found for ones in by_change.values() for one in ones}

    def turn(self, tab: str) -> None:
        """Count those that come from now on to this tab."""
        self._count()
        self._tab = tab

    def _count(self) -> None:
        if self._seen is not None:
            before, self._seen = self._seen, self.now()
            self._of.setdefault(self._tab, []).extend(one for key, one in self._seen.items() if key not in before)

    def release(self) -> None:
        """Let those of the open tab follow no longer: another content comes."""
        self._count()
        there = self.now()
        for one in self._of.pop(self._tab, []):
            if id(one) in there:
                self.selection.param.unwatch(one)
        self._seen = self.now()
