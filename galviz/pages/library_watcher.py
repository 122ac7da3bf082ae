"""Polling for new skies and runs while a page is open."""

from galviz.pages.library import Library
from galviz.pages.state import PageState

_EVERY = 12  # polls per reading of the folders


class LibraryWatcher:
    """Notify a page of new skies and of new runs with predictions.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    def __init__(self, library: Library, page: PageState) -> None:
        self.library, self.page = library, page
        self._stamps, self._polls = library.stamps(), 0

    def poll(self) -> None:
        """Read the folders at every 12th call. A page without a sky or a run selects one that has appeared."""
        self._polls += 1
        if self._polls % _EVERY:
            return
        now = self.library.stamps()
        if now != self._stamps:
            self._stamps = now
            run = self.page.run or self.library.first_run(self.page.sky)
            sky = self.page.sky or self.library.first_sky(run)
            self.page.param.update(found=self.page.found + 1, sky=sky, run=run)
