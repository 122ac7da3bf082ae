"""What a diagram and its browsers tell each other: the line that is dragged, the region, and the report."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from galviz.io.expressions import column, evaluate, matches
from galviz.measure.red_sequence import RedSequence, RedSequenceFit
from galviz.sky.perseus import REDSHIFTS
from galviz.tasks.pair import Pair
from galviz.tools.diagram import messages
from galviz.tools.diagram.core import (
    ALL,
    DRAWN,
    Curve,
    Diagram,
    Regions,
    first_columns,
    first_fit,
    light_column,
    member_class,
    redshift_column,
    values,
)
from galviz.tools.marks import SHAPES, shape_path
from galviz.tools.messages import check
from galviz.tools.plots.colouring import SIGNS
from galviz.tools.plots.figure import plane_limits
from galviz.tools.selection.core import Selection
from galviz.tools.selection.polygon import inside
from galviz.tools.style import GREY

MAX_POINTS = 20_000
"""Above this number of objects, their density is drawn."""

_WIDE, _HIGH = 320, 240  # pixels of the density
_RESAMPLES = 1000
_FITS, _MOST_RESAMPLED = 100, 5000  # resamples of the line, and objects: of more, they would take minutes
_JOBS = ("read", "line", "ends", "scores")
_SHAPES = (*SHAPES, "circle", "square", "x")  # of the classes, most of which are few
_NO_STAR = -0.1  # a redshift below this, such as -9999, stands for none

T = TypeVar("T")
Send = Callable[[dict[str, Any], bytes | None], None]
Background = Callable[[Callable[[], Any], Callable[[Any], None]], None]


def at_once(work: Callable[[], T], then: Callable[[T], None]) -> None:
    """Call `work`, and `then` with its result: what stands for a thread where there is no page to keep responsive."""
    then(work())


class Exchange:
    """Answers the browsers of one diagram.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    pair : Pair
        Columns of the true and the predicted classes.
    selection : Selection
        Cells, lassos and stars are selected in it.
    send : callable
        Sends a message, and the bytes that belong to it, to all browsers.
    how : callable, optional
        Returns how a new selection is combined with the present one.
    background : callable
        Runs slow work, then a function with its result; by default at once.
    fits : int
        Resamples for the intervals of the line, which take some seconds; 0 for none.
    **fields : str
        Columns or expressions: magnitude, colour, light (small for stars), below (its limit), redshift.

    Attributes
    ----------
    diagram : Diagram or None
        Once a browser is there.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        pair: Pair,
        selection: Selection,
        send: Send,
        *,
        how: Callable[[], str] = lambda: "replace",
        background: Background = at_once,
        fits: int = _FITS,
        **fields: str,
    ) -> None:
        self.table, self.pair, self.selection, self._send, self._how = table, pair, selection, send, how
        self._background, self._fits, self.member = background, fits, member_class(pair)
        magnitude, colour = first_columns(table) or ("", "")
        light, below = light_column(table)
        guessed = {
            "magnitude": magnitude,
            "colour": colour,
            "light": light,
            "below": below,
            "redshift": redshift_column(table),
        }
        self.fields = guessed | fields
        self.diagram: Diagram | None = None
        self.regions, self.region, self.kind, self.fit_to = Regions(), ALL, "ROC", first_fit(table, pair)
        self.fitted: RedSequenceFit | None = None
        self.polygon: list[tuple[float, float]] = []
        self.report: dict[str, Any] = {}
        self._inside: np.ndarray | None = None
        self._lassos = 0  # drawn so far
        self._last_curve: tuple[Any, Curve | None] = (None, None)
        self._stars: np.ndarray | None = None
        self._chart: tuple[messages.Chart, bytes] | None = None
        self._pixels = np.empty(0, dtype=int)
        self._drawn = np.empty(0, dtype=int)
        self._jobs = dict.fromkeys(_JOBS, 0)
        self._busy: dict[str, str] = {}
        self._error = ""
        self._acknowledged: dict[str, int] = {}
        self._watcher = selection.param.watch(self._selected, ["version"])

    def close(self) -> None:
        """Follow the selection no longer."""
        self.selection.param.unwatch(self._watcher)

    @property
    def current(self) -> bool:
        """Whether the selection shows the table of the diagram."""
        return self.selection.table is self.table

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message from a browser.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, messages.FROM_BROWSER)
        if "seq" in message:
            self._acknowledged[message["client"]] = message["seq"]
        if message["type"] == "hello":
            self._greet()
        elif self.diagram is not None:
            self._error = ""
            try:
                getattr(self, f"_{message['type']}")(message)
            except (ValueError, LookupError) as error:
                self._error = str(error.args[0])
            self.send_state()

    def move(self, sequence: RedSequence, *, done: bool = True) -> None:
        """Put the line elsewhere; the intervals follow when it is released."""
        self.regions = replace(self.regions, sequence=sequence)
        self._tell(settle=done)

    def choose(self, region: str) -> None:
        """Show the report of another region.

        Raises
        ------
        ValueError
            If there is no such region.
        """
        if region not in self.report:
            raise ValueError(f"region: expected one of {', '.join(self.report)}, got {region!r}.")
        self.region = region

    def mask(self, true: int | None = None, given: int | None = None) -> np.ndarray:
        """Return which objects of the table count in the region, or in a cell of its matrix, bool, shape (N,)."""
        diagram = self.diagram
        here = diagram.members(self.region, self.regions, self._inside)
        here = here if true is None else here & (diagram.true == true) & (diagram.given == given)
        mask = np.zeros(len(self.table), dtype=bool)
        mask[diagram.rows[here]] = True
        return mask

    def select_cell(self, true: str, given: str) -> None:
        """Select the objects of a cell of the region's matrix, by the names of its classes."""
        place = self.pair.classes.index
        self._cell({"true": place(true), "given": place(given)})

    # ---- messages

    def _greet(self) -> None:
        if self.diagram is not None:
            self._send_chart()
            self.send_state()
        elif not self._busy:
            self._start("read", "Reading the columns …", self._read, self._placed)
            self.send_state()

    def _move(self, message: Mapping[str, Any]) -> None:
        if (line := self.regions.sequence) is not None:
            numbers = {name: float(message[name]) for name in ("slope", "intercept", "scatter")}
            if not all(np.isfinite(list(numbers.values()))) or numbers["scatter"] <= 0:
                raise ValueError("line: expected numbers and a scatter above 0. Type another.")
            self.move(replace(line, **numbers), done=message["done"])

    def _set(self, message: Mapping[str, Any]) -> None:
        name, value = message["name"], message["value"]
        if name in self.fields:
            self._type(name, "" if value is None else str(value).strip())
        elif name in ("faintest", "reddest"):
            self.regions = replace(self.regions, **{name: None if value is None else float(value)})
        elif name in ("edge0", "edge1", "edge2"):
            edges = list(self.regions.edges)
            edges[int(name[-1])] = float(value or 0)
            self.regions = replace(self.regions, edges=tuple(edges))
        elif name == "region":
            self.choose(str(value))
        elif name == "kind" and value in ("ROC", "purity"):
            self.kind = value
        elif name == "member" and value in self.pair.classes:
            self.member = value
            self._find_stars()
        elif name == "fit_to" and value in (ALL, *self.pair.classes):
            self.fit_to = value
        if name in ("faintest", "reddest", "edge0", "edge1", "edge2"):
            self._tell()

    def _type(self, name: str, value: str) -> None:
        """Take another column or expression; the present one stays if this one cannot be used."""
        before = self.fields
        self.fields = before | {name: value}
        if name not in ("magnitude", "colour"):
            try:
                self._find_stars()
            except ValueError:
                self.fields = before
                raise
            return
        for text in (self.fields["magnitude"], self.fields["colour"]):
            try:
                values(self.table.iloc[:1000], text)
            except ValueError:
                self.fields = before
                raise
        self.regions, self.region = replace(self.regions, sequence=None), ALL
        self.polygon, self._inside, self.fitted = [], None, None
        self._start("read", "Reading the columns …", self._read, self._placed)

    def _cell(self, message: Mapping[str, Any]) -> None:
        true, given = (self.pair.classes[message[name]] for name in ("true", "given"))
        mask = self.mask(message["true"], message["given"])
        pair, table = self.pair, self.table
        conditions = [_is(table, pair.truth, true), _is(table, pair.estimate, given)]
        if pair.estimate in pair.chances.values():  # a probability instead of a class
            conditions[1] = f"{column(pair.estimate)} {'>=' if given == pair.positive else '<'} 0.5"
        self._select(mask, [*conditions, *self._conditions()] if self.region != DRAWN else [], table)

    def _lasso(self, message: Mapping[str, Any]) -> None:
        corners = [(float(x), float(y)) for x, y in message["polygon"]]
        if len(corners) < 3:
            raise ValueError("region: expected three corners or more. Draw around some points.")
        self.polygon, self._inside = corners, inside(self.diagram.x, self.diagram.y, corners)
        self._lassos += 1
        self._tell()
        self.choose(DRAWN)
        mask = np.zeros(len(self.table), dtype=bool)
        mask[self.diagram.rows[self._inside]] = True
        if self.current:
            self.selection.lasso(*self.diagram.names, corners, how=self._how())

    def _act(self, message: Mapping[str, Any]) -> None:
        if message["name"] == "stars":
            self._select(self._star_mask(), [], self.table)
        else:
            self._fit(self.regions.sequence if message["name"] == "refit" else None)

    def _select(self, mask: np.ndarray, conditions: list[str], table: pd.DataFrame) -> None:
        """Select objects: by a condition where there is one that says the same, else by their ids."""
        if not self.current:
            return
        expression = " and ".join(f"({one})" for one in conditions)
        try:
            same = bool(conditions) and np.array_equal(matches(expression, table), mask)
        except ValueError:
            same = False
        if same:
            self.selection.where(expression, how=self._how(), mask=mask)
        else:
            self.selection.choose(table.index[mask], how=self._how())

    def _conditions(self) -> list[str]:
        """Return what is true for the objects of the region, as expressions over the columns."""
        x, y = (f"({column(name)})" if name in self.table.columns else f"({name})" for name in self.diagram.names)
        found, line = [f"isfinite({x}) and isfinite({y})"], self.regions.sequence
        if self.regions.faintest is not None:
            found.append(f"{x} < {self.regions.faintest!r}")
        if line is None:
            return found
        offset = f"({y} - ({line.intercept!r} + ({line.slope!r}) * ({x} - ({line.pivot!r})))) / {line.scatter!r}"
        here = [one for one in self.regions.listed if one.name == self.region]
        for one in here:
            found += [f"{offset} >= {one.low!r}"] * bool(np.isfinite(one.low))
            found += [f"{offset} < {one.high!r}"] * bool(np.isfinite(one.high))
        if self.regions.reddest is not None:
            found.append(f"{offset} < {self.regions.reddest!r}")
        return found

    # ---- slow work

    def _start(self, job: str, words: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run slow work in place of what was started before for the same job: its result is forgotten."""
        self._forget(*(_JOBS if job == "read" else [job]))
        number, self._busy[job] = self._jobs[job], words

        def tried() -> Any:
            try:
                return work()
            except ValueError as error:
                return error

        def ended(found: Any) -> None:
            if number != self._jobs[job]:
                return
            del self._busy[job]
            if isinstance(found, ValueError):
                self._error = str(found)
            else:
                then(found)
            self.send_state()

        self._background(tried, ended)

    def _forget(self, *jobs: str) -> None:
        for job in jobs:
            self._jobs[job] += 1
            self._busy.pop(job, None)

    def _read(self) -> Diagram:
        names = self.fields["magnitude"], self.fields["colour"]
        if self.diagram is None:
            found = Diagram(self.table, self.pair, *names)
            found.groups  # noqa: B018 - read here, in the thread
            return found
        other = copy(self.diagram)  # the page may ask this one meanwhile
        other.place(*names)
        return other

    def _placed(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self._make_chart()
        self._send_chart()
        self._find_stars()
        self._tell(settle=len(self.diagram.x) < 10)
        self._fit(None)

    def _fit(self, start: RedSequence | None) -> None:
        diagram, of, faintest = self.diagram, self.fit_to, self.regions.faintest

        def found(line: RedSequenceFit) -> None:
            self.fitted = line
            self.move(line.sequence)
            # Its intervals take longer, and the line may be dragged meanwhile.
            with_ends = lambda: diagram.fit(of, start, faintest, n=self._fits)  # noqa: E731
            if self._fits and line.objects <= _MOST_RESAMPLED:
                self._start("ends", "Intervals of the line …", with_ends, lambda again: setattr(self, "fitted", again))

        self._forget("ends")
        self._start("line", "Fitting the red sequence …", lambda: diagram.fit(of, start, faintest), found)

    def _tell(self, *, settle: bool = True) -> None:
        """Count again, without intervals; these come later if it is settled."""
        self._forget("scores")
        found = self.diagram.scores(self.regions, self._inside)
        self.report = {name: (matrix, table) for name, matrix, table in found}
        if self.region not in self.report:
            self.region = ALL
        if settle:
            regions, area = self.regions, self._inside
            work = lambda: list(self.diagram.scores(regions, area, n=_RESAMPLES))  # noqa: E731
            self._start("scores", "Intervals …", work, self._settled)

    def _settled(self, found: list[tuple[str, np.ndarray, pd.DataFrame]]) -> None:
        self.report = {name: (matrix, table) for name, matrix, table in found}

    # ---- stars

    def _find_stars(self) -> None:
        """Find the predicted members with star-like light, or with the redshift of a star."""
        found = np.zeros(len(self.table), dtype=bool)
        if self.fields["light"] and self.fields["below"]:
            try:
                limit = float(self.fields["below"])
            except ValueError:
                raise ValueError(f"Light below: expected a number, got {self.fields['below']!r}.") from None
            found |= values(self.table, self.fields["light"]) < limit
        if name := self.fields["redshift"]:
            z = evaluate(column(name) if name in self.table.columns else name, self.table).astype(float)
            found |= (z > _NO_STAR) & (z < REDSHIFTS[0])
        self._stars = found & (self.pair.given(self.table) == self.member)

    def _star_mask(self) -> np.ndarray:
        return np.zeros(len(self.table), dtype=bool) if self._stars is None else self._stars

    # ---- what the browser gets

    def _make_chart(self) -> None:
        diagram = self.diagram
        places = np.column_stack([diagram.x, diagram.y])
        low, high = _limits(places)
        outside = ((places < low) | (places > high)).any(axis=1)
        few, count = len(places) <= MAX_POINTS, len(self.pair.classes)
        signs = [*[colour for colour, _ in SIGNS[:count]], GREY]
        if few:
            self._drawn = diagram.rows
            codes = [np.where(each < 0, count, each).astype(np.uint8) for each in (diagram.given, diagram.true)]
            data = b"".join(each.tobytes() for each in (*places.astype("<f4").T, *codes))
        else:
            scaled = (places - low) / (high - low)
            seen = ((scaled >= 0) & (scaled < 1)).all(axis=1)
            column_, row = (scaled[seen] * (_WIDE, _HIGH)).astype(int).T
            self._drawn, self._pixels = diagram.rows[seen], row * _WIDE + column_
            of = np.where(diagram.given[seen] < 0, count, diagram.given[seen])
            cells = np.bincount(self._pixels * (count + 1) + of, minlength=_WIDE * _HIGH * (count + 1))
            cells = cells.reshape(-1, count + 1)
            data = cells.sum(axis=1).astype("<f4").tobytes() + cells.argmax(axis=1).astype(np.uint8).tobytes()
        names = [str(name) for name in self.table.select_dtypes("number").columns]
        chart = messages.Chart(
            type="chart",
            x=(float(low[0]), float(high[0])),
            y=(float(low[1]), float(high[1])),
            outside=int(outside.sum()),
            missing=len(self.table) - len(places),
            classes=list(self.pair.classes),
            colours=signs,
            shapes=[shape_path(shape) for shape in (*_SHAPES[:count], "x")],
            columns=names,
            scored=self.member in self.pair.judged,
            points=len(places) if few else 0,
            wide=_WIDE,
            high=_HIGH,
        )
        self._chart = chart, data

    def _send_chart(self) -> None:
        if self._chart is not None:
            self._send(*self._chart)
            self._selected()

    def _selected(self, *_: Any) -> None:
        """Tell which objects are selected."""
        if self._chart is None:
            return
        mask = self.selection.mask[self._drawn] if self.current else np.zeros(len(self._drawn), dtype=bool)
        if self._chart[0]["points"]:
            data = mask.astype(np.uint8)
        else:
            counts = np.bincount(self._pixels[mask], minlength=_WIDE * _HIGH)
            data = np.minimum(counts, 255).astype(np.uint8)
        count = len(self.selection) if self.current else 0
        self._send(messages.Selected(type="selected", count=count), data.tobytes())

    def send_state(self) -> None:
        """Send settings and report to the browsers."""
        regions, line = self.regions, self.regions.sequence
        matrix, table = self.report.get(self.region, (None, None))
        state = messages.State(
            type="state",
            fields=self.fields,
            line=None if line is None else messages.Line(**vars(line)),
            words=line_words(self.fitted, self.fit_to) if self.fitted is not None else "",
            moved=moved_words(self.fitted, line),
            fit_to=self.fit_to,
            edges=list(regions.edges),
            faintest=regions.faintest,
            reddest=regions.reddest,
            left={} if self.diagram is None else dict(self.diagram.left_out(regions)),
            counted=0 if self.diagram is None else int(self.diagram.known.sum()),
            region=self.region,
            member=self.member,
            regions=[
                _scores(table.loc[self.member], name, int(matrix.sum()))
                for name, (matrix, table) in self.report.items()
            ],
            matrix=[] if matrix is None else matrix.tolist(),
            report=[]
            if table is None
            else [_scores(row, str(name), int(row["support"])) for name, row in table.iterrows()],
            kind=self.kind,
            curve=self._curve() if self.report else None,
            stars=int(self._star_mask().sum()),
            busy=next(iter(self._busy.values()), ""),
            error=self._error,
            acknowledged=dict(self._acknowledged),
        )
        self._send(state, None)

    def _curve(self) -> messages.Curve | None:
        if self.member not in self.pair.judged:
            return None
        regions = self.regions
        fixed = self.region == ALL and regions.reddest is None  # the same wherever the line is
        key = (
            self.diagram,
            self.kind,
            self.member,
            regions.faintest,
            None if fixed else (self.region, regions, self._lassos),
        )
        if key != self._last_curve[0]:
            here = self.diagram.members(self.region, regions, self._inside)
            self._last_curve = key, self.diagram.curve(self.kind, self.member, here)
        found = self._last_curve[1]
        if found is None:
            return None
        some = np.unique(np.linspace(0, len(found.x) - 1, 200).astype(int))  # more cannot be seen
        return messages.Curve(x=found.x[some].round(4).tolist(), y=found.y[some].round(4).tolist(), area=found.area)


def _limits(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the axes, low (2,) and high (2,): all objects, but for a few that are far from the others."""
    low, high = plane_limits(places)
    if len(places) < 100:
        return low, high
    inner = np.percentile(places[:: max(len(places) // 100_000, 1)], [0.5, 99.5], axis=0)
    room = 0.3 * (inner[1] - inner[0]) + 1e-9
    return np.maximum(low, inner[0] - room), np.minimum(high, inner[1] + room)


def _is(table: pd.DataFrame, name: str, value: str) -> str:
    """Return the condition that a column has a class."""
    return f"{column(name)} == {value if pd.api.types.is_numeric_dtype(table[name]) else repr(value)}"


def _scores(row: pd.Series, name: str, objects: int) -> messages.Scores:
    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    names = ("precision", "recall", "f1")
    ends = [(plain(row[f"{each}_low"]), plain(row[f"{each}_high"])) for each in names]
    known = any(low is not None for low, _ in ends)
    return messages.Scores(
        name=name, objects=objects, values=[plain(row[each]) for each in names], ends=ends if known else []
    )


def line_words(found: RedSequenceFit, of: str) -> str:
    """Return a fitted line in words, with the intervals of its numbers where there are some."""

    def written(name: str, digits: int) -> str:
        one = getattr(found, name)
        ends = "" if np.isnan(one.low) else f" ({one.low:.{digits}f} to {one.high:.{digits}f})"
        return f"{one.value:.{digits}f}{ends}".replace("-", "−")

    whom = "objects" if of == ALL else f"objects of class {of}"
    return (
        f"Fitted to {found.objects:,} {whom}: slope {written('slope', 4)}; colour {written('intercept', 3)} mag at "
        f"magnitude {found.sequence.pivot:.2f}; scatter {written('scatter', 3)} mag. {found.share:.0%} belong to it."
    ).replace("at magnitude -", "at magnitude −")


def moved_words(found: RedSequenceFit | None, line: RedSequence | None) -> str:
    """Return how far a line was moved from the fitted one; empty if it was not."""
    if found is None or line is None or line == found.sequence:
        return ""
    up, tilt = line.intercept - found.sequence.intercept, line.slope - found.sequence.slope
    words = f"Moved by {up:+.3f} mag" + (f", tilted by {tilt:+.4f}" if tilt else "")
    return f"{words} from the fit.".replace("-", "−")
