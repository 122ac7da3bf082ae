"""Base class of pages that open data: from the command line, from the library, or from an uploaded table."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.provenance import opening_of_table
from galviz.io.tables import NUMBERED, tables_in
from galviz.pages.library import Library
from galviz.pages.open_any import NoIds, Opened, open_any
from galviz.pages.state import query, write_query
from galviz.pages.upload import LARGEST, TABLES, Upload, uploaded, uploads
from galviz.pages.workspace import Section, Workspace, drawer, empty_place, fills, scrolls
from galviz.tools.export.download import shown_bytes
from galviz.tools.formatting import REFUSED, error_note, field, shown_error, text

_NAMED = 5  # unreadable images listed by name
_OFFERED = 8  # data with a button of their own on an empty page
_NUMBER_ROWS = "Use row numbers as ids"
_NUMBERED = "No column of unique ids was found, so the rows are numbered. If there is one, name it in “Column of ids”."
_CONTROLS = {  # wording of the library's errors (regex) → wording of the page's controls
    r"number the rows: id_column=\S+": f"press “{_NUMBER_ROWS}”.",
    r":? ?\bid_column=[^\s,;.)]+": " in “Column of ids”",
    r"\bid_column\b": "Column of ids",
    r"\bwith table=[^\s,;.)]+": "in “Table”.",
    r"^path: expected": "Expected",
    r"^table:": "Table:",
    r"^columns:": "Column of ids:",  # a page reads all columns: only ids can be refused
    r"Name other columns: read_table\([^)]*\)": "Enter another one in “Column of ids”",
}


class OpenedPage(Workspace):
    """A page with controls to open data; subclasses implement `shown` to display it.

    The page's address remembers what was opened last, so it is still open after a reload.

    Parameters
    ----------
    paths : sequence of str
        Paths given on the command line. If empty, the visitor selects what to open.
    library : Library
    """

    selected = param.Selector(default="", objects={"–": ""}, label="Open", doc="the path of a sky or a run")
    id_column = param.String(default="", label="Column of ids", doc="# numbers the rows of a table that has no ids")
    table = param.Selector(default="", objects={"–": ""}, label="Table", doc="which of the tables in the file")
    uploaded = param.String(default="", doc="path of the file that the visitor uploaded")
    broken = param.Dict(default={}, doc="pictures that cannot be read: id and reason")
    opened = param.Parameter(default=None, doc="the view of the open data")
    notes = param.List(default=[], doc="what a user should know of how the table was read")
    help = Markup("")
    """Help text for a page on which nothing is open."""

    def __init__(self, paths: Sequence[str], library: Library, **params: object) -> None:
        super().__init__(**params)
        self.paths = [str(path) for path in paths]
        self.library = replace(library, given=(*library.given, *map(Path, self.paths)))
        accepted = f"CSV, ECSV, VOTable, FITS or Parquet, up to {shown_bytes(LARGEST)}"
        self.upload = Upload(uploads, self._receive, label="Or upload a table", accept=TABLES, status=accepted)
        self._numbers_of = ""  # file for which the visitor pressed the button
        wanted = query()
        self.offer()
        self.selected = self.param.selected.objects.get(wanted.get("open", ""), "")
        self._find_upload(wanted.get("upload", ""))
        self.id_column = wanted.get("ids", "")
        if self._ids == NUMBERED and self.given:
            self._numbers_of = self.given[0]
        self._list_tables()
        if wanted.get("table") in self.param.table.objects:
            self.table = wanted["table"]

    def offered(self) -> dict[str, str]:
        """Return what can be opened: displayed name → path."""
        found = {f"sky {name}": str(path) for name, path in self.library.skies().items()}
        tables = {f"table {name}": str(path) for name, path in self.library.tables().items()}
        found |= {name: path for name, path in tables.items() if path not in self.paths}
        return found | {f"run {name}": str(run.path) for name, run in self.library.predicted().items()}

    def offer(self) -> None:
        """Update the list of what can be opened; the current choice stays."""
        first = Path(self.paths[0]).name if self.paths else "–"
        self.param.selected.objects = {first: ""} | self.offered()

    @property
    def given(self) -> list[str]:
        """The open paths: the data and optionally its images. Empty if nothing is open."""
        return [self.uploaded] if self.uploaded else [self.selected] if self.selected else self.paths

    @property
    def uploaded_opening(self) -> str:
        """The Python lines that read the uploaded file, or ``""`` if nothing was uploaded."""
        if not self.uploaded:
            return ""
        return f"{opening_of_table(self.name_of(self.uploaded), self._ids, self.table)}  # the file that was uploaded"

    @property
    def _ids(self) -> str:
        return self.id_column.strip("'\" ")

    def name_of(self, path: str | Path) -> str:
        """Return the file name of a path; for an upload, its name on the visitor's disk."""
        name = Path(path).name
        return unquote(name) if str(path) == self.uploaded else name  # see `galviz.io.paths.file_name`

    @param.depends("selected", "id_column", "table", "uploaded")
    def body(self) -> pn.viewable.Viewable:
        """Return the view of the open data, an error message, or help if nothing is open."""
        self.param.update(broken={}, notes=[], opened=None)
        if not self.given:
            return empty_place(pn.Column(text(self.help), self._examples()))
        try:
            opened = self.shown(self.given)
            self.opened = opened
            return opened.main() if isinstance(opened, Workspace) else scrolls(opened)
        except (*REFUSED, TypeError, KeyError) as error:
            refused = error_note(self.page_message(error))
            if not isinstance(error, NoIds):
                return refused
            return pn.Column(refused, pn.widgets.Button(label=_NUMBER_ROWS, on_click=self._number_rows))

    def _examples(self) -> pn.viewable.Viewable:
        """Return a button for each of the first data that can be opened."""

        def opens(name: str, path: str) -> pn.widgets.Button:
            return pn.widgets.Button(label=f"Open {name}", on_click=lambda _: setattr(self, "selected", path))

        return pn.FlexBox(*(opens(name, path) for name, path in islice(self.offered().items(), _OFFERED)))

    def page_message(self, error: Exception) -> str:
        """Return an error message that names the page's controls instead of Python arguments."""
        message = shown_error(error)
        if self.uploaded:
            message = message.replace(self.uploaded, self.name_of(self.uploaded))
        for argument, control in _CONTROLS.items():
            message = re.sub(argument, control, message)
        return message

    def open(self, given: Sequence[str], id_column: str | None = None, table: str | None = None) -> Opened:
        """Open `given`. Unreadable images are skipped and collected in `broken`."""

        def report_broken(object_id: str, why: str) -> None:
            self.broken = self.broken | {object_id: why}

        images = given[1] if len(given) > 1 else None
        ids, which = self._ids or id_column, self.table or table
        try:
            opened = open_any(given[0], images, ids, report_broken, which)
        except NoIds:
            if self.uploaded or ids or images:  # images are found by their ids
                raise
            opened = open_any(given[0], None, NUMBERED, report_broken, which)
            opened = replace(opened, notes=(_NUMBERED, *opened.notes))
        self.notes = list(opened.notes)
        # An export leaves the page, where "this file" would be any file.
        return replace(opened, notes=tuple(f"{self.name_of(given[0])}: {note}" for note in opened.notes))

    @param.depends("notes")
    def noted(self) -> pn.viewable.Viewable:
        """Return the notes on the table, in a block that can be collapsed."""
        if not self.notes:
            return text("")
        items = Markup("").join(Markup("<li>{}</li>").format(note) for note in self.notes)
        return text(Markup("<details open><summary>Notes on this table</summary><ul>{}</ul></details>").format(items))

    @param.depends("broken")
    def unread(self) -> pn.viewable.Viewable:
        """Return the list of images found to be unreadable so far."""
        if not self.broken:
            return error_note("")
        named = [f"{one}: {why}" for one, why in islice(self.broken.items(), _NAMED)]
        named += [f"and {len(self.broken) - _NAMED:,} others"] if len(self.broken) > _NAMED else []
        lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in named)
        message = Markup("Pictures that cannot be read, so far {:,}:<ul>{}</ul>")
        return error_note(message.format(len(self.broken), lines))

    def shown(self, given: Sequence[str]) -> pn.viewable.Viewable:
        """Return the view of the open data; `given` is the property of that name."""
        raise NotImplementedError

    def _find_upload(self, digest: str) -> None:
        """Reopen a file that was uploaded before the page was reloaded."""
        self.uploaded = str(uploaded(digest) or "")

    def _receive(self, path: Path) -> None:
        """Show an uploaded file."""
        self.param.update(selected="", uploaded=str(path), **self._ids_of(str(path)))

    def _ids_of(self, path: str) -> dict[str, str]:
        """Return the column of ids for the next data: unchanged, unless the button set it for another file."""
        return {"id_column": ""} if self._numbers_of not in {"", path} else {}

    def _number_rows(self, _: object = None) -> None:
        self._numbers_of, self.id_column = self.given[0], NUMBERED

    @param.depends("selected", "uploaded", "id_column", "table", watch=True)
    def _remember(self) -> None:
        """Write to the address what is open."""
        if self._ids != NUMBERED:
            self._numbers_of = ""
        names = {path: name for name, path in self.param.selected.objects.items()}
        upload = Path(self.uploaded).parent.name if self.uploaded else ""
        opened = names[self.selected] if self.selected else ""
        write_query(upload=upload, open=opened, ids=self._ids, table=self.table)

    @param.depends("selected", "uploaded", watch=True)
    def _list_tables(self) -> None:
        """Offer the tables of a file that has several."""
        found: list[str] = []
        with suppress(ValueError, OSError):  # `body` reports what is wrong with the file
            found = tables_in(self.given[0]) if self.given and Path(self.given[0]).is_file() else []
        self.param.table.objects = {"–": ""} | ({name: name for name in found} if len(found) > 1 else {})
        self.table = self.table if self.table in self.param.table.objects else ""

    @param.depends("selected", watch=True)
    def _choose(self) -> None:
        """Forget the upload when something else is opened."""
        if self.selected:
            self.param.update(uploaded="", **self._ids_of(self.selected))

    def choice(self) -> pn.widgets.Select:
        """Return the select of available data; its options stay up to date."""
        return pn.widgets.Select.from_param(self.param.selected, sizing_mode="stretch_width")

    @param.depends("selected", "uploaded")
    def _which(self) -> pn.viewable.Viewable:
        """Return the select of a table, visible if the file has several."""
        return field(self.param.table, width=200, visible=len(self.param.table.objects) > 1)

    def main(self) -> pn.viewable.Viewable:
        """Return notes on the data, and its view."""
        return fills(self.unread, self.noted, fills(self.body))

    def bar(self) -> list[Any]:
        """Return the search for an id, which stands in the top bar."""
        return [pn.bind(lambda opened: getattr(opened, "finder", lambda: "")(), self.param.opened)]

    def sources(self) -> Section:
        """Return the controls that open data."""
        wide = {"sizing_mode": "stretch_width"}
        self.upload.param.update(margin=(5, 10), **wide)
        ids = field(self.param.id_column, placeholder="automatic", **wide)
        return Section("Open", pn.Column(self.choice(), self.upload, ids, self._which, **wide))

    @param.depends("opened")
    def _left(self) -> pn.Column:
        return drawer(self.opened, "left")

    @param.depends("opened")
    def _right(self) -> pn.Column:
        return drawer(self.opened, "right")

    def left(self) -> list[Section]:
        """Return the controls that open data, and what their view has for the left drawer."""
        return [self.sources(), Section("", self._left)]

    def right(self) -> list[Section]:
        """Return what the view of the data has for the right drawer."""
        return [Section("", self._right)]
