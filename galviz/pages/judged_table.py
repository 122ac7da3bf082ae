"""Predictions in any table: which columns are the truth and its prediction, and the view that judges them."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.pages.explorer import Explorer
from galviz.pages.results.class_measures import ClassesJudge
from galviz.pages.results.judge import JudgeView
from galviz.pages.results.number_measures import Models, NumbersJudge
from galviz.pages.state import query, write_query
from galviz.pages.workspace import Section, Workspace, fills
from galviz.tasks.pair import Pair, pair_of
from galviz.tools.formatting import error_note, field, shown_error

_NONE = {"–": ""}


class JudgedTable(Workspace):
    """The choice of two columns of an explorer's table, and what judges them.

    Parameters
    ----------
    explorer : Explorer
    names : (str, str), optional
        Columns of the truth and of its prediction to start with.
    units : mapping of str to str, optional
        Column → unit.
    others : mapping of str to callable, optional
        Further tabs of the explorer, shown while a pair is judged.
    models : callable, optional
        Returns other predictions of the same objects, as `galviz.pages.results.number_measures.Models`.
    """

    truth = param.Selector(default="", objects=_NONE, label="Truth")
    estimate = param.Selector(default="", objects=_NONE, label="Prediction")
    sigma = param.Selector(default="", objects=_NONE, label="Its error, 1 σ", doc="column of the prediction's error")
    positive = param.Selector(default="", objects=_NONE, label="Positive class")
    unit = param.String(default="", label="Unit")
    pair = param.ClassSelector(class_=Pair, default=None, doc="the columns, where they fit together")
    kind = param.String(default="", doc="numbers or classes; empty without a pair")
    error = param.String(default="", doc="why the columns cannot be judged")

    def __init__(
        self,
        explorer: Explorer,
        names: tuple[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        others: Mapping[str, Callable[[], Any]] | None = None,
        models: Callable[[], Models] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.explorer, self.units, self.judge = explorer, dict(units or {}), None
        self.others, self.models = dict(others or {}), models or dict
        columns = [str(name) for name in explorer.table.columns]
        self.param.truth.objects = self.param.estimate.objects = _NONE | {name: name for name in columns}
        numbers = [str(name) for name in explorer.table.select_dtypes("number")]
        self.param.sigma.objects = _NONE | {name: name for name in numbers}
        wanted = query()
        chosen = (wanted.get("truth", ""), wanted.get("prediction", ""))
        names = chosen if all(name in columns for name in chosen) else names
        if names is not None:
            self.param.update(truth=names[0], estimate=names[1])
        self.param.watch(self._remember, ["truth", "estimate"])

    @param.depends("truth", "estimate", watch=True)
    def _choose(self) -> None:
        """Find what the two columns are; the error and the positive class are guessed."""
        self.param.update(pair=None, error="")
        self.param.update(unit=self.units.get(self.truth, ""), sigma="", positive="")
        self.param.positive.objects = _NONE
        if self.truth and self.estimate:
            try:
                pair = pair_of(self.explorer.table, self.truth, self.estimate, unit=self.unit)
            except (ValueError, KeyError) as error:
                self.error = shown_error(error)
            else:
                self.param.positive.objects = _NONE if len(pair.classes) != 2 else {name: name for name in pair.classes}
                self.param.update(sigma=pair.sigma, positive=pair.positive)
                self.pair = pair
        self.kind = "" if self.pair is None else "classes" if self.pair.classes else "numbers"

    @param.depends("sigma", "positive", "unit", watch=True)
    def _refine(self) -> None:
        if self.pair is not None:
            given = {"sigma": self.sigma, "positive": self.positive, "unit": self.unit.strip()}
            try:
                self.pair = pair_of(self.explorer.table, self.truth, self.estimate, **given)
            except ValueError as error:
                self.error = shown_error(error)
            else:
                self.error = ""

    def _remember(self, *_: param.parameterized.Event) -> None:
        write_query(truth=self.truth, prediction=self.estimate)

    def _judge(self) -> JudgeView | None:
        """Return the view that judges the pair; the same until the pair changes."""
        if self.judge is None or self.judge.pair is not self.pair:
            make = None if self.pair is None else ClassesJudge if self.pair.classes else NumbersJudge
            self.judge = None if make is None else make(self.pair, self.explorer)
            self.offer()
        return self.judge

    def offer(self, *_: param.parameterized.Event) -> None:
        """Show what `models` returns beside the prediction."""
        if isinstance(self.judge, NumbersJudge):
            self.judge.offer(self.models(), shown=True)

    @param.depends("pair", watch=True)
    def _arrange(self) -> None:
        """Show the plots that judge the pair before those of the explorer."""
        judge = self._judge()
        leads, others = ({}, {}) if judge is None else (judge.tabs(), self.others)
        self.explorer.arrange(leads, others, leading=isinstance(judge, ClassesJudge))

    @param.depends("pair")
    def cards(self) -> pn.viewable.Viewable:
        """Return the line of measures."""
        judge = self._judge()
        return pn.Spacer(height=0) if judge is None else judge.cards()

    @param.depends("pair")
    def tables(self) -> pn.viewable.Viewable:
        """Return the tables of measures."""
        judge = self._judge()
        return pn.Column(*([] if judge is None else judge.tables()), sizing_mode="stretch_width")

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why the columns cannot be judged."""
        return error_note(self.error) if self.error else pn.Spacer(height=0)

    def choice(self) -> pn.viewable.Viewable:
        """Return the controls."""
        numbers, two = self.param.kind.rx() == "numbers", self.param.positive.rx() != ""
        names = [field(self.param[name], width=170) for name in ("truth", "estimate")]
        more = [
            field(self.param.sigma, width=150, visible=numbers),
            field(self.param.unit, width=90, visible=numbers),
            field(self.param.positive, width=130, visible=two),
        ]
        return pn.FlexBox(*names, *more, align_items="flex-end")

    def main(self) -> pn.viewable.Viewable:
        """Return the measures, and below them the explorer."""
        return fills(self.refused, pn.Column(self.cards, sizing_mode="stretch_width", margin=0), self.explorer.main())

    def left(self) -> list[Section]:
        """Return the selection."""
        return self.explorer.left()

    def right(self) -> list[Section]:
        """Return which columns are judged, their measures, and the settings of the explorer."""
        measures = Section("Measures", pn.Column(self.tables, sizing_mode="stretch_width"))
        return [Section("Truth and prediction", self.choice()), measures, *self.explorer.right()]


def as_judged(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Return a table whose truth and prediction are of one kind: numbers, or class names with their probabilities.

    The prediction is the column `Pair.called`.
    """
    changes: dict[str, Any] = {pair.truth: pair.true(table), pair.called: pair.given(table)}
    if set(pair.judged) == set(pair.classes) and all(name in table for name in pair.chances.values()):
        changes |= {f"p_{name}": pair.chance(table, name) for name in pair.judged}
    return table.assign(**changes)
