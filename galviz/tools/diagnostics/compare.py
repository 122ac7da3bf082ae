"""Comparison of two predictions of the same objects: which has smaller errors, and on which objects they differ."""

import asyncio
from collections.abc import AsyncIterator, Callable

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.compare import changed, compared_measures, disagreement, paired_words
from galviz.measure.metrics import usual_cut
from galviz.measure.slices import decimals, interval_words
from galviz.sky.cutouts import CutoutSet
from galviz.tools.diagnostics.figure import HEIGHT, against
from galviz.tools.diagnostics.slices import SlicesView
from galviz.tools.formatting import (
    NOT_KNOWN,
    beside,
    drawn,
    error_note,
    field,
    measure_name,
    shown_error,
    text,
    written_measure,
)  # fmt: skip
from galviz.tools.gallery.view import Gallery
from galviz.tools.plots.defaults import MOST_VALUES
from galviz.tools.plots.figure import count_matrix
from galviz.tools.selection.buttons import SEARCHING, SelectionButtons, held_out, short
from galviz.tools.selection.core import Selection
from galviz.tools.selection.polygon import inside

_PICTURES = 10
_OF_A_RUN = ["residual", "fold", "in_training"]
_OF_CLASSES = ["correct", "probability"]


class CompareView(SelectionButtons):
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
    label, unit : str
        Name of the quantity, for axes, and unit of its errors.
    """

    count = param.Integer(default=24, bounds=(1, 10_000), label="Objects to show")
    cut = param.Number(default=None, bounds=(0, None), inclusive_bounds=(False, True), label="Outliers beyond")

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
        label: str = "",
        unit: str = "",
        **params: object,
    ) -> None:
        super().__init__(selection=selection, **params)
        self.label, self.unit = label or estimate, unit
        self.truth, self.estimate = truth, estimate
        self.first, self.second, self.cutouts, self.names = first, second, cutouts, names
        self._ends: list[Callable[[], None]] = []  # of what follows the selection
        self.among = "that neither was trained on" if "in_training" in first and "in_training" in second else "in both"

    async def body(self) -> AsyncIterator[pn.viewable.Viewable]:
        """Yield a progress message, then the comparison, computed in a thread so that the page stays responsive."""
        yield text(SEARCHING)
        try:
            pairs, words = await asyncio.to_thread(self.compared)
        except ValueError as error:
            yield error_note(shown_error(error))
            return
        yield self.shown(pairs, words)

    def compared(self) -> tuple[pd.DataFrame, list[str]]:
        """Return the objects of both runs, and sentences that compare them."""
        a, b = self.names
        pairs = disagreement(held_out(self.first), held_out(self.second), self.truth, self.estimate)
        if pairs.empty:
            return pairs, [f"No object {self.among}: {a} and {b} cannot be compared."]
        only_a, only_b = pairs.attrs["only_a"], pairs.attrs["only_b"]
        alone = f" {only_a:,} more objects of {a} and {only_b:,} of {b} are left out." if only_a or only_b else ""
        if "differs" in pairs:
            apart = f"They differ on {pairs['differs'].sum():,} of {len(pairs):,}."
        else:
            gap = pairs["difference"].abs()
            apart = f"They differ by {short(gap.mean(), 3)} on average, by {short(gap.max(), 3)} at most."
        return pairs, [paired_words(pairs, self.names, self.among), apart + alone]

    def shown(self, pairs: pd.DataFrame, words: list[str]) -> pn.viewable.Viewable:
        """Return the view of what `compared` returned; one that was returned before follows the selection no longer."""
        self.close()
        sentences = text(Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in words))
        if pairs.empty:
            return sentences
        a, b = self.names
        own = [self.estimate, f"{self.estimate}_spread", *_OF_A_RUN, *(_OF_CLASSES if "differs" in pairs else [])]
        facts = self.first.drop(columns=own, errors="ignore").loc[pairs.index]
        worse, both = -pairs["gain"], pairs[["error_a", "error_b"]].min(axis=1, skipna=False)
        judged = pn.Column(*self._cut_field(pairs), pn.bind(lambda cut: self.measures(pairs, cut), self.param.cut))
        parts = [sentences, beside(judged, self.plane(pairs)), self.buttons(pairs), self.pictures(pairs)]
        for head, loss, measure in (
            (f"Where {b} does worst compared with {a}", worse, f"error of {b} minus error of {a}"),
            ("Where both are bad", both, "the smaller error of the two"),
        ):
            parts += [text(Markup("<h3>{}</h3>").format(head)), SlicesView(facts, loss, self.selection, measure)]
        return pn.Column(*parts, sizing_mode="stretch_width")

    def close(self) -> None:
        """Follow the selection no longer."""
        while self._ends:
            self._ends.pop()()

    def _cut_field(self, pairs: pd.DataFrame) -> list[pn.viewable.Viewable]:
        if "differs" in pairs:
            return []
        label = f"Outliers beyond ({self.unit})" if self.unit else "Outliers beyond"
        options = {"label": label, "width": 150, "placeholder": f"3 σ_NMAD of {self.names[0]}", "step": 0.05}
        return [field(self.param.cut, type=pn.widgets.FloatInput, **options)]

    def measures(self, pairs: pd.DataFrame, cut: float | None) -> "ComparedMeasures":
        """Return the measures of both, and who is right where."""
        return ComparedMeasures(pairs, self, cut)

    def plane(self, pairs: pd.DataFrame) -> pn.viewable.Viewable:
        """Draw one prediction against the other; selecting in the plot selects objects."""
        a, b = self.names
        known = pairs.dropna(subset=["estimate_a", "estimate_b"])
        if "differs" in pairs:
            classes = sorted({*known["estimate_a"], *known["estimate_b"]})
            if len(classes) > MOST_VALUES:
                return text(f"More than {MOST_VALUES} classes: no matrix is drawn.")
            counts = pd.crosstab(known["estimate_b"], known["estimate_a"])
            counts = counts.reindex(index=classes, columns=classes, fill_value=0)
            source, plot = count_matrix(counts, axes=(f"Class by {a}", f"Class by {b}"))

            def tapped(x: str | None, y: str | None) -> None:
                if x in classes and y in classes:
                    cell = (known["estimate_a"] == x) & (known["estimate_b"] == y)
                    self.take(self.selection.choose, known.index[cell])

            hv.streams.Tap(source=source).add_subscriber(tapped)
            return drawn(plot.opts(title=f"Classes that changed: {b} against {a}", height=HEIGHT))
        places = known[["estimate_a", "estimate_b"]].to_numpy(float)

        def marked() -> np.ndarray:
            return places[known.index.isin(self.selection.ids)]

        selected = hv.streams.Pipe(data=marked())
        axes = (f"{self.label} by {a}", f"{self.label} by {b}")
        source, plot = against(known, axes, selected)
        watcher = self.selection.param.watch(lambda _: selected.send(marked()), "version")
        self._ends.append(lambda: self.selection.param.unwatch(watcher))

        def boxed(bounds: tuple[float, float, float, float] | None) -> None:
            if bounds is not None:
                left, low, right, high = bounds
                held = (places >= (left, low)).all(axis=1) & (places <= (right, high)).all(axis=1)
                self.take(self.selection.choose, known.index[held])

        def lassoed(geometry: np.ndarray | None) -> None:
            if geometry is not None and len(geometry) >= 3:
                self.take(self.selection.choose, known.index[inside(*places.T, np.asarray(geometry))])

        hv.streams.BoundsXY(source=source).add_subscriber(boxed)
        hv.streams.Lasso(source=source).add_subscriber(lassoed)
        return drawn(plot)

    def orders(self, pairs: pd.DataFrame) -> dict[str, pd.Series]:
        """Return the quantities by which objects can be selected; only positive values count, largest first."""
        apart = pairs["differs"].astype(float) if "differs" in pairs else pairs["difference"].abs()
        by = {"they differ most": apart, f"{self.names[0]} has the smaller error": -pairs["gain"]}
        return by | {f"{self.names[1]} has the smaller error": pairs["gain"]}

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
            return text("No pictures are shown: the images of these runs were not found.")
        apart = next(iter(self.orders(pairs).values()))
        apart = apart[(apart > 0) & apart.index.isin(self.cutouts.catalogue.index)]
        first = pairs.loc[apart.sort_values(ascending=False, kind="stable").index[:_PICTURES]]
        if first.empty:
            return text("Both predict the same for every object that has a picture.")
        captions = first[["estimate_a", "estimate_b", "truth"]]
        what = f"Where they differ most (estimate_a: {self.names[0]}, estimate_b: {self.names[1]}):"
        gallery = Gallery(self.cutouts, captions, self.selection, captions=list(captions), height=230)
        self._ends.append(gallery.close)
        return pn.Column(text(what), gallery.grid, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.body, self.alert, sizing_mode="stretch_width")


class ComparedMeasures(pn.viewable.Viewer):
    """The measures of two predictions, their paired differences, and which objects each gets right.

    Computed in a thread so that the page stays responsive.

    Parameters
    ----------
    pairs : pandas.DataFrame
        From `galviz.measure.compare.disagreement`.
    of : CompareView
        Names, unit and buttons.
    cut : float, optional
        Numbers beyond it are outliers; by default 3 σ_NMAD of the first prediction.
    """

    def __init__(self, pairs: pd.DataFrame, of: CompareView, cut: float | None = None, **params: object) -> None:
        super().__init__(**params)
        self.pairs, self.of, self.cut = pairs, of, cut

    def found(self) -> tuple[pd.DataFrame, dict[str, pd.Index]]:
        """Return the measures, and label → ids of the objects that each prediction gets right."""
        pairs, cut = self.pairs, self.cut
        if "differs" not in pairs:
            known = pairs.dropna(subset=["truth", "estimate_a", "estimate_b"])
            cut = cut or (usual_cut(known["truth"].to_numpy(float), known["estimate_a"].to_numpy(float)) or 0.0)
        return compared_measures(pairs, cut or None), changed(pairs, self.of.names, cut or 0.0)

    async def body(self) -> AsyncIterator[pn.viewable.Viewable]:
        """Yield a progress message, then the table and the buttons."""
        yield text("Computing …")
        measures, groups = await asyncio.to_thread(self.found)
        if measures.empty:
            yield text("The truth of these objects is not known, so nothing can be measured.")
            return
        table = text(compared_html(measures, self.of.names, self.of.unit), sizing_mode="stretch_width")
        lines = [self._line(label, ids) for label, ids in groups.items()]
        yield pn.Column(table, text(Markup("<h3>Objects that changed</h3>")), *lines, sizing_mode="stretch_width")

    def _line(self, label: str, ids: pd.Index) -> pn.viewable.Viewable:
        of = self.of
        button = pn.widgets.Button(
            label="Show these", on_click=lambda _: of.take(of.selection.choose, ids), width=110, disabled=not len(ids)
        )
        return of.line(button, f"{label}: {len(ids):,}")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.body, sizing_mode="stretch_width")


def compared_html(table: pd.DataFrame, names: tuple[str, str], unit: str = "") -> Markup:
    """Return `galviz.measure.compare.compared_measures` as an HTML table."""
    line, rows = Markup("<tr><th scope='row' title='{}'>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>"), []
    for row in table.itertuples():
        name, width = str(row.Index), row.high - row.low
        a, b = (written_measure(name, value, value, value + width, unit)[0] for value in (row.a, row.b))
        digits = max(decimals(width) + 1, 4 if abs(row.a) < 100 else 0) if np.isfinite(width) else 4
        known = np.isfinite([row.difference, row.low, row.high]).all()
        apart = interval_words(row.difference, row.low, row.high, digits) if known else NOT_KNOWN
        rows.append(line.format(row.definition, measure_name(name), a, b, apart))
    head = Markup("<tr><th>Measure</th><th>{}</th><th>{}</th><th>{} − {}, 95 % interval (paired)</th></tr>")
    whole = Markup("<table class='measures'><caption>On the same objects</caption>{}{}</table>")
    return whole.format(head.format(*names, *reversed(names)), Markup("").join(rows))
