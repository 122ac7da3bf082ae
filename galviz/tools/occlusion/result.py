"""Summary of a finished occlusion map: which sources it points at, and a sanity check."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.attribution_regions import shares
from galviz.measure.occluders import OCCLUSION, SHAPLEY
from galviz.tools.formatting import text
from galviz.tools.occlusion.meaning import shapley_sums
from galviz.tools.selection.snapshot import BackgroundView
from galviz.work.explanation import Explanation


def result(found: Explanation, row: int, sources: pd.DataFrame) -> pn.viewable.Viewable:
    """Show the summary of a finished map.

    Parameters
    ----------
    found : Explanation
        A finished explanation.
    row : int
        Index of the map that is shown.
    sources : pandas.DataFrame
        Columns x, y, kind.
    """
    table = (shapley_html if found.settings.method == SHAPLEY else shares_html)(found, row, sources)
    return pn.Column(text(table), SanityView(found), sizing_mode="stretch_width")


def save_button(object_id: str, end: str, make: Callable[[], bytes]) -> pn.widgets.FileDownload:
    """Return a button that saves an explanation as a file.

    Parameters
    ----------
    object_id : str
        Object of the explanation, part of the file name.
    end : str
        Suffix of the file.
    make : callable
        Returns the content of the file.
    """
    safe = "".join(one if one.isalnum() or one in "-_" else "_" for one in object_id)
    about = {"filename": f"occlusion_{safe}.{end}", "label": f"Save as {end.upper()}"}
    return pn.widgets.FileDownload(callback=lambda: io.BytesIO(make()), embed=False, width=130, **about)


class SanityView(BackgroundView):
    """Check whether a map depends on the trained weights, or only on the image.

    Parameters
    ----------
    found : Explanation
    """

    outcome_text = param.String(default="", doc="result of the check, or its progress")

    def __init__(self, found: Explanation, **params: object) -> None:
        super().__init__(**params)
        self.found = found

    async def check(self, _: object = None) -> None:
        """Compare the map with that of the same network with shuffled weights, computed in a thread."""
        if self.busy:
            return
        self.param.update(busy=True, error="", outcome_text="computing the map of shuffled weights …")
        done = await self.in_thread(self.found.sane().results)
        self.param.update(busy=False, outcome_text="" if done is None else sanity_text(done[0]))

    def __panel__(self) -> pn.viewable.Viewable:
        about = "the map of shuffled weights must not look like it (Adebayo et al. 2018)"
        button = pn.widgets.Button(label="Sanity check", on_click=self.check, description=about)
        return pn.Column(pn.FlexBox(button, text(self.param.outcome_text), align_items="center"), self._alert)


def sanity_text(correlation: float) -> str | Markup:
    """Return the meaning of a rank correlation with the map of shuffled weights, as HTML."""
    if np.isnan(correlation):
        return "The map is constant: there is nothing to compare."
    sentence = Markup("rank correlation with the map of shuffled weights: <b>{:.2f}</b>").format(correlation)
    return sentence + " (near 0: the map shows what was learned; near 1 or −1: the image alone)"


def shares_html(found: Explanation, row: int, sources: pd.DataFrame) -> Markup:
    """Return an HTML table of the share of the effect near each kind of source, compared with chance."""
    radius = found.settings.radius
    if sources.empty:
        return Markup("<p class='note'>No catalogued or detected sources in this image.</p>")
    table = shares(found.map()[row], sources, radius)
    line = Markup("<tr><th>{}</th><td>{:.0%}</td><td>{:.0%} – {:.0%}</td><td>{}</td></tr>")
    rows = Markup("").join(
        line.format(where, part.effect, part.low, part.high, _beside(part.effect, part.low, part.high))
        for where, part in table.iterrows()
    )
    about = f"Where the effect lies: within {radius:g} px of each source. By chance: the same map, moved at random."
    if found.settings.method == OCCLUSION and found.settings.stride > found.settings.patch:
        about += " The stride is larger than the occluder, so parts of the image were never covered. They do not count."
    head = Markup("<tr><th></th><td>of the effect</td><td>by chance (95 %)</td><td></td></tr>")
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(about, head, rows)


def shapley_html(found: Explanation, row: int, sources: pd.DataFrame) -> Markup:
    """Return an HTML table of the Shapley values of each kind of source."""
    line = Markup("<tr><th>{}</th><td>{}</td><td>{:+.3g}</td><td>{:+.3g}</td></tr>")
    rows = Markup("").join(
        line.format(kind, int(one.number), one.value, one.largest)
        for kind, one in shapley_sums(found, row, sources).iterrows()
    )
    head = Markup("<tr><th></th><td>number</td><td>sum of the values</td><td>largest</td></tr>")
    about = "Shapley values: a fair share of the output for each source; for all bands, they add up to its difference "
    about += "from the baseline."
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(about, head, rows)


def _beside(part: float, low: float, high: float) -> str:
    return "more than by chance" if part > high else "less than by chance" if part < low else "as by chance"
