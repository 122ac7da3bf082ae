"""Figures of all 37 Galaxy Zoo answers, and a prototype of each; drawn on request."""

import base64
from collections.abc import Callable, Mapping

import holoviews as hv
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.pages.results.vote_answers import title_of
from galviz.pages.results.vote_measures import VoteMeasures
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, NAMES, QUESTIONS, SLICES
from galviz.tools.formatting import drawn, note, text
from galviz.tools.gallery.figure import Sheet
from galviz.tools.selection.core import Selection
from galviz.tools.votes import figure as figures

_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-bottom: 10px }
.of { width: 200px } .of b { font-weight: 600 } .pair { display: flex; gap: 6px }
.one { width: 97px; margin: 0; font-size: 11px; overflow-wrap: anywhere; line-height: 1.25 }
.one div { width: 97px; height: 97px; border-radius: 3px }
"""


class VoteFigures(pn.viewable.Viewer):
    """Figures of the 37 answers in collapsed cards, each drawn on first use.

    Parameters
    ----------
    measures : VoteMeasures
        Provides the objects to draw.
    selection : Selection
        Selection that a click on "Select these" changes.
    cutouts : CutoutSet, optional
        Images of the objects.
    """

    def __init__(
        self, measures: VoteMeasures, selection: Selection, cutouts: CutoutSet | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        self.of, self.selection, self.cutouts = measures, selection, cutouts
        self.cards = {
            "Predicted against true, answer by answer": self.panels,
            "Histograms of the votes, labels and predictions": self.histograms,
            "Correlation of the answers": self.correlations,
            "Prototypes: the object with the highest vote for each answer": self.prototypes,
        }

    def panels(self) -> pn.viewable.Viewable:
        """Draw predicted against true vote fractions, one panel per answer."""
        return drawn(figures.truth_panels(self.of.truth, self.of.estimate, self.of.mean))

    def histograms(self) -> pn.viewable.Viewable:
        """Draw histograms of the vote fractions, labels and predictions."""
        known = self.of.known
        if known.any():
            return drawn(figures.vote_histograms(self.of.truth[known], self.of.estimate[known]))
        words = note("Of the predictions: no labels are known.")
        return pn.Column(words, drawn(figures.vote_histograms(self.of.estimate)), sizing_mode="stretch_width")

    def correlations(self) -> pn.viewable.Viewable:
        """Draw the correlation matrix of the answers: of labels, predictions, or their difference."""
        known = self.of.known
        found = {"predictions": figures.correlation(self.of.estimate[known] if known.any() else self.of.estimate)}
        if known.any():
            found = {"labels": figures.correlation(self.of.truth[known])} | found
            found["predictions − labels"] = found["predictions"] - found["labels"]
        which = pn.widgets.RadioButtonGroup(options=list(found), value=next(iter(found)), align="start")

        def matrix(name: str) -> hv.Overlay:
            return figures.correlation_matrix(found[name], f"Correlation of answers: {name}")

        return pn.Column(which, drawn(pn.bind(matrix, which)), sizing_mode="stretch_width")

    def prototypes(self) -> pn.viewable.Viewable:
        """Show the object with the highest vote for each answer, by labels and by predictions."""
        votes = {"labels": self.of.truth, "predictions": self.of.estimate}
        found = {
            name: figures.prototypes(pd.DataFrame(each, index=self.of.ids, columns=COLUMNS))
            for name, each in votes.items()
        }
        both = pd.concat(found, names=["by"])
        choose = pn.widgets.Button(
            label="Select these", on_click=lambda _: self.selection.choose(both["object_id"].unique())
        )
        return pn.Column(choose, text(prototypes_html(both, self.cutouts), sizing_mode="stretch_width"))

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*(lazy_card(title, make) for title, make in self.cards.items()), sizing_mode="stretch_width")


def lazy_card(title: str, make: Callable[[], pn.viewable.Viewable]) -> pn.Card:
    """Return a collapsed card whose content is built when it is first opened."""
    card = pn.Card(title=title, collapsed=True, sizing_mode="stretch_width")

    def opened(_: object) -> None:
        if not len(card):
            card[:] = [make()]

    card.param.watch(opened, "collapsed")
    return card


def prototypes_html(found: pd.DataFrame, cutouts: CutoutSet | None) -> Markup:
    """Return the prototypes as HTML, question by question.

    Parameters
    ----------
    found : pandas.DataFrame
        As returned by `galviz.tools.votes.figure.prototypes`, with a first index level ``by``: labels or predictions.
    cutouts : CutoutSet, optional
        Images of some or all objects.
    """
    there = () if cutouts is None else cutouts.catalogue.index
    drawn = found[found["object_id"].isin(there)].drop_duplicates("object_id").reset_index(drop=True)
    sheet = figures.prototype_sheet(cutouts, drawn) if len(drawn) else None
    tiles = {} if sheet is None else {one: _tile(sheet, k, len(drawn)) for k, one in enumerate(drawn["object_id"])}
    parts = [Markup("<style>{}{}</style>").format(_CSS, _picture(sheet))]
    for question, part in zip(QUESTIONS, SLICES, strict=True):
        every = [_answer(found, answer, name, tiles) for answer, name in zip(COLUMNS[part], NAMES[part], strict=True)]
        row = Markup("<h3>{}</h3><div class='row'>{}</div>")
        parts.append(row.format(title_of(question), Markup("").join(every)))
    return Markup("").join(parts)


def _answer(found: pd.DataFrame, answer: str, name: str, tiles: Mapping[str, Markup]) -> Markup:
    """Return the HTML of one answer: its name, and its prototypes by labels and by predictions."""
    rows = found[found.index.get_level_values("answer") == answer]
    one = Markup("<figure class='one'>{}<figcaption>{} {:.2f}<br><span class='note'>{}</span></figcaption></figure>")
    each = Markup("").join(
        one.format(tiles.get(row.object_id, ""), row.Index[0], row.fraction, row.object_id) for row in rows.itertuples()
    )
    none = Markup("<span class='note'>no votes at all</span>")
    return Markup("<div class='of'><b>{}</b><div class='pair'>{}</div></div>").format(name, each or none)


def _picture(sheet: Sheet | None) -> str:
    if sheet is None:
        return ""
    return f".sheet {{ background-image: url(data:image/png;base64,{base64.b64encode(sheet.png).decode()}) }}"


def _tile(sheet: Sheet, k: int, count: int) -> Markup:
    """Return the HTML of the k-th of `count` tiles: the whole sheet as background, shifted and clipped."""
    rows = -(-count // sheet.columns)
    across = 100 * (k % sheet.columns) / max(sheet.columns - 1, 1)
    down = 100 * (k // sheet.columns) / max(rows - 1, 1)
    size = f"background-size: {100 * sheet.columns}% {100 * rows}%"
    place = f"{size}; background-position: {across:.4f}% {down:.4f}%"
    return Markup("<div class='sheet' style='{}'></div>").format(place)
