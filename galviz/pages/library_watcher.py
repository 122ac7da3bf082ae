"""Skies and runs that come while a page is open, whoever makes them."""

from galviz.pages.library import Library
from galviz.pages.state import PageState

_EVERY = 12  # looks; the folders are read at every so many only


class Arrivals:
    """Lets a page know of skies and finished runs that were not there before.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    def __init__(self, library: Library, page: PageState) -> None:
        self.library, self.page = library, page
        self._seen, self._looks = library.stamps(), 0

    def look(self) -> None:
        """Look into the folders, now and then; a page without a sky or a run takes what has come."""
        self._looks += 1
        if self._looks % _EVERY:
            return
        now = self.library.stamps()
        if now != self._seen:
            self._seen = now
            sky = self.page.sky or next(iter(self.library.skies()), "")
            run = self.page.run or self.library.first_run()
            self.page.param.update(found=self.page.found + 1, sky=sky, run=run)
