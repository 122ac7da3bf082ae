"""The colour–magnitude diagram as a notebook widget."""

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets

from galviz.measure.red_sequence import RedSequence
from galviz.tasks.pair import Pair, guess_pair, pair_of
from galviz.tools.client import script
from galviz.tools.diagram.exchange import Exchange
from galviz.tools.selection.core import Selection


class DiagramWidget(anywidget.AnyWidget):
    """A colour–magnitude diagram with a red sequence to drag, and the scores of its regions beside it.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    pair : Pair or (str, str), optional
        Columns of the true and of the predicted classes; by default found by their names.
    linked : Selection, optional
        Selection shared with other views; a new one by default.
    **fields : str
        Columns or expressions: ``magnitude="r"``, ``colour="g - z"``. Those that are not given are guessed.

    Attributes
    ----------
    slope, intercept, scatter : float
        Of the line; set them to move it. NaN before the first fit.
    region : str
        The region of the report.
    report : dict of str to list of list of int
        Region → its confusion matrix, true classes in rows. Read-only.
    selection : list of str
        The selected ids. Read-only.

    Raises
    ------
    ValueError
        If there are no predictions of classes.
    """

    _esm = script(Path(__file__))

    slope = traitlets.Float(np.nan)
    intercept = traitlets.Float(np.nan)
    scatter = traitlets.Float(np.nan)
    region = traitlets.Unicode("all")
    report = traitlets.Dict(read_only=True)
    selection = traitlets.List(traitlets.Unicode(), read_only=True)
    height = traitlets.Int(520, min=300).tag(sync=True)

    def __init__(
        self,
        table: pd.DataFrame,
        pair: Pair | tuple[str, str] | None = None,
        *,
        linked: Selection | None = None,
        **fields: str,
    ) -> None:
        pair = guess_pair(table) if pair is None else pair
        if pair is None:
            raise ValueError("pair: expected a table with a truth and a prediction, got none. Give the two columns.")
        pair = pair if isinstance(pair, Pair) else pair_of(table, *pair)
        if not pair.classes:
            raise ValueError(f"pair: expected predictions of classes, got numbers in {pair.estimate}. Give two others.")
        self.linked = Selection(table) if linked is None else linked
        self._telling = False
        super().__init__()
        self.exchange = Exchange(self.linked.table, pair, self.linked, self._send_on, fits=0, **fields)
        self.on_msg(lambda _, message, __: self.exchange.receive(message))
        self.exchange.receive({"type": "hello"})

    def close(self) -> None:
        """Follow the selection no longer, and close the widget."""
        if (exchange := vars(self).pop("exchange", None)) is not None:  # ipywidgets closes once more at the end
            exchange.close()
        super().close()

    def _send_on(self, message: dict[str, Any], data: bytes | None) -> None:
        self.send(message, buffers=None if data is None else [data])
        if message["type"] == "state" and hasattr(self, "exchange"):
            self._take(message)
        elif message["type"] == "selected":
            self.set_trait("selection", list(self.linked.ids))

    def _take(self, state: dict[str, Any]) -> None:
        self._telling = True
        try:
            for name in ("slope", "intercept", "scatter") if state["line"] else ():
                setattr(self, name, state["line"][name])
            self.region = state["region"]
            found = {name: matrix.tolist() for name, (matrix, _) in self.exchange.report.items()}
            self.set_trait("report", found)
        finally:
            self._telling = False

    @traitlets.observe("slope", "intercept", "scatter")
    def _moved(self, _: Any) -> None:
        line = None if self._telling else self.exchange.regions.sequence
        if line is not None:
            self.exchange.move(RedSequence(self.slope, self.intercept, self.scatter, line.pivot))
            self.exchange.send_state()

    @traitlets.observe("region")
    def _chosen(self, change: Any) -> None:
        if not self._telling:
            self.exchange.choose(change["new"])
            self.exchange.send_state()
