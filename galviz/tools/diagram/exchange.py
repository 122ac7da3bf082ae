"""What a diagram and its browsers tell each other: the line that is dragged, the region, and the report."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from galviz.io.expressions import matches
from galviz.measure.red_sequence import RedSequence, RedSequenceFit
from galviz.tasks.pair import Pair
from galviz.tools.diagram import messages
from galviz.tools.diagram.chart import Drawing
from galviz.tools.diagram.conditions import cell_conditions, region_conditions
from galviz.tools.diagram.core import (
    ALL,
    DRAWN,
    Curve,
    Diagram,
    Regions,
    first_fit,
    light_column,
    member_class,
    probable_stars,
    redshift_column,
    values,
)
from galviz.tools.diagram.settings import Polygon, Settings
from galviz.tools.diagram.text import line_words, moved_words
from galviz.tools.messages import check
from galviz.tools.plots.defaults import magnitude_and_colour
from galviz.tools.selection.core import Selection
from galviz.tools.selection.polygon import inside

_RESAMPLES = 1000
_FITS, _MOST_RESAMPLED = 100, 5000  # resamples of the line, and objects: of more, they would take minutes
_JOBS = ("read", "line", "ends", "scores")

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
    kept : mapping
        What `to_json` returned, to start with.
    on_change : callable
        Called with what `to_json` returns, when it is something else than before.
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
        kept: Mapping[str, Any] | None = None,
        on_change: Callable[[dict[str, Any]], None] = lambda _: None,
        **fields: str,
    ) -> None:
        self.table, self.pair, self.selection, self._send, self._how = table, pair, selection, send, how
        self._background, self._fits, self.member = background, fits, member_class(pair)
        magnitude, colour = magnitude_and_colour(table) or ("", "")
        light, below = light_column(table)
        guessed = {
            "magnitude": magnitude,
            "colour": colour,
            "light": light,
            "below": below,
            "redshift": redshift_column(table),
        }
        self._first = {"fields": guessed | fields, "member": self.member, "fit_to": first_fit(table, pair)}
        self.fields = dict(self._first["fields"])
        self.diagram: Diagram | None = None
        self.regions, self.kind, self.fit_to = Regions(), "ROC", self._first["fit_to"]
        self.fitted: RedSequenceFit | None = None
        self.polygon: Polygon = ()
        self.report: dict[str, Any] = {}
        self._chosen = ALL
        self._automatic: RedSequence | None = None  # the line that was fitted first in this plane
        self._past: list[tuple[Regions, Polygon]] = []
        self._dragged = False
        self._kept: dict[str, Any] = {}
        self._on_change = on_change
        self._inside: np.ndarray | None = None
        self._lassos = 0  # drawn so far
        self._last_curve: tuple[Any, Curve | None] = (None, None)
        self._stars: np.ndarray | None = None
        self._drawing: Drawing | None = None
        self._jobs = dict.fromkeys(_JOBS, 0)
        self._busy: dict[str, str] = {}
        self._error = ""
        self._acknowledged: dict[str, int] = {}
        self._watcher = selection.param.watch(self._selected, ["version"])
        self._now = self.regions, self.polygon
        self._take(kept or {})

    def close(self) -> None:
        """Follow the selection no longer."""
        self.selection.param.unwatch(self._watcher)

    @property
    def current(self) -> bool:
        """Whether the selection shows the table of the diagram."""
        return self.selection.table is self.table

    @property
    def region(self) -> str:
        """The region of the report: the one that was chosen, or all objects while it is not there."""
        return self._chosen if self._chosen in self.report else ALL

    def to_json(self) -> dict[str, Any]:
        """Return what was changed by hand as JSON values, for `restore`."""
        first, regions = self._first, self.regions
        if regions.sequence == self._automatic:
            regions = replace(regions, sequence=None)
        return Settings(
            fields={name: text for name, text in self.fields.items() if text != first["fields"][name]},
            regions=regions,
            polygon=self.polygon,
            region=self._chosen,
            kind=self.kind,
            member="" if self.member == first["member"] else self.member,
            fit_to="" if self.fit_to == first["fit_to"] else self.fit_to,
        ).to_json()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `to_json` returned. Columns and classes that this table does not have are left out."""
        if dict(state) == self._kept:
            return
        self._take(state)
        if self.diagram is not None and self.diagram.names != self._plane:
            self._start("read", "Reading the columns …", self._read, self._placed)
        elif self.diagram is not None:
            self._surround()
            self._find_stars()
            self._tell()
        self.send_state()

    def _take(self, state: Mapping[str, Any]) -> None:
        """Take over a saved view; one that does not fit this table changes nothing."""
        try:
            found = Settings.from_json(state)
            fields = {name: text for name, text in found.fields.items() if name in self.fields}
            for text in (fields.get(name) for name in ("magnitude", "colour", "light", "redshift")):
                values(self.table.iloc[:1000], text) if text else None
        except (ValueError, TypeError, AttributeError) as error:
            self._error = f"The saved view of the diagram does not fit this table. {error}"
            return
        first, classes, plane = self._first, self.pair.classes, self._plane
        self.fields = first["fields"] | fields
        if self._plane != plane:
            self._automatic = None
        self.regions, self.polygon = found.regions, found.polygon
        if found.regions.sequence is None:
            self.regions = replace(self.regions, sequence=self._automatic)
        self._chosen, self.kind = found.region, found.kind
        self.member = found.member if found.member in classes else first["member"]
        self.fit_to = found.fit_to if found.fit_to in (ALL, *classes) else first["fit_to"]
        self._past, self._now, self._kept = [], (self.regions, self.polygon), self.to_json()

    @property
    def _plane(self) -> tuple[str, str]:
        return self.fields["magnitude"], self.fields["colour"]

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message from a browser.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, messages.FROM_BROWSER)
        self._dragged = message.get("done") is False
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

    def undo(self) -> None:
        """Undo the last change of the line, the cuts or the drawn region, if there is one."""
        if self._past:
            regions, self.polygon = self._past.pop()
            self.regions = replace(regions, sequence=regions.sequence or self._automatic)
            self._now = self.regions, self.polygon
            self._surround()
            self._tell()

    def _note(self) -> None:
        """Keep what was changed, for `undo` and for a saved view; of a drag, only its end."""
        if self._dragged:
            return
        now = self.regions, self.polygon
        if now != self._now:
            if self._now[0].sequence is not None or now[0].sequence is None:  # the first fit cannot be undone
                self._past.append(self._now)
            self._now = now
        if (kept := self.to_json()) != self._kept:
            self._kept = kept
            self._on_change(kept)

    def choose(self, region: str) -> None:
        """Show the report of another region.

        Raises
        ------
        ValueError
            If there is no such region.
        """
        if region not in self.report:
            raise ValueError(f"region: expected one of {', '.join(self.report)}, got {region!r}.")
        self._chosen = region

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
            self._tell(settle=not self._dragged)

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
        self.regions, self._chosen = replace(self.regions, sequence=None), ALL
        self.polygon, self._automatic, self.fitted = (), None, None
        self._past, self._now = [], (self.regions, self.polygon)  # lines of another plane
        self._start("read", "Reading the columns …", self._read, self._placed)

    def _cell(self, message: Mapping[str, Any]) -> None:
        true, given = (self.pair.classes[message[name]] for name in ("true", "given"))
        mask = self.mask(message["true"], message["given"])
        here = self._conditions()
        self._select(mask, here and [*cell_conditions(self.table, self.pair, true, given), *here])

    def _conditions(self) -> list[str]:
        """Return the conditions of the region of the report; none for one that was drawn."""
        if self.region == DRAWN:
            return []
        return region_conditions(self.table, self.diagram.names, self.regions, self.region)

    def _lasso(self, message: Mapping[str, Any]) -> None:
        corners = tuple((float(x), float(y)) for x, y in message["polygon"])
        if len(corners) < 3:
            raise ValueError("region: expected three corners or more. Draw around some points.")
        self.polygon = corners
        self._surround()
        self._tell()
        self.choose(DRAWN)
        mask = np.zeros(len(self.table), dtype=bool)
        mask[self.diagram.rows[self._inside]] = True
        if self.current:
            self.selection.lasso(*self.diagram.names, corners, how=self._how())

    def _act(self, message: Mapping[str, Any]) -> None:
        if message["name"] == "stars":
            self._select(self._star_mask(), [])
        elif message["name"] == "region":
            self._select(self.mask(), self._conditions())
        elif message["name"] == "undo":
            self.undo()
        else:
            self._fit(self.regions.sequence if message["name"] == "refit" else None)

    def _select(self, mask: np.ndarray, conditions: list[str]) -> None:
        """Select objects: by a condition where there is one that says the same, else by their ids."""
        if not self.current:
            return
        expression = " and ".join(f"({one})" for one in conditions)
        try:
            same = bool(conditions) and np.array_equal(matches(expression, self.table), mask)
        except ValueError:
            same = False
        if same:
            self.selection.where(expression, how=self._how(), mask=mask)
        else:
            self.selection.choose(self.table.index[mask], how=self._how())

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
            return Diagram(self.table, self.pair, *names)
        other = copy(self.diagram)  # the page may ask this one meanwhile
        other.place(*names)
        return other

    def _placed(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self._surround()
        self._drawing = Drawing.of(diagram, self.member)
        self._send_chart()
        self._find_stars()
        self._tell(settle=len(self.diagram.x) < 10)
        self._fit(None, first=True)

    def _surround(self) -> None:
        """Find the objects in the drawn region."""
        diagram = self.diagram
        self._inside = inside(diagram.x, diagram.y, self.polygon) if self.polygon else None
        self._lassos += 1

    def _fit(self, start: RedSequence | None, *, first: bool = False) -> None:
        """Fit the line. A line that is there, of a saved view, stays at the `first` fit."""
        fit = partial(self.diagram.fit, self.fit_to, start, self.regions.faintest)

        def found(line: RedSequenceFit) -> None:
            self.fitted = line
            self._automatic = line.sequence if first else self._automatic
            self.move(self.regions.sequence if first and self.regions.sequence else line.sequence)
            if self._fits and line.objects <= _MOST_RESAMPLED:
                # Its intervals take longer, and the line may be dragged meanwhile.
                self._start("ends", "Intervals of the line …", partial(fit, n=self._fits), self._refined)

        self._forget("ends")
        self._start("line", "Fitting the red sequence …", fit, found)

    def _refined(self, line: RedSequenceFit) -> None:
        self.fitted = line

    def _tell(self, *, settle: bool = True) -> None:
        """Count again, without intervals; these come later if it is settled."""
        self._forget("scores")
        found = self.diagram.scores(self.regions, self._inside)
        self.report = {name: (matrix, table) for name, matrix, table in found}
        if settle:
            count = partial(self.diagram.scores, self.regions, self._inside, n=_RESAMPLES)
            self._start("scores", "Intervals …", lambda: list(count()), self._settled)

    def _settled(self, found: list[tuple[str, np.ndarray, pd.DataFrame]]) -> None:
        self.report = {name: (matrix, table) for name, matrix, table in found}

    # ---- stars: predicted members with star-like light, or with the redshift of a star

    def _find_stars(self) -> None:
        self._stars = probable_stars(self.table, self.fields) & (self.pair.given(self.table) == self.member)

    def _star_mask(self) -> np.ndarray:
        return np.zeros(len(self.table), dtype=bool) if self._stars is None else self._stars

    # ---- what the browser gets

    def _send_chart(self) -> None:
        if self._drawing is not None:
            self._send(self._drawing.chart, self._drawing.data)
            self._selected()

    def _selected(self, *_: Any) -> None:
        """Tell which objects are selected."""
        if self._drawing is not None:
            mask = self.selection.mask if self.current else np.zeros(len(self.table), dtype=bool)
            self._send(messages.Selected(type="selected", count=int(mask.sum())), self._drawing.marks(mask))

    def send_state(self) -> None:
        """Send settings and report to the browsers."""
        self._note()
        regions, line = self.regions, self.regions.sequence
        matrix, table = self.report.get(self.region, (None, None))
        state = messages.State(
            type="state",
            fields=self.fields,
            line=None if line is None else messages.Line(**vars(line)),
            words=line_words(self.fitted, ALL if self.fit_to == ALL else self.pair.text(self.fit_to))
            if self.fitted is not None
            else "",
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
            polygon=list(self.polygon),
            undoable=len(self._past),
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


def _scores(row: pd.Series, name: str, objects: int) -> messages.Scores:
    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    names = ("precision", "recall", "f1")
    ends = [(plain(row[f"{each}_low"]), plain(row[f"{each}_high"])) for each in names]
    known = any(low is not None for low, _ in ends)
    return messages.Scores(
        name=name, objects=objects, values=[plain(row[each]) for each in names], ends=ends if known else []
    )
