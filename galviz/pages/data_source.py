"""What a visitor opens: what the page was started on, something of the library, or a table that is uploaded."""

import atexit
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.provenance import opening_of_table
from galviz.io.tables import NUMBERED, tables_in
from galviz.pages.library import Library
from galviz.pages.open_any import NoIds, Opened, open_any
from galviz.pages.state import query, write_query
from galviz.pages.upload import LARGEST, Upload
from galviz.tools.export.download import shown_bytes
from galviz.tools.formatting import REFUSED, field, said, shown_error, text

_NAMED = 5  # pictures that are named
_ACCEPTED = ".csv,.ecsv,.vot,.xml,.fits,.fit,.parquet,.gz"
_NUMBER_ROWS = "Use row numbers as ids"
_CONTROLS = {  # what the library says of its arguments: what that is on the page
    r"number the rows: id_column=\S+": f"press “{_NUMBER_ROWS}”.",
    r":? ?\bid_column=[^\s,;.)]+": " in “Column of ids”",
    r"\bid_column\b": "Column of ids",
    r"\bwith table=[^\s,;.)]+": "in “Table”.",
    r"^table:": "Table:",
    r"^columns:": "Column of ids:",  # a page reads all columns: only ids can be refused
    r"Name other columns: read_table\([^)]*\)": "Enter another one in “Column of ids”",
}


class OpenedPage(pn.viewable.Viewer):
    """What is open, and how something else is opened; `shown` makes what is seen of it.

    What was opened last is shown, and is there again when the page is loaded anew.

    Parameters
    ----------
    paths : sequence of str
        What the page was started on. None: the visitor chooses.
    library : Library
    """

    chosen = param.Selector(default="", objects={"–": ""}, label="Open", doc="the path of a sky or a run")
    id_column = param.String(default="", label="Column of ids", doc="# numbers the rows of a table that has no ids")
    table = param.Selector(default="", objects={"–": ""}, label="Table", doc="which of the tables in the file")
    uploaded = param.String(default="", doc="path of the file that the visitor uploaded")
    broken = param.Dict(default={}, doc="pictures that cannot be read: id and reason")
    notes = param.List(default=[], doc="what a user should know of how the table was read")
    help = Markup("")
    """What to do where nothing is open."""

    def __init__(self, paths: Sequence[str], library: Library, **params: object) -> None:
        super().__init__(**params)
        self.paths = [str(path) for path in paths]
        self.library = replace(library, given=(*library.given, *map(Path, self.paths)))
        accepted = f"CSV, ECSV, VOTable, FITS or Parquet, up to {shown_bytes(LARGEST)}"
        self.upload = Upload(_uploads, self._receive, label="Or upload a table", accept=_ACCEPTED, status=accepted)
        self._numbers_of = ""  # the file whose rows were numbered by the button
        wanted = query()
        self.offer()
        self.chosen = self.param.chosen.objects.get(wanted.get("open", ""), "")
        self._find_upload(wanted.get("upload", ""))
        self.id_column = wanted.get("ids", "")
        if self._ids == NUMBERED and self.given:
            self._numbers_of = self.given[0]
        self._list_tables()
        if wanted.get("table") in self.param.table.objects:
            self.table = wanted["table"]

    def offered(self) -> dict[str, str]:
        """Find what can be chosen: names for people, and paths."""
        found = {f"sky {name}": str(path) for name, path in self.library.skies().items()}
        return found | {f"run {name}": str(run.path) for name, run in self.library.predicted().items()}

    def offer(self) -> None:
        """Offer what there is now; what is open stays."""
        first = Path(self.paths[0]).name if self.paths else "–"
        self.param.chosen.objects = {first: ""} | self.offered()

    @property
    def given(self) -> list[str]:
        """What is open: a path, and perhaps that of its images; nothing where nothing is."""
        return [self.uploaded] if self.uploaded else [self.chosen] if self.chosen else self.paths

    @property
    def uploaded_opening(self) -> str:
        """The lines of Python that read what was uploaded; none where nothing was."""
        if not self.uploaded:
            return ""
        return f"{opening_of_table(self.name_of(self.uploaded), self._ids, self.table)}  # the file that was uploaded"

    @property
    def _ids(self) -> str:
        return self.id_column.strip("'\" ")

    def name_of(self, path: str | Path) -> str:
        """Return the name of what is open, of an upload as the visitor's disk has it."""
        name = Path(path).name
        return unquote(name) if str(path) == self.uploaded else name  # see `galviz.io.paths.file_name`

    @param.depends("chosen", "id_column", "table", "uploaded")
    def body(self) -> pn.viewable.Viewable:
        """Return the view of what is open, or the reason why there is none, or what to do where nothing is open."""
        self.param.update(broken={}, notes=[])
        if not self.given:
            return text(self.help)
        try:
            return self.shown(self.given)
        except (*REFUSED, TypeError, KeyError) as error:
            refused = said(self.in_words_of_the_page(error))
            if not isinstance(error, NoIds):
                return refused
            return pn.Column(refused, pn.widgets.Button(label=_NUMBER_ROWS, on_click=self._number_rows))

    def in_words_of_the_page(self, error: Exception) -> str:
        """Return what an error says as plain text that names controls of this page, not arguments of Python."""
        message = shown_error(error)
        if self.uploaded:
            message = message.replace(self.uploaded, self.name_of(self.uploaded))
        for argument, control in _CONTROLS.items():
            message = re.sub(argument, control, message)
        return message

    def open(self, given: Sequence[str], id_column: str | None = None, table: str | None = None) -> Opened:
        """Open what is given; of pictures that cannot be read, the others are shown and those are named."""

        def hear(object_id: str, why: str) -> None:
            self.broken = self.broken | {object_id: why}

        images = given[1] if len(given) > 1 else None
        opened = open_any(given[0], images, self._ids or id_column, hear, self.table or table)
        self.notes = list(opened.notes)
        # An export leaves the page, where "this file" would be any file.
        return replace(opened, notes=tuple(f"{self.name_of(given[0])}: {note}" for note in opened.notes))

    @param.depends("notes")
    def noted(self) -> pn.viewable.Viewable:
        """Return the notes on the table, which can be folded."""
        if not self.notes:
            return text("")
        items = Markup("").join(Markup("<li>{}</li>").format(note) for note in self.notes)
        return text(Markup("<details open><summary>Notes on this table</summary><ul>{}</ul></details>").format(items))

    @param.depends("broken")
    def unread(self) -> pn.viewable.Viewable:
        """Name the pictures that cannot be read, of those that were looked at."""
        if not self.broken:
            return said("")
        named = [f"{one}: {why}" for one, why in islice(self.broken.items(), _NAMED)]
        named += [f"and {len(self.broken) - _NAMED:,} others"] if len(self.broken) > _NAMED else []
        lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in named)
        message = Markup("Pictures that cannot be read, so far {:,}:<ul>{}</ul>")
        return said(message.format(len(self.broken), lines))

    def shown(self, given: Sequence[str]) -> pn.viewable.Viewable:
        """Show what is open, as `given` has it."""
        raise NotImplementedError

    def _find_upload(self, digest: str) -> None:
        """Open again what was uploaded before the page was loaded anew."""
        if re.fullmatch("[0-9a-f]{64}", digest):  # it may not name other files
            self.uploaded = str(next(_uploads().glob(f"{digest}/*"), ""))

    def _receive(self, path: Path) -> None:
        """Show what was uploaded."""
        self.param.update(chosen="", uploaded=str(path), **self._ids_of(str(path)))
        write_query(upload=path.parent.name, open="")

    def _ids_of(self, path: str) -> dict[str, str]:
        """Return the column of ids for what is opened next: it stays, unless the button set it for another file."""
        return {"id_column": ""} if self._numbers_of not in {"", path} else {}

    def _number_rows(self, _: object = None) -> None:
        self._numbers_of, self.id_column = self.given[0], NUMBERED

    @param.depends("id_column", "table", watch=True)
    def _keep(self) -> None:
        if self._ids != NUMBERED:
            self._numbers_of = ""
        write_query(ids=self._ids, table=self.table)

    @param.depends("chosen", "uploaded", watch=True)
    def _list_tables(self) -> None:
        """Offer the tables of a file that has several."""
        found: list[str] = []
        with suppress(ValueError, OSError):  # `body` says what is wrong with the file
            found = tables_in(self.given[0]) if self.given and Path(self.given[0]).is_file() else []
        self.param.table.objects = {"–": ""} | ({name: name for name in found} if len(found) > 1 else {})
        self.table = self.table if self.table in self.param.table.objects else ""

    @param.depends("chosen", watch=True)
    def _choose(self) -> None:
        names = {path: name for name, path in self.param.chosen.objects.items()}
        write_query(upload="", open=names[self.chosen] if self.chosen else "")
        if self.chosen:
            self.param.update(uploaded="", **self._ids_of(self.chosen))

    def choice(self) -> pn.widgets.Select:
        """Make the select of what is offered, which follows it."""
        return pn.widgets.Select.from_param(self.param.chosen, width=260)

    @param.depends("chosen", "uploaded")
    def _which(self) -> pn.viewable.Viewable:
        """Return the select of a table, in sight where there are several."""
        return field(self.param.table, width=200, visible=len(self.param.table.objects) > 1)

    def __panel__(self) -> pn.viewable.Viewable:
        self.upload.param.update(width=340, margin=(5, 10))
        ids = field(self.param.id_column, width=150, placeholder="found automatically")
        bar = pn.FlexBox(self.choice(), self.upload, ids, self._which, align_items="flex-start")
        return pn.Column(bar, self.unread, self.noted, self.body, sizing_mode="stretch_width")


@cache
def _uploads() -> Path:
    """Return the folder of uploaded files; it is removed when the server ends."""
    folder = Path(tempfile.mkdtemp(prefix="galviz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
