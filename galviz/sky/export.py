"""Export of a selection: as a table in any format, as FITS cutouts with a WCS, or as a zip file with both."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from galviz.io.files import write_aside
from galviz.io.provenance import ids_digest
from galviz.io.tables import SUFFIXES, KeyedTable, write_table
from galviz.sky.cutouts import CutoutSet

KINDS = (*SUFFIXES, "spreadsheet", "cutouts", "zip")

_README = """{count} objects, exported by galviz {version} on {made}.

table.csv .ecsv .vot .fits .parquet   the same table in each format, one row per object, keyed by object_id
passport.json                         which objects these are and how they were selected; "python" selects them again
{cutouts}
Read a table, ids as text, with galviz.io.tables.read_table("table.parquet").
{notes}"""
_CUTOUTS = """cutouts/                              an image (bands, y, x) an object, with coordinates where known
{renamed}The sky is: {origin}.
"""
_NAMES = "names.csv"
_RENAMED = f"""{_NAMES:<38}the file of each object: some ids cannot be names of files, or differ only in case
"""


def export(
    target: str | Path | BinaryIO,
    kind: str,
    *,
    table: pd.DataFrame | KeyedTable,
    provenance: Mapping[str, Any],
    cutouts: CutoutSet | None = None,
    units: Mapping[str, str] | None = None,
) -> None:
    """Write the objects of a table to one file, with their provenance.

    Parameters
    ----------
    target : str, Path or binary file
        A path is written atomically. A file is written sequentially.
    kind : str
        A format of `galviz.io.tables.write_table`: ``"csv"``, ``"ecsv"``, ``"votable"``, ``"fits"``, ``"parquet"``;
        ``"spreadsheet"``: CSV without formulas, units and provenance; ``"cutouts"``: one FITS file with one image per
        object (`galviz.sky.fits_cutouts.write`); or ``"zip"``: the table in all formats that can be read back, one FITS
        file per object, ``passport.json`` and a README.
    table : pandas.DataFrame or KeyedTable, N rows
        The objects with their columns.
    provenance : mapping
        Provenance of them, from `galviz.io.provenance.provenance`. The notes of a `KeyedTable` are added to it.
    cutouts : CutoutSet, optional
        Images of these objects. Other objects in it are left out. Images are read a few at a time.
    units : mapping of str to str, optional
        Units of the columns of a data frame.

    Raises
    ------
    ValueError
        If there is no such kind, no cutouts to write, or the provenance belongs to other objects.
    KeyError
        If an object has no image.
    """
    keyed = table if isinstance(table, KeyedTable) else KeyedTable(table, units or {})
    _check(kind, keyed, cutouts, provenance)
    if keyed.notes:
        provenance = {**provenance, "notes": list(dict.fromkeys([*provenance.get("notes", ()), *keyed.notes]))}
    keyed = KeyedTable(keyed.table, keyed.units, provenance)
    cutouts = None if cutouts is None or kind not in {"cutouts", "zip"} else cutouts.select(keyed.table.index)
    if isinstance(target, str | Path):
        with write_aside(Path(target)) as aside, aside.open("wb") as out:
            _write(out, kind, keyed, cutouts)
    else:
        _write(target, kind, keyed, cutouts)


def _check(kind: str, keyed: KeyedTable, cutouts: CutoutSet | None, provenance: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}.")
    if kind == "cutouts" and cutouts is None:
        raise ValueError("cutouts: expected images to write, got none. Export the table, or open the images.")
    known = provenance.get("ids", {})
    if known.get("sha256") != ids_digest(keyed.table.index):
        raise ValueError(
            f"provenance: expected that of the {len(keyed)} objects here, got that of {known.get('count', 'no')} "
            "others. Make it of the table's index: provenance(table.index, …)."
        )


def _write(out: BinaryIO, kind: str, keyed: KeyedTable, cutouts: CutoutSet | None) -> None:
    if kind in SUFFIXES:
        write_table(out, keyed, kind)
    elif kind == "spreadsheet":
        write_table(out, keyed, "csv", spreadsheet=True)
    elif kind == "cutouts":
        from galviz.sky import fits_cutouts  # late: a page shows before it needs astropy.io.fits

        fits_cutouts.write(cutouts, out, keyed.provenance)
    else:
        _write_zip(out, keyed, cutouts)


def _write_zip(out: BinaryIO, keyed: KeyedTable, cutouts: CutoutSet | None) -> None:
    from galviz.sky import fits_cutouts

    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _readme(keyed, cutouts))
        archive.writestr("passport.json", json.dumps(keyed.provenance, indent=1, ensure_ascii=False) + "\n")
        for kind, suffix in SUFFIXES.items():
            with tempfile.TemporaryFile() as file, archive.open(f"table{suffix}", "w", force_zip64=True) as member:
                write_table(file, keyed, kind)
                file.seek(0)
                shutil.copyfileobj(file, member)
        if cutouts is not None and _renamed(cutouts):
            files = pd.DataFrame({"file": fits_cutouts.names(cutouts)}, index=cutouts.catalogue.index)
            with archive.open(_NAMES, "w") as member:
                write_table(member, files, "csv")
        for name, content in [] if cutouts is None else fits_cutouts.files(cutouts, keyed.provenance):
            archive.writestr(f"cutouts/{name}", content, zipfile.ZIP_STORED)


def _renamed(cutouts: CutoutSet) -> bool:
    """Return whether any cutout file has another name than ``<object_id>.fits``."""
    from galviz.sky import fits_cutouts

    return fits_cutouts.names(cutouts) != [f"{object_id}.fits" for object_id in cutouts.object_ids]


def _readme(keyed: KeyedTable, cutouts: CutoutSet | None) -> str:
    about = ""
    if cutouts is not None:
        about = _CUTOUTS.format(origin=cutouts.origin, renamed=_RENAMED if _renamed(cutouts) else "")
    made = {"version": keyed.provenance["galviz"], "made": keyed.provenance["made"]}
    notes = "".join(f"\nNote: {note}\n" for note in keyed.provenance.get("notes", ()))
    return _README.format(count=f"{len(keyed):,}", cutouts=about, notes=notes, **made)
