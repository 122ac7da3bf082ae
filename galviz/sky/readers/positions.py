"""Right ascension and declination in a table, whatever their columns are called and however they are written."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

# Before "ra" or after it: words that are no other quantity (ra_err, e_RAJ2000 and pmra are others).
_AROUND = r"(deg|degrees?|obj|object|gal|galaxy|j2000|2000|icrs|fk5|j2000_?deg|sky|hms|dms|str|target|source|fiber)"
_PREFIX = r"(.*[.]|_|(obj|object|gal|galaxy|target|source|fiber|sky|coord|skycoord)_?)?"
_PATTERNS = {
    "ra": rf"{_PREFIX}(ra|raj2000|right_?ascension|alpha(win)?(_?(j2000|sky))?)(_?{_AROUND})?",
    "dec": rf"{_PREFIX}(dec|decl|de|dej2000|decj2000|declination|delta(win)?(_?(j2000|sky))?)(_?{_AROUND})?",
}
_FIRST = {
    "ra": ("ra", "raj2000", "ra_j2000", "_ra", "_raj2000", "alpha_j2000", "alphawin_j2000"),
    "dec": ("dec", "dej2000", "decj2000", "dec_j2000", "_de", "_dej2000", "delta_j2000", "deltawin_j2000"),
}
_LIMITS = {"ra": (-360.0, 360.0), "dec": (-90.0, 90.0)}
_SEXAGESIMAL = (
    r"^\s*([+\-−]?)(\d{1,3})\s*(?:[:hHdD°]|\s)\s*(\d{1,2})\s*(?:[:mM'′]|\s)\s*(\d{1,2}(?:\.\d*)?)\s*[sS\"″]?\s*$"
)


def with_positions(
    table: pd.DataFrame, units: Mapping[str, str] | None = None, columns: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with the columns ``ra`` and ``dec`` in degrees, and with those that the user names.

    No column is lost: one that is read as ``ra`` stays. Where ``ra`` itself is not in degrees, it stays as
    ``ra_original``.

    Parameters
    ----------
    table : pandas.DataFrame
    units : mapping of str to str, optional
        Unit of each column that has one.
    columns : mapping of str to str, optional
        New column → column of the table: ``{"ra": "RAJ2000", "z": "z_spec"}``.

    Returns
    -------
    table : pandas.DataFrame
    notes : list of str
        What was recognised: ``"ra ← RAJ2000"``.

    Raises
    ------
    ValueError
        If a column in `columns` is not there, or is no position in degrees, hours or sexagesimal text.
    """
    columns = dict(columns or {})
    for name, own in columns.items():
        if own not in table.columns:
            names = ", ".join(map(str, table.columns[:20]))
            raise ValueError(f"column: expected one of {names} for {name}, got {own!r}.")
    found = {key: _position(table, key, units or {}, columns.pop(key, None)) for key in ("ra", "dec")}
    if None in found.values():
        found = {key: one for key, one in found.items() if one is not None and one[3]}
    new = {key: (own, degrees, how) for key, (own, degrees, how, _) in found.items() if own != key or how}
    new |= {name: (own, table[own], "") for name, own in columns.items() if name != own}
    notes = []
    for name, (own, values, how) in new.items():
        note = f"{name} ← {own}{how}"
        if name in table.columns:
            kept = _free(table, f"{name}_original")
            table, note = table.assign(**{kept: table[name]}), f"{note}; the original stays as {kept}"
        table = table.assign(**{name: values})
        notes.append(note)
    return table, notes


def position_columns(table: pd.DataFrame, units: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Return the columns of right ascension and declination, by their names and values; None unless both are there."""
    found = [_position(table, key, units or {}, None) for key in ("ra", "dec")]
    return None if found[0] is None or found[1] is None else (found[0][0], found[1][0])


def _position(
    table: pd.DataFrame, key: str, units: Mapping[str, str], named: str | None
) -> tuple[str, np.ndarray, str, bool] | None:
    """Return the column of a coordinate, its values in degrees, how they were converted, and whether it was named."""
    for own in _candidates(table, key) if named is None else [named]:
        degrees, how = _degrees(table[own], key, units.get(own, ""))
        if degrees is not None:
            return own, degrees, how, named is not None
    if named is not None:
        got = ", ".join(map(str, table[named].dropna().iloc[:1]))
        raise ValueError(f"column: expected {key} in degrees, hours or as hh:mm:ss, got {got or 'nothing'} in {named}.")
    return None


def _free(table: pd.DataFrame, name: str) -> str:
    while name in table.columns:
        name += "_"
    return name


def _candidates(table: pd.DataFrame, key: str) -> list[str]:
    """Return the columns whose names are those of this coordinate, the most usual first."""
    found = [name for name in map(str, table.columns) if re.fullmatch(_PATTERNS[key], name, re.IGNORECASE)]
    order = {name: k for k, name in enumerate(_FIRST[key])}
    return sorted(found, key=lambda name: (name != key, order.get(name.lower(), len(order)), len(name)))


def _degrees(values: pd.Series, key: str, unit: str) -> tuple[np.ndarray | None, str]:
    """Return a coordinate in degrees and how it was converted, or None if it is none."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return None, ""
    if not pd.api.types.is_numeric_dtype(values):
        return _from_text(values.astype("str").where(values.notna()), key)
    degrees, how = values.to_numpy(dtype=np.float64, na_value=np.nan), ""
    if unit.strip():
        import astropy.units as u  # late: for most pages it is a fifth of a second for nothing

        try:
            factor = u.Unit({"h": "hourangle", "hour": "hourangle", "hours": "hourangle"}.get(unit, unit)).to(u.deg)
        except (ValueError, TypeError, u.UnitConversionError):
            factor = 1.0
        if factor != 1:
            degrees, how = degrees * factor, f" ({unit} → degrees)"
    low, high = _LIMITS[key]
    known = degrees[np.isfinite(degrees)]
    return (degrees, how) if len(known) and known.min() >= low and known.max() <= high else (None, "")


def _from_text(text: pd.Series, key: str) -> tuple[np.ndarray | None, str]:
    known = text.dropna()
    known = known[known.str.strip() != ""]
    parts = known.str.extract(_SEXAGESIMAL)
    if not len(known) or parts.isna().any(axis=None):
        return None, ""
    whole, minutes, seconds = (parts[k].astype(float) for k in (1, 2, 3))
    if (minutes >= 60).any() or (seconds > 60).any():
        return None, ""
    in_degrees = key == "dec" or known.str.contains("[dD°]").any()
    values = (whole + minutes / 60 + seconds / 3600) * (1 if in_degrees else 15)
    values = values.where(~parts[0].isin(["-", "−"]), -values)
    low, high = _LIMITS[key]
    if values.min() < low or values.max() > high:
        return None, ""
    degrees = pd.Series(np.nan, index=range(len(text)))
    degrees.iloc[np.flatnonzero(text.notna() & (text.str.strip() != ""))] = values.to_numpy()
    return degrees.to_numpy(), f" ({'sexagesimal' if in_degrees else 'hh:mm:ss'} → degrees)"
