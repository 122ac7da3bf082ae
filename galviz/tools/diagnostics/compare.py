"""Comparison of two runs: which has smaller errors, and on which objects they disagree."""

import asyncio
from collections.abc import AsyncIterator

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.compare import disagreement, paired_words
from galviz.sky.cutouts import CutoutSet
from galviz.tools.diagnostics.slices import SlicesView
from galviz.tools.formatting import field, said, shown_error, text
from galviz.tools.gallery.view import Gallery
from galviz.tools.selection.buttons import LOOKING, Opener, held_out, short
from galviz.tools.selection.core import Selection

_PICTURES = 10
_OF_A_RUN = ["residual", "fold", "in_training"]
_OF_CLASSES = ["correct", "probability"]


class CompareView(Opener):
    """Two runs on the same objects: which has smaller errors, where they differ, where the second or both do worst.

    Parameters
    ----------
    first, second : pandas.DataFrame
        From `galviz.runs.predictions.joined`. Objects that are ``in_training`` of either run are left out.
    cutouts : CutoutSet or None
        Images of the objects on which the runs differ most.
    selection : Selection
    names : two of str
        Names of the runs.
    truth, estimate : str
        Columns of both tables: numbers or class names.
    """

    count = param.Integer(default=24, bounds=(1, 10_000), label="Objects to show")

    def __init__(
        self,
        first: pd.DataFrame,
        second: pd.DataFrame,
        cutouts: CutoutSet | None,
        selection: Selection,
        names: tuple[str, str] = ("A", "B"),
        *,
        truth: str = "truth",
        estimate: str = "estimate",
        **params: object,
    ) -> None:
        super().__init__(selection=selection, **params)
        self.truth, self.estimate = truth, estimate
        self.first, self.second, self.cutouts, self.names = first, second, cutouts, names
        self.among = "both were not trained on" if "in_training" in first and "in_training" in second else "in both"

    async def body(self) -> AsyncIterator[pn.viewable.Viewable]:
        """Yield a progress message, then the comparison, computed in a thread so that the page stays responsive."""
        yield text(LOOKING)
        try:
            pairs, words = await asyncio.to_thread(self.compared)
        except ValueError as error:
            yield said(shown_error(error))
            return
        yield self.shown(pairs, words)

    def compared(self) -> tuple[pd.DataFrame, list[str]]:
        """Return the objects of both runs, and sentences that compare them."""
        a, b = self.names
        pairs = disagreement(held_out(self.first), held_out(self.second), self.truth, self.estimate)
        if pairs.empty:
            return pairs, [f"There is no object {self.among}: {a} and {b} cannot be compared."]
        only_a, only_b = pairs.attrs["only_a"], pairs.attrs["only_b"]
        alone = f" {only_a:,} more objects of {a} and {only_b:,} of {b} are left out." if only_a or only_b else ""
        if "differs" in pairs:
            apart = f"They differ on {pairs['differs'].sum():,} of {len(pairs):,}."
        else:
            gap = pairs["difference"].abs()
            apart = f"They lie {short(gap.mean(), 3)} apart on average, at most {short(gap.max(), 3)}."
        return pairs, [paired_words(pairs, self.names, self.among), apart + alone]

    def shown(self, pairs: pd.DataFrame, words: list[str]) -> pn.viewable.Viewable:
        """Return the view of what `compared` returned."""
        said_first = text(Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in words))
        if pairs.empty:
            return said_first
        a, b = self.names
        own = [self.estimate, f"{self.estimate}_spread", *_OF_A_RUN, *(_OF_CLASSES if "differs" in pairs else [])]
        facts = self.first.drop(columns=own, errors="ignore").loc[pairs.index]
        worse, both = -pairs["gain"], pairs[["error_a", "error_b"]].min(axis=1, skipna=False)
        parts = [said_first, self.buttons(pairs), self.pictures(pairs)]
        for head, loss, measure in (
            (f"Where {b} does worst compared with {a}", worse, f"error of {b} less that of {a}"),
            ("Where both are bad", both, "the smaller error of the two"),
        ):
            parts += [text(Markup("<h3>{}</h3>").format(head)), SlicesView(facts, loss, self.selection, measure)]
        return pn.Column(*parts, sizing_mode="stretch_width")

    def orders(self, pairs: pd.DataFrame) -> dict[str, pd.Series]:
        """Return the quantities by which objects can be selected; only positive values count, largest first."""
        apart = pairs["differs"].astype(float) if "differs" in pairs else pairs["difference"].abs()
        by = {"they differ most": apart, f"{self.names[0]} errs less": -pairs["gain"]}
        return by | {f"{self.names[1]} errs less": pairs["gain"]}

    def show(self, order: pd.Series) -> None:
        """Select the objects with the largest positive values."""
        largest = order[order > 0].sort_values(ascending=False, kind="stable")
        self.take(self.selection.choose, largest.index[: self.count])

    def buttons(self, pairs: pd.DataFrame) -> pn.viewable.Viewable:
        """Return one button per order."""
        made = [
            pn.widgets.Button(label=f"Show where {name}", on_click=lambda _, order=order: self.show(order))
            for name, order in self.orders(pairs).items()
        ]
        return pn.FlexBox(field(self.param.count, type=pn.widgets.IntInput, width=120), *made, align_items="flex-end")

    def pictures(self, pairs: pd.DataFrame) -> pn.viewable.Viewable:
        """Show the objects on which the runs differ most."""
        if self.cutouts is None:
            return text("The sky of these runs is not there: no pictures.")
        apart = next(iter(self.orders(pairs).values()))
        apart = apart[(apart > 0) & apart.index.isin(self.cutouts.catalogue.index)]
        first = pairs.loc[apart.sort_values(ascending=False, kind="stable").index[:_PICTURES]]
        if first.empty:
            return text("They say the same of every object that has a picture.")
        told = first[["estimate_a", "estimate_b", "truth"]]
        what = f"Where they differ most (estimate_a: {self.names[0]}, estimate_b: {self.names[1]}):"
        gallery = Gallery(self.cutouts, told, self.selection, captions=list(told), height=230)
        return pn.Column(text(what), gallery.grid, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.body, self.alert, sizing_mode="stretch_width")
