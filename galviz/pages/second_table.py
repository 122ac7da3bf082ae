"""A second table of predictions for the same objects, uploaded and compared with the first."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import panel as pn
import param

from galviz.pages.explorer import Explorer
from galviz.pages.judged_table import as_judged
from galviz.pages.open_any import NoIds, Opened, open_any
from galviz.pages.upload import Upload
from galviz.tasks.pair import Pair, guess_pair
from galviz.tools.diagnostics.compare import CompareView
from galviz.tools.formatting import REFUSED, error_note, field, note, shown_error


class SecondTable(pn.viewable.Viewer):
    """The upload of a second table, the choice of its prediction, and its comparison with the first table.

    The two are joined by `object_id`. A truth in the first table is enough.

    Parameters
    ----------
    explorer : Explorer
        Of the first table.
    called : str
        Name of the first table.
    folder : callable
        Returns the folder for uploaded files.
    """

    pair = param.ClassSelector(class_=Pair, default=None, doc="truth and prediction of the first table")
    estimate = param.Selector(default="", objects={"–": ""}, label="Its prediction")
    opened = param.ClassSelector(class_=Opened, default=None, doc="the second table")
    error = param.String(default="", doc="why it cannot be compared")

    def __init__(self, explorer: Explorer, called: str, folder: Callable[[], Path], **params: object) -> None:
        super().__init__(**params)
        self.explorer, self.called, self.called_second = explorer, called, ""
        status = "with the same object ids"
        self.upload = Upload(folder, self.receive, label="Upload a second table", status=status)

    def receive(self, path: Path) -> None:
        """Open an uploaded file and guess its prediction."""
        name = unquote(path.name)  # see `galviz.io.paths.file_name`
        self.param.update(error="", opened=None)
        try:
            opened = open_any(path)
        except NoIds:
            self.error = (
                f"{name}: expected a column with the object ids of the first table, each of them once, got none. "
                "Call it object_id, and upload the file again."
            )
            return
        except (*REFUSED, TypeError, KeyError) as error:
            self.error = shown_error(error).replace(str(path), name).removeprefix("path: ")
            return
        names = [str(column) for column in opened.table.columns if not self.pair or column != self.pair.truth]
        if not names:
            self.error = f"{name}: expected a column with predictions, got none."
            return
        guess = opened.pair or guess_pair(opened.table)
        mine = "" if self.pair is None else self.pair.estimate
        first = mine if mine in names else guess[1] if guess else names[-1]
        self.called_second = name
        self.param.estimate.objects = {column: column for column in names}
        self.param.update(estimate=first, opened=opened)

    def second(self) -> pd.DataFrame:
        """Return truth and prediction of the second table, in the columns of the first."""
        table, pair = self.opened.table, self.pair
        truth = table[pair.truth] if pair.truth in table else pd.Series(None, index=table.index, dtype=object)
        if not pair.classes:
            truth = pd.to_numeric(truth, errors="coerce")
        return as_judged(pd.DataFrame({pair.truth: truth, pair.estimate: table[self.estimate]}), pair)

    def models(self) -> dict[str, Callable[[], pd.DataFrame | None]]:
        """Return the second table as another model of the first's objects; empty without one."""
        return {} if self.opened is None or self.pair is None else {self.called_second: self.second}

    @param.depends("pair", "opened", "estimate", "error")
    def compared(self) -> pn.viewable.Viewable:
        """Return the comparison."""
        if self.error or self.opened is None or self.pair is None:
            return error_note(self.error)
        first = as_judged(self.explorer.table, self.pair)
        try:
            second = self.second()
        except (ValueError, TypeError) as error:
            return error_note(f"{self.estimate}: {shown_error(error)}")
        same = self.called == self.called_second
        names = ("first table", "second table") if same else (self.called, self.called_second)
        columns = {"truth": self.pair.truth, "estimate": self.pair.called}
        more = {"label": self.pair.name, "unit": self.pair.unit}
        return CompareView(first, second, self.explorer.cutouts, self.explorer.selection, names, **columns, **more)

    def __panel__(self) -> pn.viewable.Viewable:
        there = self.param.opened.rx().rx.is_not(None)
        bar = pn.FlexBox(self.upload, field(self.param.estimate, width=170, visible=there), align_items="flex-start")
        about = note("Predictions of the same objects in another table, for example by another network.")
        return pn.Column(about, bar, self.compared, sizing_mode="stretch_width")
