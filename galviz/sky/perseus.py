"""What the Perseus catalogue says about galaxies, and the cuts with which a training set is made of it.

All cuts are half-open: the lower edge belongs to the class, the upper one does not. An object whose quantity is not
known is in no class and passes no cut. The cut in colour needs a fitted line: `galviz.measure.red_sequence`.

References
----------
Wittmann et al. (2019), ApJS 245, 10 (the catalogue, 5437 sources). Pruitt & Romanowsky, "Cluster Galaxy Classification
Using the Perseus Cluster With a Convolutional Neural Network" (slides).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

CLASSES = {
    0: "cluster or background LTG",
    1: "likely background ETG or unresolved source",
    2: "likely cluster or background edge-on disk galaxy",
    3: "likely dE/ETG cluster candidate",
    4: "likely merging system",
    5: "possible dE/ETG cluster candidate",
    6: "background galaxy with possibly weak substructure",
}
"""The seven classes (slide "Confusion Matrix for Visualization of Performance")."""

SHORT = {
    0: "0 LTG",
    1: "1 bg ETG",
    2: "2 edge-on",
    3: "3 dE/ETG",
    4: "4 merger",
    5: "5 dE/ETG?",
    6: "6 faint",
}
"""The seven classes as they stand in catalogues and along the axes of plots."""

MEMBER = {0: 0, 1: 0, 2: 0, 3: 1, 5: 1, 6: 0}
"""Seven classes → 1, a cluster member, or 0. Class 4, merging systems, is left out: the slides grey it out."""

COLOURS = ("r", "g_r", "g_z")
"""Columns of a catalogue: magnitude, and the colours g − r and g − z."""

BRIGHT = 19.4
"""Magnitude in r that an object must be brighter than (slide "Data Cleaning – Brightness Threshold")."""

REDSHIFTS = (0.01, 0.033)
"""From and to which redshift a galaxy is a member (slide "Spectroscopic Redshift (z)"). The slide leaves both edges
open; here 0.01 is a member and 0.033 is background."""


def class_numbers(classes: ArrayLike) -> np.ndarray:
    """Return the number of each class, float64, shape (N,); NaN if not known.

    Parameters
    ----------
    classes : array_like of int, float or str, shape (N,)
        Numbers, or names of `CLASSES` or `SHORT`.

    Raises
    ------
    ValueError
        If there is a text that is neither.
    """
    found = pd.Series(np.asarray(classes, dtype=object))
    known = found.dropna().astype(str).str.strip()
    named = known.map({name: float(number) for names in (CLASSES, SHORT) for number, name in names.items()})
    named = named.fillna(pd.to_numeric(known, errors="coerce"))
    strange = known[named.isna() & (known != "")]
    if len(strange):
        raise ValueError(
            f"classes: expected numbers from 0 to 6, or names such as {SHORT[3]!r}, got {strange.iloc[0]!r}."
        )
    return named.reindex(found.index).to_numpy(np.float64)


def membership(classes: ArrayLike) -> np.ndarray:
    """Return 1 for members, 0 for others, float64, shape (N,), of the seven classes; NaN for class 4 and unknown ones.

    Parameters
    ----------
    classes : array_like of int or float, shape (N,)

    Raises
    ------
    ValueError
        If there is a number that is no class.
    """
    classes = np.asarray(classes, dtype=np.float64)
    strange = ~np.isin(classes, list(CLASSES)) & ~np.isnan(classes)
    if strange.any():
        raise ValueError(f"classes: expected whole numbers from 0 to 6 or NaN, got {classes[strange][0]:g}.")
    return pd.Series(classes).map(MEMBER).to_numpy(np.float64)


def spectroscopic_class(z: ArrayLike, member: tuple[float, float] = REDSHIFTS) -> np.ndarray:
    """Return ``"star"``, ``"member"`` or ``"background"`` by the redshift.

    Parameters
    ----------
    z : array_like of float, shape (N,)
    member : (float, float)
        Edges of the members: stars are below the first, members from it on, background from the second on.

    Returns
    -------
    numpy.ndarray of object, shape (N,)
        None where the redshift is not known.

    Raises
    ------
    ValueError
        If the edges do not increase.
    """
    if not member[0] < member[1]:
        raise ValueError(f"member: expected two redshifts, the smaller one first, got {member}.")
    z = np.asarray(z, dtype=np.float64)
    names = np.array(["star", "member", "background"], dtype=object)[np.digitize(z, member)]
    return np.where(np.isfinite(z), names, None)


def brighter(magnitude: ArrayLike, limit: float = BRIGHT) -> np.ndarray:
    """Return which objects have a magnitude below a limit, bool, shape (N,); False where it is not known."""
    magnitude = np.asarray(magnitude, dtype=np.float64)
    return np.isfinite(magnitude) & (magnitude < limit)


def after_cuts(cuts: Mapping[str, np.ndarray]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return which objects pass all cuts, and how many are left after each.

    Parameters
    ----------
    cuts : mapping of str to numpy.ndarray of bool, shape (N,)
        Name of a cut → which objects pass it, in the order in which they are made.

    Returns
    -------
    kept : numpy.ndarray of bool, shape (N,)
    table : pandas.DataFrame
        Index ``cut``; columns passed (this cut alone) and left (this cut and those before).
    """
    kept = np.logical_and.accumulate(list(cuts.values()), axis=0)
    columns = {"passed": [int(np.sum(cut)) for cut in cuts.values()], "left": kept.sum(axis=1)}
    return kept[-1], pd.DataFrame(columns, index=pd.Index(cuts, name="cut"))
