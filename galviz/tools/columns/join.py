"""Joins of a second table, by id or by position on the sky, in which everything is counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from galviz.io.tables import KeyedTable
from galviz.sky.readers.positions import position_columns, with_positions
from galviz.tools.columns.core import LONGEST, TableColumns

SEPARATION = "separation"
"""Column with the distance to the matched object, in arcsec; `join` adds its suffix where the name is in use."""


@dataclass(frozen=True, eq=False)
class Joined:
    """The columns of a second table, for the objects of the first.

    Parameters
    ----------
    table : pandas.DataFrame
        N rows, the index of the first table; missing where nothing matches. Its id in the second table is a column,
        and for a join by position `SEPARATION`.
    units : mapping of str to str
        Unit of each column that has one.
    matched, unmatched : int
        Objects of the first table with and without a match.
    left_over : int
        Rows of the second table that match no object.
    several : int
        Objects with more than one row of the second table within the radius; the nearest is taken.
    shared : int
        Objects whose nearest row is nearer to another object, and so is not theirs.
    lost : int
        Rows of both tables without a position.
    renamed : mapping of str to str
        Column of the second table → its name here, where that is in use, too long, or has spaces at its ends.
    """

    table: pd.DataFrame
    units: Mapping[str, str]
    matched: int
    unmatched: int
    left_over: int
    several: int = 0
    shared: int = 0
    lost: int = 0
    renamed: Mapping[str, str] | None = None

    def notes(self, name: str = "the second table") -> list[str]:
        """Return what happened, as sentences."""
        total = self.matched + self.unmatched
        notes = [f"{self.matched:,} of {total:,} objects have a match in {name}; {self.unmatched:,} have none."]
        notes.append(f"{self.left_over:,} rows of {name} match no object.")
        if self.several:
            notes.append(f"{self.several:,} objects have more than one match within the radius: the nearest is taken.")
        if self.shared:
            notes.append(f"{self.shared:,} objects have no match because another object is closer to it.")
        if self.lost:
            notes.append(f"{self.lost:,} rows have no position.")
        if self.renamed:
            pairs = ", ".join(f"{old} → {new}" for old, new in self.renamed.items())
            notes.append(f"Columns whose names are in use, or too long, are renamed: {pairs}.")
        return notes


def join(
    table: pd.DataFrame,
    other: KeyedTable,
    *,
    by: Literal["id", "position"] = "id",
    radius: float = 1.0,
    suffix: str = "_2",
    units: Mapping[str, str] | None = None,
) -> Joined:
    """Return the columns of a second table for the objects of a first one.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by `object_id`. All of them stay, in their order.
    other : KeyedTable
        The second table.
    by : {"id", "position"}
        Equal ids; or the nearest row within `radius`, where each row belongs to the nearest object only.
    radius : float
        Largest distance in arcsec.
    suffix : str
        Added to the names of columns that both tables have.
    units : mapping of str to str, optional
        Units of the first table, for its positions.

    Raises
    ------
    ValueError
        If the radius or the suffix will not do, or a table has no positions.
    """
    if not suffix.strip():
        raise ValueError("suffix: expected some characters, got none. Type one, such as _2.")
    counts: dict[str, int] = {}
    away = None
    if by == "id":
        rows = other.table.index.get_indexer(table.index)
    else:
        rows, away, counts = _nearest(table, other, radius, units or {})
    found = rows >= 0
    columns, given = _columns(other.table, rows, table.index), dict(other.units)
    columns.insert(0, "object_id", pd.Series(columns.pop("\0id"), index=table.index))
    if by == "id":
        columns = columns.drop(columns="object_id")
    names, used = {}, {"object_id", *map(str, table.columns)}
    for name in columns.columns:
        new = _free(str(name), used, suffix.strip())
        used.add(new)
        names |= {name: new} if new != name else {}
    columns = columns.rename(columns=names)
    given = {names.get(name, name): unit for name, unit in given.items()}
    if away is not None:
        apart = _free(SEPARATION, used, suffix.strip())  # the second table may have a column of that name
        columns[apart], given[apart] = away, "arcsec"
    return Joined(
        columns,
        given,
        matched=int(found.sum()),
        unmatched=int((~found).sum()),
        left_over=len(other) - len(np.unique(rows[found])),
        renamed=names,
        **counts,
    )


def join_again(columns: TableColumns, other: KeyedTable, how: Mapping[str, Any]) -> None:
    """Join a table as it was joined before, and add its columns with the same names.

    Parameters
    ----------
    columns : TableColumns
        Gets them.
    other : KeyedTable
        The same table as then.
    how : mapping
        One of `TableColumns.joins`: ``file``, ``by``, ``radius`` (arcsec), and ``columns``, the names by their places
        among those of `join`, ``""`` for one that was removed.

    Raises
    ------
    ValueError
        If the table has other columns than then, or a name is in use.
    """
    found = join(columns.table, other, by=how["by"], radius=how["radius"], units=columns.units)
    if len(how["columns"]) != len(found.table.columns):
        raise ValueError(
            f"{how['file']}: expected {len(how['columns']):,} columns to join, got {len(found.table.columns):,}. Is it "
            "the file that was joined? Join it by hand."
        )
    names = {old: new for old, new in zip(found.table.columns, how["columns"], strict=True) if new}
    units = {names[old]: unit for old, unit in found.units.items() if old in names}
    columns.attach(found.table[list(names)].rename(columns=names), units, how)


def checked_joins(joins: Any) -> list[dict[str, Any]]:
    """Return what `TableColumns.joins` gave, from a saved view that may come from a stranger.

    Raises
    ------
    ValueError
        If it is something else.
    """
    kinds = {"file": str, "upload": str, "by": str, "radius": int | float, "columns": list}
    for how in joins if isinstance(joins, list) else [joins]:
        fits = isinstance(how, Mapping) and all(isinstance(how.get(key), kind) for key, kind in kinds.items())
        if not fits or how["by"] not in {"id", "position"} or not all(isinstance(each, str) for each in how["columns"]):
            raise ValueError(f"joined: expected how a table was joined, got {how!r}. Was it made by this version?")
    return [{key: how[key] for key in kinds} for how in joins]


def missing_text(how: Mapping[str, Any]) -> str:
    """Return which columns a view lacks until the table that was joined is there again, and how to get them."""
    file, names = how["file"], [name for name in how["columns"] if name]
    by = "object id" if how["by"] == "id" else f"position within {how['radius']:g} arcsec"
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return (
        f"This view needs columns that were joined from {file} by {by}: {shown}. Upload {file} again in the tab "
        "“Columns”, and the view opens."
    )


def _free(name: str, used: set[str], suffix: str) -> str:
    """Return a name that a column can have: not in use, not too long, and without spaces at its ends."""
    name, end = name.strip() or "column", ""
    while (new := name[: max(LONGEST - len(end), 0)].rstrip() + end) in used:
        end += suffix
    return new


def _columns(other: pd.DataFrame, rows: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """Return rows of a table, missing where a row is -1. Whole numbers and truth values stay what they are."""
    found = rows >= 0
    if not found.all():
        kinds = other.select_dtypes(["integer", "bool"]).dtypes
        wider = {
            name: "boolean" if kind.kind == "b" else "UInt64" if kind.itemsize == 8 and kind.kind == "u" else "Int64"
            for name, kind in kinds.items()
        }
        other = other.astype(wider)
    named = other.assign(**{"\0id": other.index.astype("str")})
    return named.iloc[rows[found]].set_axis(index[found]).reindex(index)


def _nearest(
    table: pd.DataFrame, other: KeyedTable, radius: float, units: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return the row of the second table for each object (-1 for none), the distance in arcsec, and counts."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord, match_coordinates_sky

    if not 0 < radius <= 3600:
        raise ValueError(f"radius: expected more than 0 and at most 3600 arcsec, got {radius:g}. Change it.")
    places = [_places(table, units, "first"), _places(other.table, other.units, "second")]
    known = [np.isfinite(place).all(axis=1) for place in places]
    rows, away = np.full(len(table), -1), np.full(len(table), np.nan)
    counts = {"lost": sum(int((~one).sum()) for one in known)}
    if not all(one.any() for one in known):
        return rows, away, counts
    here, there = (SkyCoord(*place[one].T * u.deg) for place, one in zip(places, known, strict=True))
    nearest, distance, _ = match_coordinates_sky(here, there)
    distance = distance.arcsec
    within = distance <= radius
    if len(there) > 1:
        second = match_coordinates_sky(here, there, nthneighbor=2)[1].arcsec
        counts["several"] = int((second <= radius).sum())
    order = np.flatnonzero(within)[np.argsort(distance[within], kind="stable")]
    own = np.zeros(len(here), dtype=bool)
    own[order[np.unique(nearest[order], return_index=True)[1]]] = True  # of those that share a row, the nearest
    counts["shared"] = int((within & ~own).sum())
    at = np.flatnonzero(known[0])[own]
    rows[at], away[at] = np.flatnonzero(known[1])[nearest[own]], distance[own]
    return rows, away, counts


def _places(table: pd.DataFrame, units: Mapping[str, str], which: str) -> np.ndarray:
    """Return right ascension and declination in degrees, (N, 2)."""
    names = position_columns(table, units)
    if names is None:
        raise ValueError(
            f"position: expected columns of right ascension and declination in the {which} table, got none that is "
            "known as such. Name them ra and dec, or join by id."
        )
    both = with_positions(table[list(names)], units, dict(zip(("ra", "dec"), names, strict=True)))[0]
    places = both[["ra", "dec"]].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(places).all(axis=1, keepdims=True), places, np.nan)
