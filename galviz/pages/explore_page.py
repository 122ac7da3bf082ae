"""The explore page: an explorer of any table of objects, with or without images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import panel as pn

from galviz.io.markup import Markup
from galviz.pages.data_source import OpenedPage
from galviz.pages.explorer import Explorer, labels_of
from galviz.pages.judged_table import JudgedTable, as_judged
from galviz.pages.library import Library
from galviz.pages.open_any import Opened
from galviz.pages.page import StudyPage
from galviz.pages.results.view import pair_plots
from galviz.pages.saved_views import ViewState, read_view
from galviz.pages.second_table import SecondTable
from galviz.pages.shell import page_template
from galviz.pages.state import Finder
from galviz.pages.workspace import Section, Workspace, fills, scrolls
from galviz.tasks.pair import Pair, pair_of
from galviz.tools.diagnostics.view import DiagnosticsView
from galviz.tools.formatting import text
from galviz.tools.selection.core import Selection


class ExplorePage(OpenedPage):
    """Controls to open data, and an explorer of it.

    Parameters
    ----------
    paths : sequence of str
        A table, sky, run or saved view, and optionally images. If empty, the visitor selects from the library.
    library : Library
    selection : Selection, optional
        Of the page on which this is a tab.
    """

    help = Markup("""<p>Nothing is open yet. Choose a sky or a run, upload a table (CSV, ECSV, VOTable, FITS,
Parquet), or start the page on your own files:
<code>panel serve dashboards/explore.py --args table.parquet [images]</code>.
Images are a sky made by <code>galviz ingest</code> or <code>galviz mock</code>, or a folder of pictures named by
object_id. <a href="./">The home page</a> makes a demo in seconds.</p>""")

    def __init__(
        self, paths: Sequence[str], library: Library, selection: Selection | None = None, **params: object
    ) -> None:
        super().__init__(paths, library, **params)
        self.selection = selection
        self.view: ViewState | None = None
        self.judged: JudgedTable | None = None
        self._sky = Path()

    def shown(self, given: Sequence[str]) -> Workspace:
        """Return the explorer of the open data."""
        saved = self._saved(given)
        if saved:
            given = self._named_by(saved, given[0])
        images = given[1] if len(given) > 1 else None
        opened = self.open(given, saved.get("id_column"), saved.get("table_name"))
        plots = pair_plots(opened.table, opened.pair)
        more = {"source": opened.source, "opening": self.uploaded_opening or opened.opening, "run": opened.run}
        more |= {
            "id_column": opened.id_column,
            "units": opened.units,
            "labels": labels_of(_labelled(opened, given)),
            "plots": plots,
        }
        more["notes"], more["badges"] = opened.notes, _badges(opened)
        explorer = Explorer(opened.table, opened.cutouts, selection=self.selection, **more)
        sky, before = _labelled(opened, given), self._sky
        if self.judged is not None and sky == before:  # another run of the same sky
            explorer.kept = self.judged.explorer.kept
        self._sky = sky
        about = {"table": str(Path(given[0]).resolve()), "images": images and str(Path(images).resolve())}
        name, table = self.name_of(given[0]), self.table or saved.get("table_name")
        about |= {"id_column": opened.id_column, "table_name": table}
        target = None if opened.run is None else opened.run.target
        second = SecondTable(explorer, name, self.upload.folder)
        others = {
            "Diagnostics": lambda: self._diagnostics(opened, explorer, judged.pair),
            "Second table": lambda: scrolls(second),
        }
        judged = self.judged = JudgedTable(explorer, opened.pair, opened.units, others, second.models)
        second.pair = judged.pair
        judged.param.watch(lambda event: setattr(second, "pair", event.new), "pair")
        second.param.watch(judged.offer, ["pair", "opened", "estimate"])
        self.view = ViewState(explorer, "view", of=f"{name} {table}" if table else name, about=about, target=target)
        if saved:
            self.view.restore(saved["state"])
        origin = "" if opened.cutouts is None else Markup(" · <b>{}</b>").format(opened.cutouts.origin)
        about = Markup("<b>{}</b>: {:,} objects, {} columns{}").format(name, *opened.table.shape, origin)
        return Explored(text(about, margin=(4, 8)), judged, self.view)

    def _saved(self, given: Sequence[str]) -> dict[str, Any]:
        """Return the saved view given on the command line, if any; a visitor's view may not name server files."""
        ours = given is self.paths and given[0].endswith(".json")
        return read_view(Path(given[0]).read_text("utf-8")) if ours else {}

    def _named_by(self, saved: Mapping[str, Any], view: str) -> list[str]:
        """Return the files named by a saved view. It may come from a stranger, so only allowed files are opened."""
        library = replace(self.library, given=(*self.library.given, Path(view).absolute().parent))
        return [str(library.allowed(saved[name], name)) for name in ("table", "images") if saved.get(name)]

    def _diagnostics(self, opened: Opened, explorer: Explorer, pair: Pair | None) -> pn.viewable.Viewable:
        if pair is None:
            return pn.Spacer(height=0)
        table, classes = opened.table, ()
        if pair.classes:
            table = as_judged(table, pair)
            classes = pair.classes if set(pair.judged) == set(pair.classes) else ()
        columns = {"truth": pair.truth, "estimate": pair.called, "classes": classes}
        runs = self.library.judged(opened.run.target, opened.run.name) if opened.run is not None else {}
        name = self.name_of(opened.source)
        return DiagnosticsView(table, explorer.selection, opened.cutouts, called=name, others=runs, **columns)


class Explored(Workspace):
    """The explorer of a table: what it is of, the table with what judges it, and its saved views."""

    def __init__(self, about: pn.viewable.Viewable, judged: JudgedTable, kept: ViewState) -> None:
        super().__init__()
        self.about, self.judged, self.kept = about, judged, kept

    def finder(self) -> Finder:
        """Return the search for an id."""
        return Finder(self.judged.explorer.selection)

    def main(self) -> pn.viewable.Viewable:
        """Return the explorer."""
        return fills(self.about, self.kept.refused, self.judged.main())

    def left(self) -> list[Section]:
        """Return the selection and the saved views."""
        return [*self.judged.left(), Section("Saved views", self.kept, shut=True)]

    def right(self) -> list[Section]:
        """Return the settings."""
        return self.judged.right()


def explore_tab(of: StudyPage) -> ExplorePage:
    """Return the tab of a study's page on which predictions from elsewhere are opened and compared."""
    return ExplorePage(of.paths if of.study.opens_tables else (), of.library, of.page.selection)


def _labelled(opened: Opened, given: Sequence[str]) -> Path:
    """Return whose objects are labelled: those of the sky, else those of the table."""
    sky = opened.run.data if opened.run is not None else getattr(opened.cutouts, "path", None)
    return Path(sky or given[0])


def _badges(opened: Opened) -> Pair | None:
    """Return the truth and the prediction, if they are classes."""
    try:
        pair = None if opened.pair is None else pair_of(opened.table, *opened.pair)
    except (ValueError, KeyError):
        return None
    return pair if pair is not None and pair.classes else None


def explore_page(paths: Sequence[str] = (), tables: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        As in `ExplorePage`.
    tables : sequence of str
        Tables that the visitor may open instead.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers.
    """
    return page_template("explore", lambda: ExplorePage(paths, replace(Library.find(), given=tuple(map(Path, tables)))))
