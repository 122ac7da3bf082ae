"""Colours of points: by a value, with a colour bar, or by a category, with a legend."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from bokeh.palettes import Viridis256

from galviz.measure.stand_ins import stand_ins
from galviz.tools.style import BLUE, GREY, SKY, plain

PALETTE: tuple[str, ...] = tuple(Viridis256[40:205])
"""Viridis without its dark and its yellow end: visible on black and white pages, and distinct from orange."""

VALUE = "point_value"
"""Column name of the values in the drawn data; it must differ from the names of the axes."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """The values that colour points, and their colour bar.

    Parameters
    ----------
    values : numpy.ndarray
        (n,) float, one value per point. Points with NaN or infinite values are grey.
    label : str
        Name of the values, for the colour bar.
    """

    values: np.ndarray
    label: str

    @cached_property
    def known(self) -> np.ndarray:
        """Whether each point has a value: bool, (n,)."""
        return np.isfinite(self.values)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Limits of the colours: the 1st and the 99th percentile, so that a few outliers have no effect.

        Numbers that perhaps stand for a missing value (`galviz.measure.stand_ins`) have none either.
        """
        some = slice(None, None, max(len(self.values) // 1_000_000, 1))  # enough for percentiles
        known = self.values[some][self.known[some]]
        known = known[~np.isin(known, list(stand_ins(known)))]
        if not known.size:
            return 0.0, 1.0
        low, high = (float(value) for value in np.percentile(known, [1, 99]))
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    @property
    def bar(self) -> dict[str, Any]:
        """HoloViews options for colours, limits and colour bar."""
        return {
            "cmap": list(PALETTE),
            "clim": self.limits,
            "colorbar": True,
            "clabel": plain(self.label),
            "clipping_colors": {"NaN": GREY},
            "colorbar_opts": {"background_fill_alpha": 0},
        }


SIGNS: tuple[tuple[str, str], ...] = (
    (BLUE, "circle"), ("#009E73", "square"), ("#7A5FD0", "diamond"), (SKY, "inverted_triangle"),
    ("#8C6D31", "hex"), ("#B0A800", "star"), ("#3D5A98", "square_pin"), ("#5B8C2A", "plus"),
)  # fmt: skip
"""Colour and shape of each category. Orange and vermilion mark what is selected or in focus, pink is for medians."""

OTHERS = "others"


@dataclass(frozen=True, eq=False)
class Categories:
    """The category of each point: each has its own colour and shape.

    Parameters
    ----------
    codes : numpy.ndarray
        (n,) int8, which of the `names`; -1 where there is none: these points are grey crosses.
    names : tuple of str
        At most as many as `SIGNS`.
    label : str
        Name of the column.
    sizes : tuple of int
        Number of objects in each category, for the legend; by default, those of `codes`. Objects in several are drawn
        in one colour.
    without : str
        Name of what has no category.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    label: str
    sizes: tuple[int, ...] = ()
    without: str = "no value"

    @classmethod
    def of(cls, values: np.ndarray, label: str, words: Mapping[str, str] = MappingProxyType({})) -> "Categories":
        """Return the categories of values, None or NaN where missing; the rarest become "others" if there are many.

        They are called as `words` has them, see `galviz.tasks.class_words.class_words`.
        """
        rows, found = pd.factorize(values)
        texts, counts = [_written(value) for value in found], np.bincount(rows[rows >= 0], minlength=len(found))
        many = len(found) > len(SIGNS)
        order = np.argsort(-counts, kind="stable")[: len(SIGNS) - 1] if many else _sorted(found, texts)
        names = [*(words.get(texts[k], texts[k]) for k in order), *[OTHERS] * many]
        code_of = np.full(len(found) + 1, len(SIGNS) - 1, dtype=np.int8)
        code_of[list(order)], code_of[-1] = range(len(order)), -1  # the last is that of -1: no value
        codes = code_of[rows]
        return cls(codes, tuple(names), label)

    @classmethod
    def of_subsets(cls, masks: dict[str, np.ndarray], rows: np.ndarray) -> "Categories":
        """Return named subsets as categories, of the rows that are drawn; an object in several is in the last one."""
        names = list(masks)[-len(SIGNS) :]
        codes = np.full(int(rows.sum()), -1, dtype=np.int8)
        for code, name in enumerate(names):
            codes[masks[name][rows]] = code
        sizes = tuple(int(masks[name][rows].sum()) for name in names)
        return cls(codes, tuple(names), "a subset", sizes, "in no subset")

    @cached_property
    def known(self) -> np.ndarray:
        """Whether each point has a category: bool, (n,)."""
        return self.codes >= 0

    def legend(self) -> Iterator[tuple[str, str, str]]:
        """Return text, colour and shape of each entry of the legend."""
        sizes = self.sizes or tuple(np.bincount(self.codes[self.known], minlength=len(self.names)).tolist())
        for name, size, (colour, mark) in zip(self.names, sizes, SIGNS, strict=False):
            yield f"{name} ({size:,})", colour, mark
        if not self.known.all():
            yield f"{self.without} ({int((~self.known).sum()):,})", GREY, "cross"


def _sorted(values: np.ndarray, texts: list[str]) -> list[int]:
    """Return the order of values: numbers by their size, others as texts."""
    try:
        return sorted(range(len(values)), key=values.__getitem__)
    except TypeError:  # of several kinds
        return sorted(range(len(values)), key=texts.__getitem__)


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
