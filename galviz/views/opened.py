"""What a visitor opens: what the page was started on, something of the library, or a table that is uploaded."""

import atexit
import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.views.library import Library
from galviz.views.run import REFUSED
from galviz.views.state import query, write_query
from galviz.views.tables import Opened, open_any
from galviz.views.words import field, said, shown_error, text

_NAMED = 5  # pictures that are named


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
    uploaded = param.String(default="", doc="where the table is that the visitor brought")
    broken = param.Dict(default={}, doc="pictures that cannot be read: id and reason")
    help = Markup("")
    """What to do where nothing is open."""

    def __init__(self, paths: Sequence[str], library: Library, **params: object) -> None:
        super().__init__(**params)
        self.paths, self.library = [str(path) for path in paths], library
        asked = query()
        self.offer()
        self.chosen = self.param.chosen.objects.get(asked.get("open", ""), "")
        self._find_upload(asked.get("upload", ""))

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
        read = f"from galviz.sky.tables import read_table\n\ntable = read_table({Path(self.uploaded).name!r}"
        ids = f", id_column={self.id_column!r}" if self.id_column else ""
        return f"{read}{ids}).table  # the file that was uploaded" if self.uploaded else ""

    @param.depends("chosen", "id_column", "uploaded")
    def body(self) -> pn.viewable.Viewable:
        """Show what is open, or say why it cannot be shown, or what to do where nothing is."""
        if not self.given:
            return text(self.help)
        try:
            return self.shown(self.given)
        except (*REFUSED, TypeError, KeyError) as error:
            return said(shown_error(error))

    def open(self, given: Sequence[str], id_column: str | None = None) -> Opened:
        """Open what is given; of pictures that cannot be read, the others are shown and those are named."""
        self.broken = {}

        def hear(object_id: str, why: str) -> None:
            self.broken = self.broken | {object_id: why}

        images = given[1] if len(given) > 1 else None
        return open_any(given[0], images, self.id_column.strip("'\" ") or id_column, hear)

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

    def _upload(self, *events: param.parameterized.Event) -> None:
        brought = events[0].obj
        if brought.filename:
            name, content = Path(brought.filename).name, brought.value or b""  # None is what Panel makes of nothing
            digest = hashlib.sha256(name.encode() + content).hexdigest()
            path = _uploads() / digest / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            self.param.update(chosen="", uploaded=str(path), id_column="")
            write_query(upload=digest, open="")

    @param.depends("chosen", watch=True)
    def _choose(self) -> None:
        names = {path: name for name, path in self.param.chosen.objects.items()}
        write_query(upload="", open=names[self.chosen] if self.chosen else "")
        if self.chosen:
            self.param.update(uploaded="", id_column="")

    def choice(self) -> pn.widgets.Select:
        """Make the select of what is offered, which follows it."""
        return pn.widgets.Select.from_param(self.param.chosen, width=260)

    def __panel__(self) -> pn.viewable.Viewable:
        upload = pn.widgets.FileInput(accept=".csv,.ecsv,.vot,.xml,.fits,.fit,.parquet,.gz", width=240)
        upload.param.watch(self._upload, ["value", "filename"])
        ids = field(self.param.id_column, width=150, placeholder="found by its name")
        bar = pn.FlexBox(self.choice(), pn.Column(text("Or upload a table"), upload), ids, align_items="flex-end")
        return pn.Column(bar, self.unread, self.body, sizing_mode="stretch_width")


@cache
def _uploads() -> Path:
    """Give the folder of what visitors brought; it goes with the server."""
    folder = Path(tempfile.mkdtemp(prefix="galviz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
