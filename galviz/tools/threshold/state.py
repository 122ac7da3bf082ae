"""The state of a threshold view: score, truth, threshold and bins. Slow steps run in threads."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import panel as pn
import param

from galviz.measure.metrics import Interval
from galviz.measure.score_columns import answers, bin_column, truths
from galviz.measure.threshold_stats import BinnedFractions
from galviz.tools.formatting import shown_error
from galviz.tools.labels.core import Labels
from galviz.tools.selection.snapshot import run_on_change
from galviz.tools.threshold.core import Meaning, Scored, labels_of

KEPT = ("threshold", "answer", "truth", "truth_cut", "bins", "t_obs", "merging")
"""Parameters that a page keeps in its address."""


class ThresholdState(pn.viewable.Viewer):
    """Score, truth and threshold of a view. Slow results are computed in a thread and set as parameters when ready.

    Parameters
    ----------
    table : pandas.DataFrame
    labels, meanings : optional
        As in `galviz.tools.threshold.view.ThresholdView`.
    """

    threshold = param.Number(default=0.5, bounds=(0, 1), label="Threshold")
    answer = param.Selector(default="", objects=[""], label="Score", doc="the column that the threshold divides")
    truth = param.Selector(default="", objects=[""], label="Truth", doc="the column with the true classes")
    truth_cut = param.Number(
        default=0.5,
        bounds=(0, 1),
        label="True above",
        doc="if the truth is a fraction: the value above which it counts as true",
    )
    bins = param.String(default="", label="Fraction by", doc="a column, or an expression such as g - r")
    t_obs = param.Number(
        default=0.5, bounds=(0.01, 20), label="T_obs (Gyr)", doc="time during which a merger is recognisable"
    )
    merging = param.Number(
        default=1.0, bounds=(0.01, 10), label="C", doc="factor from the observed fraction to the fraction that merges"
    )
    labelled = param.Integer(default=0, doc="grows with every label")
    settled = param.Integer(default=0, doc="grows when the dragged line is released")
    scored = param.ClassSelector(class_=Scored, doc="the scores, once they are sorted")
    labels = param.ClassSelector(class_=Labels, doc="the labels of the current score")
    calibrated = param.ClassSelector(class_=Interval, doc="the calibrated sum, once it is computed")
    binned = param.ClassSelector(class_=BinnedFractions, doc="the scores in bins, once they are sorted")
    error = param.String(default="", doc="why the scores cannot be used")
    bins_error = param.String(default="", doc="why there are no bins")

    def __init__(
        self,
        table: pd.DataFrame,
        labels: str | Path | Callable[[str], Labels] | None = None,
        meanings: Mapping[str, Meaning] | None = None,
        **params: object,
    ) -> None:
        super().__init__()
        self.table, self._path, self.meanings = table, labels, meanings or {}
        given = {name: f"{meaning.yes} ({name})" for name, meaning in self.meanings.items()}
        found = {given.get(name, label): name for label, name in answers(table).items()}
        self._of, self.pending = None, False
        self.param.answer.objects = found
        given = {"bins": bin_column(table), "answer": next(iter(found.values()))} | params
        self.answer = given.pop("answer")
        self._take_answer()
        self.param.update(**given)

    def start(self) -> None:
        """Start to compute the results, now and after each change."""
        run_on_change(self, ["answer", "truth", "truth_cut", "labelled"], self._learn)
        run_on_change(self, ["scored"], self._calibrate)
        run_on_change(self, ["scored", "bins"], self._bin)

    @param.depends("answer", watch=True)
    def _take_answer(self) -> None:
        """Offer the truth columns of the new score, and switch to its labels."""
        named = {f"{name}_true": f"{meaning.yes}, known ({name}_true)" for name, meaning in self.meanings.items()}
        found = {named.get(name, label): name for label, name in truths(self.table, self.answer).items()}
        self.param.truth.objects = found
        self.truth = next(iter(found.values()))
        self.labels = labels_of(self.answer, self._path, self.meaning.file)
        self.labels.listeners.append(lambda: self.param.update(labelled=self.labelled + 1))

    @property
    def meaning(self) -> Meaning:
        """What the score is the probability of."""
        return self.meanings.get(self.answer) or Meaning.of(self.answer)

    async def _learn(self) -> None:
        """Sort the scores, or only apply new labels; in a thread, as it takes seconds for 10⁷ objects."""
        of, labels = (self.answer, self.truth, self.truth_cut), self.labels.to_dict()
        same = of == self._of and self.scored is not None
        sort = self.scored.relabelled if same else partial(Scored, self.table, *of, meaning=self.meaning)
        work = partial(sort, labels=labels)
        try:
            scored = await asyncio.to_thread(work)
        except (ValueError, TypeError) as error:
            self.error = shown_error(error)
            return
        self._of, self.error = of, ""
        self.pending = scored.known.both
        self.param.update(calibrated=None, scored=scored)

    async def _calibrate(self) -> None:
        if (scored := self.scored) is not None and self.pending:
            found = await asyncio.to_thread(scored.expected)
            if self.scored is scored:
                self.pending, self.calibrated = False, found

    async def _bin(self) -> None:
        scored, expression = self.scored, self.bins.strip()
        if scored is None or not expression:
            self.param.update(binned=None, bins_error="")
            return
        try:
            binned = await asyncio.to_thread(scored.by, expression)
        except (ValueError, KeyError, TypeError) as error:
            self.param.update(binned=None, bins_error=shown_error(error))
            return
        if self.scored is scored:
            self.param.update(binned=binned, bins_error="")
