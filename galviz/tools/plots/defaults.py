"""The plots that a table opens with, from the names, units and values of its columns."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import column
from galviz.io.formats.request import ID_NAMES
from galviz.sky.column_names import REDSHIFTS, RICHNESSES
from galviz.sky.readers.positions import position_columns
from galviz.tasks.pair import Pair, pair_of

MOST_VALUES = 30
"""Largest number of different values of a column in a matrix."""

_BANDS = ("u", "g", "r", "i", "z")
_MAGNITUDE = re.compile(
    r"(?P<before>|.*(?:mag|cmodel|psf|petro|dered|kron|auto|aper)_?)(?P<band>[ugriz])(?P<after>|_?(?:mag|auto|psf|petro|aper).*|0)",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"([ugrizy])\s*[-_−]\s*([ugrizy])")  # g_z, g-r
_ERROR = re.compile(r"^(?:e|err|sigma)_|err|_(?:sigma|std|e)$|uncertainty", re.IGNORECASE)
_NUMBERS_ONLY = re.compile(
    r"^(?:run|rerun|camcol|field|plate|mjd|fiber|fiberid|fold|row|index|ccd|chip|htmid)$", re.IGNORECASE
)
_SAMPLE = 2000  # rows from which columns are judged
_SOME = 12  # columns that are compared with each other


def default_plots(
    table: pd.DataFrame, units: Mapping[str, str] | None = None, pair: Pair | tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the plots that suit a table, the most important first, as parameters of a `PlotView`.

    Prediction against truth and the residual, where a pair of them is known; a sky map, where there are positions;
    richness (or mass) against redshift; r against g - r, where there are magnitudes, or against a column such as g_r.
    Without any of these, the two numeric columns that depend most on each other. Ids are never drawn. A histogram comes
    last.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects.
    units : mapping of str to str, optional
        Column → unit.
    pair : Pair or (str, str), optional
        Columns of a truth and its prediction.
    """
    units = units or {}
    sample = table.iloc[:: max(len(table) // _SAMPLE, 1)]
    numbers = _numbers(sample)
    plots = _of_pair(table, pair)
    sky = position_columns(sample, units)
    if sky is not None and len(table) > 1:
        plots.append({"kind": "sky map", "x": sky[0], "y": sky[1]})
    bands = magnitude_columns(sample, units)
    others = [name for name in numbers if name not in (sky or ())]
    redshift, richness = _redshift(sample, others, bands), _named(others, RICHNESSES)
    if redshift and richness:
        log = bool((sample[richness].dropna() > 0).all()) and not richness.lower().startswith(("ln", "log"))
        plots.append({"kind": "scatter", "x": redshift, "y": richness, "log_y": log})
    if {"g", "r"} <= bands.keys():
        colour = f"{column(bands['g'])} - {column(bands['r'])}"
        plots.append({"kind": "scatter", "x": colour, "y": bands["r"]})
    elif len(bands) < 2 and (beside := _colour_beside(sample)):
        plots.append({"kind": "scatter", "x": beside[1], "y": beside[0]})
    if not any(plot["kind"] in ("scatter", "matrix") for plot in plots) and len(others) > 1:
        plots.append({"kind": "scatter"} | dict(zip("xy", _informative(sample[others]), strict=True)))
    if others:
        plots.append({"kind": "histogram", "x": richness or redshift or others[0]})
    if not plots:
        classes = [str(name) for name in table.columns if table[name].nunique() <= MOST_VALUES][:2]
        plots = [{"kind": "matrix", "x": classes[-1], "y": classes[0]}] if classes else []
    return plots


def magnitude_columns(table: pd.DataFrame, units: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return band → column of its magnitude, for the set of columns with most of u, g, r, i, z.

    The names of a set differ only in the band: u, g, r, i, z; ``modelMag_g``; ``MAG_AUTO_G``; ``gmag``. Single letters
    are magnitudes only where g and r are both there, or the unit says so.
    """
    units, sets = units or {}, {}
    for name in map(str, table.select_dtypes("number").columns):
        found = _MAGNITUDE.fullmatch(name)
        if found and not _ERROR.search(name) and _is_magnitude(table[name], units.get(name, "")):
            sets.setdefault((found["before"].lower(), found["after"].lower()), {})[found["band"].lower()] = name
    fit = [bands for key, bands in sets.items() if key != ("", "") or {"g", "r"} <= bands.keys()]
    best = max(fit, key=len, default={})
    return {band: best[band] for band in _BANDS if band in best}


def magnitude_and_colour(table: pd.DataFrame) -> tuple[str, str] | None:
    """Return the magnitude and the colour of a diagram: r and g − z, or what comes next; None where there is no colour.

    A colour is the difference of two magnitudes, or a column such as ``g_z`` beside a magnitude of one of its bands.
    """
    bands = magnitude_columns(table.iloc[:: max(len(table) // _SAMPLE, 1)])
    if len(bands) < 2:
        return _colour_beside(table)
    names = list(bands)
    wanted = (("g", "z"), ("g", "i"), ("g", "r"), (names[0], names[-1]))
    blue, red = next(pair for pair in wanted if set(pair) <= bands.keys())
    return bands.get("r", bands[red]), f"{column(bands[blue])} - {column(bands[red])}"


def is_magnitude(table: pd.DataFrame, name: str, units: Mapping[str, str] | None = None) -> bool:
    """Return whether a column holds magnitudes, by its unit or its name and its values."""
    if name not in table.columns or not _is_number(table[name]) or _ERROR.search(name):
        return False
    sample = table[[str(each) for each in table.columns if _MAGNITUDE.fullmatch(str(each)) or each == name]]
    sample = sample.iloc[:: max(len(table) // _SAMPLE, 1)]
    unit = (units or {}).get(name, "")
    if unit:
        return _is_magnitude(sample[name], unit) and "mag" in unit
    return name in magnitude_columns(sample, units).values() or (
        bool(re.search(r"mag(?:nitude)?s?(?:_|$)|^mag", name, re.IGNORECASE)) and _is_magnitude(sample[name], "")
    )


def _colour_beside(table: pd.DataFrame) -> tuple[str, str] | None:
    """Return a magnitude, such as ``r``, and a colour, such as ``g_z``; None without such columns."""
    numbers = [str(name) for name in table.select_dtypes("number")]
    colours = {tuple(found.groups()): name for name in numbers if (found := _COLOUR.fullmatch(name))}
    bands = [band for band in ("r", *"ugizy") if band in numbers and any(band in pair for pair in colours)]
    if not bands:
        return None
    wanted = next((pair for pair in (("g", "z"), ("g", "i"), ("g", "r")) if pair in colours), next(iter(colours)))
    return bands[0], colours[wanted]


def _of_pair(table: pd.DataFrame, pair: Pair | tuple[str, str] | None) -> list[dict[str, Any]]:
    """Return the plots of a truth and its prediction."""
    try:
        pair = pair_of(table, *pair) if isinstance(pair, tuple) else pair
    except (ValueError, KeyError):
        return []
    if pair is None:
        return []
    if pair.classes:
        return [{"kind": "histogram", "x": pair.chances[pair.judged[0]]}] if pair.chances else []
    residual = f"{column(pair.estimate)} - {column(pair.truth)}"
    return [
        {"kind": "scatter", "x": pair.truth, "y": pair.estimate, "guide": "1:1 line", "median": True},
        {"kind": "scatter", "x": pair.truth, "y": residual, "guide": "zero and medians"},
    ]


def _numbers(table: pd.DataFrame) -> list[str]:
    """Return the numeric columns that say something about an object: no ids, errors, flags, nor one value for all."""
    return [
        str(name)
        for name in table.select_dtypes("number")
        if not (_ERROR.search(str(name)) or _NUMBERS_ONLY.match(str(name)) or _is_id(str(name), table[name]))
        and len(table[name].dropna().unique()) > 1
    ]


def _is_id(name: str, values: pd.Series) -> bool:
    named = name.lower() in ID_NAMES or bool(re.search(r"(?:^|_)id$|[a-z]ID$|objid$", name))
    return named and pd.api.types.is_integer_dtype(values)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _is_magnitude(values: pd.Series, unit: str) -> bool:
    """Return whether the middle value is as bright as an object that is observed; 99 and -99 are often missing ones."""
    middle = values[values.abs() < 90].median()
    return (not unit or "mag" in unit) and bool(5 < middle < 40)


def _named(names: list[str], known: tuple[str, ...]) -> str:
    low = {name.lower(): name for name in reversed(names)}
    return next((low[one] for one in known if one in low), "")


def _redshift(table: pd.DataFrame, names: list[str], bands: Mapping[str, str]) -> str:
    """Return the column of the redshift; ``z`` may be a magnitude instead."""
    free = [name for name in names if name not in bands.values() and -0.1 < table[name].median() < 15]
    return _named(free, REDSHIFTS)


def _informative(table: pd.DataFrame) -> tuple[str, str]:
    """Return the two columns that depend most on each other (Spearman), but are not the same thing."""
    wide = table.iloc[:, :_SOME].astype(float)
    rank = wide.corr(method="spearman", min_periods=10).abs().to_numpy(copy=True)
    rank[~np.triu(np.ones_like(rank, dtype=bool), 1) | (rank > 0.999) | np.isnan(rank)] = -1
    x, y = np.unravel_index(int(rank.argmax()), rank.shape) if rank.max() > 0.1 else (0, 1)
    return str(wide.columns[x]), str(wide.columns[y])
