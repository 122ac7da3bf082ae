"""A colour–magnitude diagram without its page: places, classes and scores, counted in each region of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from galviz.io.expressions import column, evaluate
from galviz.measure.class_scores import matrix_scores
from galviz.measure.red_sequence import REGIONS, RedSequence, RedSequenceFit, Region, fit_red_sequence, not_too_red
from galviz.sky.column_names import REDSHIFTS
from galviz.sky.groups import groups_of
from galviz.sky.perseus import REDSHIFTS as MEMBER_REDSHIFTS
from galviz.sky.perseus import after_cuts, brighter
from galviz.tasks.pair import Pair
from galviz.tools.plots.defaults import is_magnitude, magnitude_and_colour, magnitude_columns

MOST_CLASSES = 8
"""Largest number of classes: each has a colour and a shape."""

ALL, DRAWN = "all", "drawn region"
"""Names of what is no region along the line: all objects, and those in the polygon that was drawn."""

EDGES = (REGIONS[3].high, REGIONS[2].high, REGIONS[1].high)
"""Edges between the regions, from blue to red: offsets from the line in units of its scatter."""

_NO_STAR = -0.1  # a redshift below this, such as -9999, stands for none
_MISSING = 90.0  # a magnitude from here on, such as 99 or -99, stands for a missing one
_MOST_FITTED = 20_000
_ENOUGH = 20  # members for a fit
_FEWEST_GROUPS = 10  # that are resampled whole
_BINS = 512  # of the score in a curve
_SAMPLE = 2000


@dataclass(frozen=True)
class Regions:
    """Where a diagram is divided, and which objects are left out.

    Parameters
    ----------
    sequence : RedSequence or None
        The line; without one there are no regions along it.
    edges : (float, float, float)
        Offsets in units of the scatter, increasing: between blue cloud, green valley, red sequence and red shoulder.
    faintest : float or None
        Objects from this magnitude on are left out.
    reddest : float or None
        Objects from this offset on, in units of the scatter, are left out.
    """

    sequence: RedSequence | None = None
    edges: tuple[float, float, float] = EDGES
    faintest: float | None = None
    reddest: float | None = None

    def __post_init__(self) -> None:
        if not self.edges[0] < self.edges[1] < self.edges[2]:
            shown = ", ".join(f"{edge:g}" for edge in self.edges)
            raise ValueError(f"edges: expected increasing offsets from blue to red, got {shown}.")

    @property
    def listed(self) -> tuple[Region, ...]:
        """The regions from red to blue, with these edges."""
        ends = (-np.inf, *self.edges, np.inf)
        return tuple(Region(one.name, ends[3 - k], ends[4 - k]) for k, one in enumerate(REGIONS))


class Curve(NamedTuple):
    """A curve of the score without a band: x and y from 0 to 1, and the area under it."""

    x: np.ndarray
    y: np.ndarray
    area: float


class _Kept(NamedTuple):
    """The objects that count, ordered by the cell of the matrix.

    Their places in the arrays of a `Diagram`, magnitude, colour and cell; and where each cell starts, (K² + 1,).
    """

    faintest: float | None
    places: np.ndarray
    x: np.ndarray
    y: np.ndarray
    code: np.ndarray
    starts: np.ndarray


class Diagram:
    """The objects of a table in a plane of magnitude and colour, with their true and predicted classes.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects.
    pair : Pair
        Columns of the true and the predicted classes, K of them.
    magnitude, colour : str
        Columns, or expressions such as ``"g - z"``.

    Attributes
    ----------
    rows : numpy.ndarray of int, shape (n,)
        Rows of the table with both values. All arrays below are in this order.
    x, y : numpy.ndarray, shape (n,)
        Magnitude and colour.
    true, given : numpy.ndarray of int, shape (n,)
        Numbers of the classes; -1 where not known.
    groups : numpy.ndarray of int, shape (N,), or None
        The number of the group of each object of the table, such as its cluster; None if each stands alone, and where
        there are fewer than 10 groups: a few drawn with replacement say little of the scatter between them, and
        intervals would be far too narrow.
    """

    def __init__(self, table: pd.DataFrame, pair: Pair, magnitude: str, colour: str) -> None:
        self.table, self.pair = table, pair
        self._codes = [pd.Index(pair.classes).get_indexer(names) for names in (pair.true(table), pair.given(table))]
        self.groups = _resampled(table)
        self.place(magnitude, colour)

    def place(self, magnitude: str, colour: str) -> None:
        """Put the objects into another plane.

        Raises
        ------
        ValueError
            If one is neither a column nor an expression, or holds no numbers.
        """
        x, y = (values(self.table, name) for name in (magnitude, colour))
        self.names = magnitude, colour
        self.rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        self.x, self.y = x[self.rows], y[self.rows]
        self.true, self.given = (codes[self.rows] for codes in self._codes)
        self.known = (self.true >= 0) & (self.given >= 0)
        self._kept: _Kept | None = None
        self._numbers: tuple[Any, ...] = (None,)
        self._slope: tuple[Any, ...] = (None,)
        self._bins: dict[str, np.ndarray] = {}

    def left_out(self, regions: Regions) -> list[tuple[str, int]]:
        """Return the cuts that are set, and how many objects of known classes remain after each."""
        if regions.faintest is None and regions.reddest is None:
            return []
        x, y, cuts = self.x[self.known], self.y[self.known], {}
        if regions.faintest is not None:
            cuts["faintest"] = brighter(x, regions.faintest)
        if regions.reddest is not None and regions.sequence is not None:
            cuts["reddest"] = not_too_red(regions.sequence, x, y, regions.reddest)
        return list(after_cuts(cuts)[1]["left"].items()) if cuts else []  # the second, without a line

    def matrices(self, regions: Regions, inside: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return the confusion matrix (K, K) of all objects, of each region, and of a drawn one.

        True classes are in rows. Objects of unknown classes, and those that are left out, do not count.

        Parameters
        ----------
        regions : Regions
        inside : numpy.ndarray of bool, shape (n,), optional
            The objects in the drawn region.
        """
        size, kept, line = len(self.pair.classes), self._counted(regions), regions.sequence
        total = np.diff(kept.starts)
        if line is None:
            cells = total[None]
        else:
            rest = self._along(kept, line)
            # Objects of a cell lie together: to compare them with the edges takes 1 ms for a million. If they were also
            # sorted, a shift would take none, but each tilt would need another sort, of 60 ms.
            parts = [rest[start:end] for start, end in pairwise(kept.starts)]
            *edges, limit = self._colours(regions)
            edges = [*(min(edge, limit) for edge in edges), limit]
            redder = np.array([[np.count_nonzero(part >= edge) for part in parts] for edge in edges])
            cells = np.diff([-total, *-redder], axis=0)[::-1]  # from red to blue
        cells = cells.reshape(-1, size, size)
        found = {ALL: cells.sum(axis=0)}
        if line is not None:
            found |= {one.name: cells[k] for k, one in enumerate(REGIONS)}
        if inside is not None:
            number, code = self._numbered(regions)
            counted = code[inside[kept.places] & (number < 5)]
            found[DRAWN] = np.bincount(counted, minlength=size**2).reshape(size, size)
        return found

    def scores(
        self, regions: Regions, inside: np.ndarray | None = None, *, n: int = 0
    ) -> Iterator[tuple[str, np.ndarray, pd.DataFrame]]:
        """Yield name, confusion matrix and scores of all objects, of each region, and of a drawn one.

        Parameters
        ----------
        regions, inside
            As in `matrices`.
        n : int
            Number of bootstrap resamples; 0 for no intervals. Whole groups are resampled where the table has some.
        """
        matrices = self.matrices(regions, inside)
        grouped = self._by_group(regions, inside) if n and self.groups is not None else matrices
        for name, matrix in matrices.items():
            yield name, matrix, matrix_scores(grouped[name], self.pair.classes, averages=True, n=n)

    def members(self, region: str, regions: Regions, inside: np.ndarray | None = None) -> np.ndarray:
        """Return which objects count in a region, bool, shape (n,)."""
        number, _ = self._numbered(regions)
        counted = self._counted(regions).places
        here = number < 5 if region in (ALL, DRAWN) else number == [one.name for one in REGIONS].index(region)
        mask = np.zeros(len(self.rows), dtype=bool)
        mask[counted[here]] = True
        return mask & inside if region == DRAWN and inside is not None else mask

    def curve(self, kind: str, name: str, here: np.ndarray) -> Curve | None:
        """Return the curve of the probability of a class for some objects; None if it is undefined.

        The probability is in up to 512 bins with equal numbers of objects, so that a curve of a million objects is
        there at once. `galviz.measure.score_curves` has the exact ones, with bands.

        Parameters
        ----------
        kind : str
            ``"ROC"``, or ``"purity"`` for purity against completeness.
        name : str
            The class.
        here : numpy.ndarray of bool, shape (n,)
        """
        if name not in self._bins:
            chance = self.pair.chance(self.table, name)[self.rows]
            known = np.isfinite(chance)
            edges = np.unique(np.quantile(chance[known], np.linspace(0, 1, _BINS + 1), method="lower"))
            bins = np.where(known, np.searchsorted(edges, chance, "right"), 0)
            # Twice the bin, and 1 more for an object of the class: one count gives both.
            self._bins[name] = (2 * bins + (self.true == self.pair.classes.index(name))).astype(np.int16)
        counts = np.bincount(self._bins[name][here], minlength=2 * (_BINS + 2)).reshape(-1, 2)[:0:-1]
        counts = counts[counts.any(axis=1)]
        wrong, right = np.cumsum(counts, axis=0, dtype=float).T if len(counts) else np.zeros((2, 1))
        if not right[-1] or (kind == "ROC" and not wrong[-1]):
            return None
        share = right / right[-1]
        if kind == "ROC":
            x, y = np.append(0, wrong / wrong[-1]), np.append(0, share)
            return Curve(x, y, float(np.trapezoid(y, x)))
        purity = right / (right + wrong)
        return Curve(share, purity, float(np.sum(np.diff(share, prepend=0) * purity)))

    def fit(self, of: str, start: RedSequence | None, faintest: float | None, *, n: int = 0) -> RedSequenceFit:
        """Return the red sequence of all objects, or of those of a true class.

        At most 20,000 of them, at random: more would not move the line.

        Parameters
        ----------
        of : str
            A class, or ``"all"``.
        start, n
            As in `galviz.measure.red_sequence.fit_red_sequence`.
        faintest : float or None
            Objects from this magnitude on are left out.
        """
        mask = np.ones(len(self.rows), dtype=bool) if of == ALL else self.true == self.pair.classes.index(of)
        mask = mask if faintest is None else mask & brighter(self.x, faintest)
        some = np.flatnonzero(mask)
        if len(some) > _MOST_FITTED:
            some = np.sort(np.random.default_rng(0).choice(some, _MOST_FITTED, replace=False))
        given = None if self.groups is None else self.groups[self.rows[some]]
        return fit_red_sequence(self.x[some], self.y[some], start=start, n=n, groups=given)

    def _by_group(self, regions: Regions, inside: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return what `matrices` returns for each group: (G, K, K)."""
        size, cells = len(self.pair.classes), {}
        group = self.groups[self.rows]
        count = int(group.max(initial=0)) + 1
        code = (group * size + self.true) * size + self.given
        for name in self.matrices(regions, inside):
            here = self.members(name, regions, inside)
            cells[name] = np.bincount(code[here], minlength=count * size**2).reshape(count, size, size)
        some = cells[ALL].any(axis=(1, 2))  # a group of which no object counts was not drawn
        return {name: matrix[some] for name, matrix in cells.items()}

    def _counted(self, regions: Regions) -> "_Kept":
        """Return the objects of known classes that are bright enough; the same arrays until that changes."""
        kept = self._kept  # read once: another thread may set it
        if kept is None or kept.faintest != regions.faintest:
            mask = self.known if regions.faintest is None else self.known & brighter(self.x, regions.faintest)
            size, places = len(self.pair.classes), np.flatnonzero(mask)
            code = (self.true[places] * size + self.given[places]).astype(np.int8)
            order = np.argsort(code, kind="stable")  # of int8: a radix sort
            places, code = places[order], code[order]
            starts = np.searchsorted(code, np.arange(size**2 + 1))
            kept = self._kept = _Kept(regions.faintest, places, self.x[places], self.y[places], code, starts)
        return kept

    def _along(self, kept: _Kept, line: RedSequence) -> np.ndarray:
        """Return the colours less the slope of a line: a line that is only shifted has the same ones."""
        done = self._slope
        if done[0] is not kept or done[1] != (line.slope, line.pivot):
            done = self._slope = kept, (line.slope, line.pivot), kept.y - line.slope * (kept.x - line.pivot)
        return done[2]

    def _colours(self, regions: Regions) -> list[float]:
        """Return the edges of the regions, and where objects are too red, in the colours of `_along`."""
        line, limit = regions.sequence, np.inf if regions.reddest is None else regions.reddest
        return [line.intercept + edge * line.scatter for edge in (*regions.edges, limit)]

    def _numbered(self, regions: Regions) -> tuple[np.ndarray, np.ndarray]:
        """Return the region of each object that is counted (0 to 3 from red to blue, 5 too red), and its cell.

        Without a line, all are in 4.
        """
        kept = self._numbers  # read once: another thread may set it
        if kept[0] is not regions:
            kept = self._numbers = regions, *self._numbered_anew(regions)
        return kept[1:]

    def _numbered_anew(self, regions: Regions) -> tuple[np.ndarray, np.ndarray]:
        kept = self._counted(regions)
        code = kept.code
        if regions.sequence is None:
            return np.full(len(code), 4, dtype=np.int8), code
        rest = self._along(kept, regions.sequence)
        *edges, limit = self._colours(regions)
        number = np.full(len(rest), 3, dtype=np.int8)
        for edge in edges:
            number -= rest >= edge
        number[rest >= limit] = 5
        return number, code


def _resampled(table: pd.DataFrame) -> np.ndarray | None:
    """Return the number of the group of each object, if groups are resampled whole."""
    numbers, names = pd.factorize(groups_of(table))
    return numbers if _FEWEST_GROUPS <= len(names) < len(numbers) else None


def values(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column or an expression, float64, shape (N,). Magnitudes such as 99, which stand for none, are NaN.

    Raises
    ------
    ValueError
        If `name` is neither, or its values are not numbers.
    """
    used = [str(each) for each in table.select_dtypes("number") if str(each) in name and is_magnitude(table, str(each))]
    table = table.assign(**{each: table[each].where(table[each].abs() < _MISSING) for each in used})
    found = evaluate(column(name) if name in table.columns else name, table)
    if found.dtype == object:
        raise ValueError(f"column: expected numbers, got {name!r}, which holds text.")
    return found.astype(np.float64, copy=False)


def first_fit(table: pd.DataFrame, pair: Pair) -> str:
    """Return the class that the line is fitted to at first: the members if there are enough, else all objects."""
    member = member_class(pair)
    return member if np.sum(pair.true(table) == member) >= _ENOUGH else ALL


def redshift_column(table: pd.DataFrame) -> str:
    """Return the column of the redshift, found by its name; "" if there is none. ``z`` may be a magnitude instead."""
    bands = magnitude_columns(table.iloc[:: max(len(table) // _SAMPLE, 1)]).values()
    named = {str(name).lower(): str(name) for name in table.select_dtypes("number") if name not in bands}
    return next((named[name] for name in REDSHIFTS if name in named), "")


def light_column(table: pd.DataFrame) -> tuple[str, str]:
    """Return the column that says how extended the light is, and below what it is that of a star; "" if there is none.

    It is ``extent``, as `galviz.sky.aperture.extent` measures it.
    """
    return ("extent", "0.3") if "extent" in table.select_dtypes("number") else ("", "")


def probable_stars(table: pd.DataFrame, fields: Mapping[str, str]) -> np.ndarray:
    """Return which objects have star-like light, or the redshift of a star, bool, shape (N,).

    Parameters
    ----------
    table : pandas.DataFrame
        N objects.
    fields : mapping of str to str
        Columns or expressions: ``light`` is below ``below`` for stars, ``redshift`` near 0. Each may be ``""``.

    Raises
    ------
    ValueError
        If one is neither a column nor an expression, or ``below`` is no number.
    """
    found = np.zeros(len(table), dtype=bool)
    if fields["light"] and fields["below"]:
        try:
            limit = float(fields["below"])
        except ValueError:
            raise ValueError(f"Light below: expected a number, got {fields['below']!r}.") from None
        found |= values(table, fields["light"]) < limit
    if name := fields["redshift"]:
        z = evaluate(column(name) if name in table.columns else name, table).astype(float)
        found |= (z > _NO_STAR) & (z < MEMBER_REDSHIFTS[0])
    return found


def suits(table: pd.DataFrame, pair: Pair) -> bool:
    """Return whether a table has what a diagram needs: two magnitudes, and not too many classes."""
    return 2 <= len(pair.classes) <= MOST_CLASSES and magnitude_and_colour(table) is not None


def member_class(pair: Pair) -> str:
    """Return the class that the scores of regions are of at first: one called member, else the positive one."""
    return "member" if "member" in pair.classes else pair.positive or pair.classes[0]
