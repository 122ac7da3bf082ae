"""The export panel: selected objects as a file, as Python code, or in other programs."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, is_dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.provenance import passport, python_for
from galviz.io.tables import SUFFIXES, KeyedTable
from galviz.sky.cutouts import CutoutSet
from galviz.sky.export import export
from galviz.tools.export.download import Handover
from galviz.tools.export.programs import Programs
from galviz.tools.formatting import field, text
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import Choice, Patient, follow

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
_UNKNOWN = "# table = …: what was chosen from, its index object_id; where it was read from is not known here"
_LONG = "# {:,} characters of Python are too many to show: download them as the format Python script\n"


class WayOut(Patient):
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
    look : callable, optional
        Returns the current display settings, a `Look` or a mapping, for the provenance.
    units : mapping of str to str, optional
        Units of the table's columns.
    notes : sequence of str
        Notes on the table, for the provenance and the Python: `galviz.io.tables.KeyedTable.notes`.

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
        look: Callable[[], Any] | None = None,
        units: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        if not table.index.equals(selection.table.index):
            raise ValueError(
                "table: expected the objects of the selection's table, got others. Make both of one table."
            )
        super().__init__(selection=selection)
        self.table, self.cutouts, self.run, self.look, self.units = table, cutouts, run, look, units or {}
        self.notes = tuple(notes)
        opening = opening or ("" if source else _UNKNOWN)
        self.script = partial(python_for, source=source, id_column=id_column, opening=opening, notes=self.notes)
        if cutouts is None:
            self.param.form.objects = [form for form in FORMATS if FORMATS[form] != "cutouts"]
        self.handover = Handover(sizing_mode="stretch_width", margin=(0, 10))
        self.programs = Programs(selection, self.keyed)
        follow(selection, ["version"], self._write)
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self.leave())

    @param.depends("selection.version")
    def count(self) -> Markup:
        """Return the number of objects to export, as HTML."""
        all_of, chosen = len(self.table), len(self.selection)
        what = f"{chosen:,} selected" if chosen else f"all {all_of:,}"
        objects = "object" if (chosen or all_of) == 1 else "objects"
        return Markup("<div role='status'><b>{} {}</b></div>").format(what, objects)

    def keyed(self, choice: Choice) -> KeyedTable:
        """Return the rows of a snapshot, with units and provenance."""
        shown = None if self.look is None else self.look()
        stretch = asdict(shown) if is_dataclass(shown) else shown
        papers = {"steps": choice.steps, "python": self.script(choice), "run": self.run, "stretch": stretch}
        return KeyedTable(self.table[choice.mask], self.units, passport(choice.ids, **papers, notes=self.notes))

    def write(self, out: BinaryIO, kind: str, choice: Choice) -> None:
        """Write a file; `kind` is a value of `FORMATS`."""
        if kind == "python":
            out.write(self.script(choice).encode())
            return
        keyed = self.keyed(choice)
        export(out, kind, table=keyed, passport=keyed.passport, cutouts=self.cutouts)

    def _made(self, kind: str, choice: Choice) -> BinaryIO:
        wanted = self.cutouts is not None and kind in {"cutouts", "zip"}
        least = len(choice) * 4 * int(np.prod(self.cutouts.images.shape[1:])) if wanted else 0
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            if least <= LARGEST:
                self.write(file, kind, choice)
            if max(least, file.tell()) > LARGEST:
                raise ValueError(
                    f"objects: expected a file of at most {LARGEST / 1e9:g} GB, which a browser holds, got one of "
                    f"{max(least, file.tell()) / 1e9:.1f} GB. Choose fewer, or write it with galviz.sky.export.export."
                )
            stack.pop_all()  # the file stays open until the browser has it
            return file

    async def download(self, _: param.parameterized.Event | None = None) -> None:
        """Write the selected objects to a temporary file and send it to the browser."""
        if self.busy:
            return
        choice, kind = Choice.of(self.selection), FORMATS[self.form]
        name = f"galviz_{len(choice)}_{'cutouts' if kind == 'cutouts' else 'objects'}{_SUFFIXES[kind]}"
        self.param.update(error="", busy=True)
        self.handover.said = f"{name}: being made …"
        file = await self.aside(self._made, kind, choice)
        self.busy = False
        if file is None:
            self.handover.said = ""
        elif self.gone:
            file.close()
        else:
            self.handover.give(name, file)

    async def _write(self) -> None:
        script = await self.aside(self.script, Choice.of(self.selection)) or ""
        self.handover.script = script if len(script) <= _SHOWN else _LONG.format(len(script))

    def leave(self) -> None:
        """Close files and connections when the visitor leaves."""
        self.gone = self.programs.gone = True
        self.handover.drop()
        self.programs.leave()

    def __panel__(self) -> pn.viewable.Viewable:
        save = pn.widgets.Button(label="Download", color="primary", on_click=self.download)
        row = pn.FlexBox(field(self.param.form, width=210), save, align_items="flex-end")
        return pn.Column(text(self.count), row, self._alert, self.handover, self.programs, sizing_mode="stretch_width")
