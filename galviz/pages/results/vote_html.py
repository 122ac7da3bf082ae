"""Text, tables and image sheets for the 37 answers of Galaxy Zoo, question by question."""

import base64
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.pages.results.regression import judged_plots
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, NAMES, QUESTIONS, SLICES, Question
from galviz.tools.formatting import NOT_KNOWN
from galviz.tools.gallery.figure import Sheet
from galviz.tools.votes.figure import prototype_sheet

_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-bottom: 10px }
.of { width: 200px } .of b { font-weight: 600 } .pair { display: flex; gap: 6px }
.one { width: 97px; margin: 0; font-size: 11px; overflow-wrap: anywhere; line-height: 1.25 }
.one div { width: 97px; height: 97px; border-radius: 3px }
"""


def title_of(question: Question) -> str:
    """Return the title of a question: ``"3 · bar"``, or its first answers if it has no topic."""
    first = " / ".join(question.answers[:2]) + " …" * (len(question.answers) > 2)
    return f"{question.number} · {question.topic or first}"


GROUPS = {
    title_of(question): dict(zip(NAMES[part], COLUMNS[part], strict=True))
    for question, part in zip(QUESTIONS, SLICES, strict=True)
}
"""Question → answer in words → Kaggle's column name."""


def answer_plots(answer: str) -> list[Mapping[str, object]]:
    """Return the plots of an answer's predictions against its votes, for an explorer."""
    return judged_plots(f"{answer}_true", answer)


def answer_axes(answer: str) -> dict[str, str]:
    """Return the axis label of each expression in `answer_plots`."""
    first, second = answer_plots(answer)
    name = NAMES[COLUMNS.index(answer)]
    written = {first["x"]: f"True votes, {name}", first["y"]: f"Predicted votes, {name}"}
    return written | {second["y"]: f"Predicted − true votes, {name}"}


def questions_html(table: pd.DataFrame) -> Markup:
    """Return `galviz.measure.votes.question_accuracy`, plus a column ``guess``, as an HTML table."""

    def share(value: float) -> str:
        return NOT_KNOWN if np.isnan(value) else f"{value:.3f}"

    line = Markup("<tr><th scope='row'>{}</th><td>{:,}</td><td>{}</td><td>{} to {}</td><td>{}</td></tr>")
    rows = Markup("").join(
        line.format(title_of(question), row.n, *map(share, (row.accuracy, row.low, row.high, row.guess)))
        for question, row in zip(QUESTIONS, table.itertuples(), strict=True)
    )
    head = Markup(
        "<tr><th>Question</th><th>Objects</th><th>Right</th><th>95 % interval (Wilson)</th><th>Guess</th></tr>"
    )
    caption = "Most voted answer right, where half of the votes reached the question"
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)


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
    sheet = prototype_sheet(cutouts, drawn) if len(drawn) else None
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
