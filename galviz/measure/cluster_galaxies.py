"""The catalogue of cluster galaxies: membership from visual classes, and the cuts of the slides."""

import numpy as np
import pandas as pd

from galviz.measure.red_sequence import TOO_RED, fit_red_sequence, not_too_red
from galviz.sky.perseus import BRIGHT, SHORT, after_cuts, brighter, class_numbers, membership
from galviz.sky.rejected import Cleaned

_FAINTER_THAN_A_REDSHIFT = 8


def clean(table: pd.DataFrame, bright: float = BRIGHT, too_red: float = TOO_RED) -> Cleaned:
    """Return the catalogue of cluster galaxies with their membership, after the cuts of the slides.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns class (as `galviz.sky.perseus.class_numbers` takes it), r, and g_z (g − z), or g and z, magnitudes.
    bright : float
        Objects must be brighter than this in r.
    too_red : float
        Objects must be less than this many times the scatter redder than the red sequence. It is fitted to the bright
        objects of the same table.

    Returns
    -------
    Cleaned
        Its table has the columns class (a name of `galviz.sky.perseus.SHORT`), member (1 or 0, missing for class 4),
        g_z, and g_r if there is g.

    Raises
    ------
    ValueError
        If a column is missing, there is another class, or there are fewer than ten bright objects.

    References
    ----------
    Pruitt & Romanowsky, slides "Data Cleaning – Brightness Threshold" and "Data Cleaning – Red Objects".
    """
    for name in ("class", "r", *(() if "g_z" in table else ("g", "z"))):
        if name not in table:
            raise ValueError(
                f"table: expected a column {name!r}, got {', '.join(map(str, table.columns[:20])) or 'none'}. Name it: "
                f"--column {name}=COLUMN."
            )
    if "g_z" not in table and table["z"].median() < _FAINTER_THAN_A_REDSHIFT:
        raise ValueError(
            f"table: expected magnitudes in z, got {table['z'].median():g}, as of redshifts. Name the column: --column "
            "z=COLUMN."
        )
    numbers = class_numbers(table["class"])
    made = {"class": pd.Series(numbers, table.index).map(SHORT), "member": membership(numbers)}
    for band in "rz":
        if {"g", band} <= set(table) and f"g_{band}" not in table:
            made[f"g_{band}"] = table["g"] - table[band]
    table = table.assign(**made)
    r, colour = (table[name].to_numpy(np.float64, na_value=np.nan) for name in ("r", "g_z"))
    first = brighter(r, bright)
    line = fit_red_sequence(r[first], colour[first], n=0).sequence
    second = not_too_red(line, r, colour, too_red)
    names = f"r < {bright:g}", f"less than {too_red:g} σ redder than the red sequence"
    kept, left = after_cuts(dict(zip(names, (first, second), strict=True)))
    reasons = np.where(~first, f"not {names[0]}", np.where(~second, f"not {names[1]}", "")).astype(object)
    member = table["member"][kept]
    cuts = "; ".join(f"{name}: {count:,} left" for name, count in left["left"].items())
    line_text = f"{line.intercept:.3f} {line.slope:+.3f} (r − {line.pivot:.2f}), σ = {line.scatter:.3f}"
    counts = f"{int((member == 1).sum()):,} members, {int((member == 0).sum()):,} others"
    notes = [
        f"red sequence of objects with {names[0]}: g − z = {line_text}",
        f"{len(table):,} objects; {cuts}",
        f"{counts}, {int(member.isna().sum()):,} that are neither (class 4, or none)",
    ]
    return Cleaned(table=table, reasons=reasons, notes=notes)
