"""Pretext tasks: the image is its own label. The name of the target says which: ``band``, or ``order`` of the bands."""

from itertools import permutations

import pandas as pd

from galviz.measure.metrics import summary as summary_of
from galviz.tasks.target import Target

NUMERIC, SELF_LABELLED = False, True
ACCURACY = "Accuracy"
_KINDS = ("band", "order")


def check(target: Target) -> None:
    """Raise a ValueError if the target names columns, or is not a known pretext task."""
    if target.name not in _KINDS:
        raise ValueError(f"name: expected {' or '.join(_KINDS)} for a pretext task, got {target.name!r}.")
    if target.columns:
        raise ValueError(f"columns: expected no columns for a pretext task, got {target.columns}.")


def fitted(target: Target, catalogue: pd.DataFrame) -> Target:
    """Return the target unchanged."""
    return target


def truth(target: Target, catalogue: pd.DataFrame) -> None:
    """Return None: the index of the variant is the truth."""
    return


def classes(target: Target, bands: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the variants."""
    return tuple(variants(target, bands))


def variants(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return band indices of each variant of an image.

    ``{"u": (0,), …}`` for ``"band"``; all permutations, named by the initials of the bands, for ``"order"``:
    ``{"RGB": (0, 1, 2), "RBG": (0, 2, 1), …}``.
    """
    if target.name == "band":
        return {band: (k,) for k, band in enumerate(bands)}
    return {"".join(bands[k][0].upper() for k in order): order for order in permutations(range(len(bands)))}


def index(target: Target) -> list[str]:
    """Return the index of predictions: one row per object and variant."""
    return ["object_id", target.name]


def names(target: Target) -> list[str]:
    """Return the column of the predicted variant. Its probabilities are in ``p_<variant>``."""
    return [f"{target.name}_pred"]


def by_object(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return ``u_pred`` … ``z_pred`` (for orders ``RGB_pred`` …), ``bands_correct`` (``orders_correct``), and fold."""
    kind, rows = target.name, table.reset_index()
    found = rows.pivot_table(f"{kind}_pred", "object_id", kind, aggfunc="first").rename_axis(columns=None)
    found = found[list(dict.fromkeys(table.index.get_level_values(kind)))]
    correct = found.eq(list(found.columns)).sum(axis=1)
    fold = table["fold"].groupby(level="object_id").first()
    return found.add_suffix("_pred").assign(**{f"{kind}s_correct": correct, "fold": fold})


def outputs(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Return the probability of each variant."""
    return {f"probability of {name}": ("probability", k) for k, name in enumerate(classes(target, bands))}


def unit(target: Target) -> str:
    """Return no unit."""
    return ""


def about(target: Target) -> str:
    """Return the name of the target."""
    return target.name


def shown(target: Target) -> tuple[str, ...]:
    """Return no column."""
    return ()


def summary(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy with its interval. The variants of an object are resampled together."""
    pairs = table[f"{target.name}_true"].to_numpy(object), table[f"{target.name}_pred"].to_numpy(object)
    return summary_of(*pairs, groups=table.index.get_level_values("object_id"))
