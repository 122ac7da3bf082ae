"""The threshold as a notebook widget; its position and its statistics are traitlets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets

from galviz.io.ids import check_ids
from galviz.measure.score_columns import answers, truths
from galviz.tools.client import script
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.threshold import messages
from galviz.tools.threshold.core import Scored
from galviz.tools.threshold.figure import chart, numbers, percent

MOST = 1000
"""Largest number of ids in `ThresholdWidget.selection`."""


class ThresholdWidget(anywidget.AnyWidget):
    """A histogram of scores with a line to drag, and the statistics of the cut.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str), with a column within 0…1.
    labels : Labels, optional
        ``merger`` and ``not a merger`` (for another answer its name) override the truth; see `relabel`.

    Attributes
    ----------
    threshold : float
        0…1; set it, or drag the line.
    answer : str
        Column of scores, one of `galviz.measure.score_columns.answers`.
    truth : str
        Column of the truth, one of `galviz.measure.score_columns.truths`, ``""`` for none. Changing `answer` resets it.
    truth_cut : float
        0…1; a fraction above this counts as true.
    count : int
        Objects above the threshold. This and all attributes below are read-only.
    fraction, corrected : float
        Fraction above the threshold: raw, and corrected after Rogan & Gladen (NaN unless both kinds are known).
    interval, corrected_interval : tuple of float
        Their 95 % intervals: binomial (Wilson), and bootstrap.
    purity, completeness : float
        Measured on the objects with known truth.
    selection : list of str
        Ids just above the threshold, nearest first, at most `MOST`; `ids` returns all.

    Raises
    ------
    TypeError or ValueError
        If the table is not indexed by unique ids, or has no score.
    """

    _esm = script(Path(__file__))

    threshold = traitlets.Float(0.5, min=0, max=1)
    answer = traitlets.Unicode()
    truth = traitlets.Unicode()
    truth_cut = traitlets.Float(0.5, min=0, max=1)
    count = traitlets.Int(0, read_only=True)
    fraction = traitlets.Float(np.nan, read_only=True)
    interval = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(np.nan, np.nan), read_only=True)
    corrected = traitlets.Float(np.nan, read_only=True)
    corrected_interval = traitlets.Tuple(
        traitlets.Float(), traitlets.Float(), default_value=(np.nan, np.nan), read_only=True
    )
    purity = traitlets.Float(np.nan, read_only=True)
    completeness = traitlets.Float(np.nan, read_only=True)
    selection = traitlets.List(traitlets.Unicode(), read_only=True)

    def __init__(self, table: pd.DataFrame, labels: Labels | None = None, **traits: Any) -> None:
        check_ids(table.index)
        self.table, self.labels = table, labels
        self._acknowledged: dict[str, int] = {}
        self._columns = {"answer": list(answers(table).values()), "truth": list(truths(table, "").values())}
        answer = traits.pop("answer", self._columns["answer"][0])
        super().__init__(**({"answer": answer, "truth": next(iter(truths(table, answer).values()))} | traits))
        self.on_msg(lambda _, message, __: self._receive(message))
        self.observe(self._answered, "answer")
        self.observe(lambda _: self._sort(), ["truth", "truth_cut"])
        self.observe(lambda _: self.tell(), "threshold")
        self._sort()

    @traitlets.validate("answer", "truth")
    def _known(self, proposal: Mapping[str, Any]) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        if value not in self._columns[name]:
            known = ", ".join(each or "''" for each in self._columns[name])
            raise ValueError(f"{name}: expected a column of the table within 0…1 ({known}), got {value!r}.")
        return value

    def ids(self) -> np.ndarray:
        """Return the ids (str) of all objects above the threshold, in table order."""
        return self.scored.above(self.threshold)

    def relabel(self) -> None:
        """Apply the labels as they are now, and update the statistics."""
        self.scored = self.scored.relabelled(self.labels.to_dict() if self.labels is not None else {})
        self._draw()

    def tell(self) -> None:
        """Compute the statistics of the threshold, and show them."""
        found, drawn = self.scored.at(self.threshold), self.scored.resampled(self.threshold)
        right, rows = drawn.get("corrected"), self.scored.near(self.threshold, MOST)[0]
        values = {"count": int(found.above), "fraction": float(found.fraction.value)}
        values |= {"interval": (float(found.fraction.low), float(found.fraction.high))}
        values |= {"corrected": np.nan if right is None else right.value}
        values |= {"corrected_interval": (np.nan, np.nan) if right is None else (right.low, right.high)}
        values |= {"purity": float(found.purity.value), "completeness": float(found.completeness.value)}
        values |= {"selection": [str(one) for one in self.table.index.take(rows)]}
        for name, value in values.items():
            self.set_trait(name, value)
        lines = numbers(found, drawn, self.scored.name)
        self._state = [*lines, ("Sum of the raw scores", percent(self.scored.plain_sum()))]
        self._send_state()

    def _send_state(self) -> None:
        known = {"numbers": self._state, "acknowledged": dict(self._acknowledged)}
        self.send(messages.State(type="state", threshold=self.threshold, **known))

    def _answered(self, _: Mapping[str, Any]) -> None:
        first = next(iter(truths(self.table, self.answer).values()))
        if first == self.truth:
            self._sort()
        else:
            self.truth = first

    def _sort(self) -> None:
        labels = self.labels.to_dict() if self.labels is not None else {}
        self.scored = Scored(self.table, self.answer, self.truth, self.truth_cut, labels)
        self._draw()

    def _draw(self) -> None:
        self.send(chart(self.scored))
        self.tell()

    def _receive(self, message: Mapping[str, Any]) -> None:
        check(message, messages.FROM_BROWSER)
        if message["type"] == "hello":
            self.send(chart(self.scored))
        else:
            self._acknowledged[message["client"]] = message["seq"]
            self.threshold = min(max(float(message["value"]), 0.0), 1.0)
        self._send_state()
