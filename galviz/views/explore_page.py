"""The page of the explorer: any table of objects, with or without pictures."""

import atexit
import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

import panel as pn
import param

from galviz.labels import Labels
from galviz.views.closer import CloserView
from galviz.views.explorer import Explorer
from galviz.views.library import Library
from galviz.views.predictions import judged_plots
from galviz.views.run import REFUSED
from galviz.views.state import query, write_query
from galviz.views.tables import Opened, open_any
from galviz.views.template import page_template
from galviz.views.view_state import ViewState, read_view
from galviz.views.words import field, said, shown_error, text

_HELP = """<p>Nothing is open yet. Choose a sky or a run above, upload a table (CSV, ECSV, VOTable, FITS, Parquet),
or start the page on your own files: <code>panel serve dashboards/explore.py --args table.parquet [images]</code>.
Images are a sky made by <code>galviz ingest</code> or <code>galviz mock</code>, or a folder of pictures named by
object_id.</p>"""


class ExplorePage(pn.viewable.Viewer):
    """What is opened, and the explorer of it.

    Parameters
    ----------
    paths : sequence of str
        A table, sky, run or saved view, and perhaps images. None: the visitor chooses among what the library has.
    library : Library
    """

    chosen = param.Selector(default="", objects={"–": ""}, label="Open", doc="a sky or a run")
    id_column = param.String(default="", label="Column of ids", doc="# numbers the rows of a table that has no ids")
    uploaded = param.String(default="", doc="where the table is that the visitor brought")

    def __init__(self, paths: Sequence[str], library: Library, **params: object) -> None:
        super().__init__(**params)
        self.paths, self.library = [str(path) for path in paths], library
        self.view = None
        found = {f"sky {name}": str(path) for name, path in library.skies().items()}
        done = {name: run for name, run in library.runs()[0].items() if (run.path / "predictions.parquet").exists()}
        found |= {f"run {name}": str(run.path) for name, run in done.items()}
        self.param.chosen.objects = {"–": ""} | found
        self._find_upload(query().get("upload", ""))

    def _find_upload(self, digest: str) -> None:
        """Open again what was uploaded before the page was loaded anew."""
        if re.fullmatch("[0-9a-f]{64}", digest):  # it may not name other files
            self.uploaded = str(next(_uploads().glob(f"{digest}/*"), ""))

    def _upload(self, event: param.parameterized.Event) -> None:
        if event.new:
            name = Path(event.obj.filename).name
            digest = hashlib.sha256(name.encode() + event.new).hexdigest()
            path = _uploads() / digest / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(event.new)
            write_query(upload=digest)
            self.param.update(chosen="", uploaded=str(path), id_column="")

    @param.depends("chosen", watch=True)
    def _choose(self) -> None:
        if self.chosen:  # what was opened last is shown
            write_query(upload="")
            self.param.update(uploaded="", id_column="")

    def _uploaded_opening(self) -> str:
        read = f"from galviz.sky.tables import read_table\n\ntable = read_table({Path(self.uploaded).name!r}"
        ids = f", id_column={self.id_column!r}" if self.id_column else ""
        return f"{read}{ids}).table  # the file that was uploaded" if self.uploaded else ""

    @param.depends("chosen", "id_column", "uploaded")
    def body(self) -> pn.viewable.Viewable:
        """Give the explorer of what is open, or say why there is none."""
        given = [self.uploaded] if self.uploaded else [self.chosen] if self.chosen else self.paths
        if not given:
            return text(_HELP)
        try:
            ours = given is self.paths and given[0].endswith(".json")  # a visitor's may not name files of the server
            saved = read_view(Path(given[0]).read_text("utf-8")) if ours else None
            if saved is not None:
                given = [path for path in (saved.get("table"), saved.get("images")) if path]
            images = given[1] if len(given) > 1 else None
            opened = open_any(given[0], images, self.id_column.strip("'\" ") or (saved or {}).get("id_column"))
        except (*REFUSED, TypeError, KeyError) as error:
            return said(shown_error(error))
        plots = judged_plots(*opened.pair) if opened.pair else ()
        more = {"source": opened.source, "opening": self._uploaded_opening() or opened.opening, "run": opened.run}
        more |= {"id_column": opened.id_column, "units": opened.units, "labels": Labels(), "plots": plots}
        explorer = Explorer(opened.table, opened.cutouts, **more)
        about = {"table": str(Path(given[0]).resolve()), "images": images and str(Path(images).resolve())}
        name = Path(given[0]).name
        self.view = ViewState(explorer, "view", of=name, about=about | {"id_column": opened.id_column})
        if saved is not None:
            explorer.restore(saved["state"])
        origin = "" if opened.cutouts is None else f" · <b>{escape(opened.cutouts.origin)}</b>"
        about = text(
            f"<b>{escape(name)}</b>: {len(opened.table):,} objects, {len(opened.table.columns)} columns{origin}"
        )
        return pn.Column(about, explorer, *self._closer(opened, explorer), self.view, sizing_mode="stretch_width")

    def _closer(self, opened: Opened, explorer: Explorer) -> list[CloserView]:
        if opened.pair is None:
            return []
        table = opened.table.rename(columns=dict(zip(opened.pair, ("truth", "estimate"), strict=True)))
        runs = self.library.judged(opened.run.target, opened.run.name) if opened.run is not None else {}
        name = Path(opened.source).name
        return [CloserView(table, explorer.selection, opened.cutouts, called=name, others=runs)]

    def __panel__(self) -> pn.viewable.Viewable:
        upload = pn.widgets.FileInput(accept=".csv,.ecsv,.vot,.xml,.fits,.fit,.parquet,.gz", width=240)
        upload.param.watch(self._upload, "value")
        choice = field(self.param.chosen, width=260)
        ids = field(self.param.id_column, width=150, placeholder="found by its name")
        chosen = pn.FlexBox(choice, pn.Column(text("Or upload a table"), upload), ids, align_items="flex-end")
        return pn.Column(chosen, self.body, sizing_mode="stretch_width")


@cache
def _uploads() -> Path:
    """Give the folder of what visitors brought; it goes with the server."""
    folder = Path(tempfile.mkdtemp(prefix="galviz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def explore_page(paths: Sequence[str] = ()) -> pn.template.BootstrapTemplate:
    """Make the explorer's page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        As `ExplorePage` takes them.

    Returns
    -------
    panel.template.BootstrapTemplate
        Asks for nothing that the server does not serve itself.
    """
    template = page_template("explore")
    template.main.append(ExplorePage(paths, Library.find()))
    return template
