"""Polling for new skies and runs while a page is open."""

from galviz.pages.library import Library
from galviz.pages.state import PageState

_EVERY = 12  # polls per reading of the folders


class Arrivals:
    """Notify a page of new skies and of new runs with predictions.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    def __init__(self, library: Library, page: PageState) -> None:
        self.library, self.page = library, page
        self._seen, self._looks = library.stamps(), 0

    def look(self) -> None:
        """Poll: read the folders at every 12th call. A page without a sky or a run selects one that has appeared."""
        self._looks += 1
        if self._looks % _EVERY:
            return
        now = self.library.stamps()
        if now != self._seen:
            self._seen = now
            sky = self.page.sky or next(iter(self.library.skies()), "")
            run = self.page.run or self.library.first_run()
            self.page.param.update(found=self.page.found + 1, sky=sky, run=run)
