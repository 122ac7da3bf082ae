"""The export panel: selected objects as a file, as Python code, or in other programs."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, is_dataclass
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.provenance import provenance, python_for
from galviz.io.tables import SUFFIXES, KeyedTable
from galviz.sky.cutouts import CutoutSet
from galviz.sky.export import export
from galviz.tools.export.download import Download
from galviz.tools.export.programs import Programs
from galviz.tools.formatting import field, text
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import BackgroundView, Snapshot, run_on_change

FORMATS = {
    "CSV": "csv",
    "CSV safe for spreadsheets": "spreadsheet",
    "ECSV": "ecsv",
    "VOTable": "votable",
    "FITS table": "fits",
    "Parquet": "parquet",
}
FORMATS |= {"cutouts as FITS with WCS": "cutouts", "zip with all of it": "zip", "Python script": "python"}
LARGEST = 2_000_000_000  # bytes; about the limit of Chromium for files assembled by a page
_SUFFIXES = SUFFIXES | {"spreadsheet": "_spreadsheet.csv", "cutouts": ".fits", "zip": ".zip", "python": ".py"}
_SHOWN = 100_000  # characters of Python shown on a page
_UNKNOWN = "# table = …: the objects were selected from it, its index is object_id; its origin is not known here"
_LONG = "# {:,} characters of Python are too many to show: download them as the format Python script\n"


class ExportPanel(BackgroundView):
    """Export the selected objects, or all if none is selected: as a file, as Python, or to other programs.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns to export; same index as the selection's table.
    selection : Selection
    cutouts : CutoutSet, optional
        Images of the objects.
    source, opening, id_column : str, optional
        Where the table was read from, for `galviz.io.provenance.python_for`. Without `source` and `opening`, the
        exported Python cannot run.
    run : galviz.runs.run.Run, optional
        The run whose predictions are shown, for the provenance.
    stretch : callable, optional
        Returns the current display settings, a `Stretch` or a mapping, for the provenance.
    units : mapping of str to str, optional
        Units of the table's columns.
    notes : sequence of str
        Notes on the table, for the provenance and the Python: `galviz.io.tables.KeyedTable.notes`.
    computed : callable, optional
        Returns name → expression of the columns that were added: `galviz.tools.columns.core.TableColumns.computed`.

    Raises
    ------
    ValueError
        If the table and the selection's table have different objects, or another order.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    form = param.Selector(default="CSV", objects=list(FORMATS), label="Format")

    def __init__(
        self,
        table: pd.DataFrame,
        selection: Selection,
        *,
        cutouts: CutoutSet | None = None,
        source: str = "",
        opening: str = "",
        id_column: str | None = None,
        run: Any = None,
        stretch: Callable[[], Any] | None = None,
        units: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        computed: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        if not table.index.equals(selection.table.index):
            raise ValueError(
                "table: expected the objects of the selection's table, got others. Build both from the same table."
            )
        super().__init__(selection=selection)
        self.table, self.cutouts, self.run, self.stretch, self.units = table, cutouts, run, stretch, units or {}
        self.notes = tuple(notes)
        opening = opening or ("" if source else _UNKNOWN)
        origin = {"source": source, "id_column": id_column, "opening": opening, "notes": self.notes}
        self.script = lambda snapshot: python_for(snapshot, **origin, computed=computed())
        if cutouts is None:
            self.param.form.objects = [form for form in FORMATS if FORMATS[form] != "cutouts"]
        self.transfer = Download(sizing_mode="stretch_width", margin=(0, 10))
        self.programs = Programs(selection, self.keyed)
        self._written = False
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self.leave())

    @param.depends("selection.version")
    def count(self) -> Markup:
        """Return the number of objects to export, as HTML."""
        all_of, selected = len(self.table), len(self.selection)
        what = f"{selected:,} selected" if selected else f"all {all_of:,}"
        objects = "object" if (selected or all_of) == 1 else "objects"
        return Markup("<div role='status'><b>{} {}</b></div>").format(what, objects)

    def keyed(self, snapshot: Snapshot) -> KeyedTable:
        """Return the rows of a snapshot, with units and provenance."""
        shown = None if self.stretch is None else self.stretch()
        stretch = asdict(shown) if is_dataclass(shown) else shown
        facts = {"steps": snapshot.steps, "python": self.script(snapshot), "run": self.run, "stretch": stretch}
        return KeyedTable(self.table[snapshot.mask], self.units, provenance(snapshot.ids, **facts, notes=self.notes))

    def write(self, out: BinaryIO, kind: str, snapshot: Snapshot) -> None:
        """Write a file; `kind` is a value of `FORMATS`."""
        if kind == "python":
            out.write(self.script(snapshot).encode())
            return
        keyed = self.keyed(snapshot)
        export(out, kind, table=keyed, provenance=keyed.provenance, cutouts=self.cutouts)

    def _made(self, kind: str, snapshot: Snapshot) -> BinaryIO:
        wanted = self.cutouts is not None and kind in {"cutouts", "zip"}
        least = len(snapshot) * 4 * int(np.prod(self.cutouts.images.shape[1:])) if wanted else 0
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            if least <= LARGEST:
                self.write(file, kind, snapshot)
            if max(least, file.tell()) > LARGEST:
                raise ValueError(
                    f"objects: expected a file of at most {LARGEST / 1e9:g} GB, the most that a browser can download "
                    f"here, got {max(least, file.tell()) / 1e9:.1f} GB. Select fewer, or write the file with "
                    "galviz.sky.export.export."
                )
            stack.pop_all()  # the file stays open until the browser has it
            return file

    async def download(self, _: param.parameterized.Event | None = None) -> None:
        """Write the selected objects to a temporary file and send it to the browser."""
        if self.busy:
            return
        snapshot, kind = Snapshot.of(self.selection), FORMATS[self.form]
        name = f"galviz_{len(snapshot)}_{'cutouts' if kind == 'cutouts' else 'objects'}{_SUFFIXES[kind]}"
        self.param.update(error="", busy=True)
        self.transfer.status = f"{name}: being made …"
        file = await self.in_thread(self._made, kind, snapshot)
        self.busy = False
        if file is None:
            self.transfer.status = ""
        elif self.gone:
            file.close()
        else:
            self.transfer.give(name, file)

    async def _write(self) -> None:
        script = await self.in_thread(self.script, Snapshot.of(self.selection)) or ""
        self.transfer.script = script if len(script) <= _SHOWN else _LONG.format(len(script))

    def leave(self) -> None:
        """Close files and connections when the visitor leaves."""
        self.gone = self.programs.gone = True
        self.transfer.drop()
        self.programs.leave()

    def __panel__(self) -> pn.viewable.Viewable:
        if not self._written:  # not before it is seen: the script has a digest of all ids, of 10⁷ in some seconds
            self._written = True
            run_on_change(self.selection, ["version"], self._write)
        save = pn.widgets.Button(label="Download", color="primary", on_click=self.download)
        row = pn.FlexBox(field(self.param.form, width=210), save, align_items="flex-end")
        return pn.Column(text(self.count), row, self._alert, self.transfer, self.programs, sizing_mode="stretch_width")
