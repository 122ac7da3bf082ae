"""The latents tab: a map of which galaxies a network finds similar, with thumbnails, linked to an explorer."""

from functools import lru_cache
from pathlib import Path

import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer, labels_of
from galviz.pages.library import open_predictions
from galviz.pages.results.view import judged_plots
from galviz.pages.saved_views import ViewState
from galviz.pages.workspace import Section, Workspace, fills, scrolls
from galviz.runs.best_fits import LATENTS, is_gan
from galviz.runs.latents import PLACES, SAVED, SAVED_PLACES, LatentMap, latent_table
from galviz.runs.run import ACTIVE, Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, error_note, shown_error, text
from galviz.tools.selection.core import Selection
from galviz.tools.thumbnails.view import ThumbnailsView

_NAMES = {SAVED[0]: "a saved UMAP", SAVED[1]: "a saved map"}
_NONE = Markup("""<p><b>{name}</b> has no latents{yet}. A training of the study inpainting finds them when it ends, for
every object of its sky: start one in the tab Train, or with
<code>galviz train inpainting --data SKY --out RUN</code>, and
choose it here.</p>""")
_OF_IMAGES = Markup("<p><b>{name}</b> has no latents: only runs of best fits have them. Choose one of those.</p>")


class LatentsView(Workspace):
    """The map of a run's latents: thumbnails on it, and the explorer of all objects.

    Parameters
    ----------
    run : Run
        A run of the study inpainting.
    cutouts : CutoutSet or None
        The sky of the run; without it there are no images and no catalogue columns.
    selection : Selection
        Selection of the page. It shows the objects of the map from now on.

    Attributes
    ----------
    explorer : Explorer or None
        None if there are no latents, or they cannot be read.
    thumbnails : ThumbnailsView or None
    """

    def __init__(self, run: Run, cutouts: CutoutSet | None, selection: Selection, **params: object) -> None:
        super().__init__(**params)
        self.run, self.cutouts, self.selection = run, cutouts, selection
        self.explorer: Explorer | None = None
        self.thumbnails: ThumbnailsView | None = None
        self._error, path = "", run.path / LATENTS
        if path.is_file():
            try:
                self._make(open_latents(path))
            except REFUSED as error:
                self._error = shown_error(error)

    def _make(self, found: LatentMap) -> None:
        self.found, predictions = found, open_predictions(self.run)
        table = latent_table(found, self.cutouts, predictions)
        columns = {name: f"Principal component {k + 1} ({found.shares[k]:.0%})" for k, name in enumerate(PLACES)}
        columns |= {name: f"{found.saved}, axis {k + 1}" for k, name in enumerate(SAVED_PLACES)}
        judged = ("", "") if predictions is None else (predictions.truth_column, predictions.estimate_column)
        if predictions is not None:
            label = predictions.target.label_learned
            columns |= dict(zip(judged, (f"True {label}", f"Estimated {label}"), strict=True))
        first = {"kind": "scatter", "x": PLACES[0], "y": PLACES[1], "colour": colour_of(table)}
        more = {"columns": columns, "labels": labels_of(self.run.data), "run": self.run, "opening": self._opening()}
        plots = [first, second_plot(table, first["colour"], *judged)]
        self.explorer = Explorer(table, self.cutouts, selection=self.selection, plots=plots, **more)
        self._kept = ViewState(self.explorer, "latents", of=self.run.name, target=self.run.target)
        if self.cutouts is not None:
            self.thumbnails = ThumbnailsView(self.explorer.plots[0], self.cutouts, self.explorer.gallery.stretch_view)

    def _opening(self) -> str:
        """Return the Python lines that make the table shown."""
        sky = self.cutouts is not None
        lines = ["from galviz.runs.run import Run", *["from galviz.sky.cutouts import CutoutSet"] * sky]
        lines += [
            "from galviz.runs.latents import LatentMap, latent_table",
            "",
            f"run = Run.open({str(self.run.path)!r})",
        ]
        lines += [f"found = LatentMap.open(run.path / {LATENTS!r})"]
        return "\n".join(
            [*lines, f"table = latent_table(found, {'CutoutSet.open(run.data)' if sky else None}, run.predictions())"]
        )

    def show(self, names: tuple[str, str]) -> None:
        """Draw other columns in the first plot; the thumbnails follow."""
        self.explorer.plots[0].param.update(kind="scatter", x=names[0], y=names[1])

    def about(self) -> Markup:
        """Return a description of the map."""
        count, (first, second) = len(self.explorer.table), self.found.shares
        where = f"by the first two principal components of their latents ({first:.0%} and {second:.0%} of the variance)"
        near = "Objects close together look similar to the network."
        tap = "" if self.thumbnails is None else "A tap on a thumbnail brings its object into focus. "
        rest = f"{where}. {near} {tap}Objects selected in one plot are marked in all."
        return Markup("<b>{:,} objects</b> {}").format(count, rest)

    def main(self) -> pn.viewable.Viewable:
        """Return the map and the explorer, or why there is none."""
        if self._error:
            return error_note(self._error)
        if self.explorer is None:
            if not is_gan(self.run.recipe):
                return text(_OF_IMAGES.format(name=self.run.name))
            yet = " yet: it has not ended" if self.run.state()["status"] in {"created", *ACTIVE} else ""
            return text(_NONE.format(name=self.run.name, yet=yet))
        if self.thumbnails is not None:
            self.explorer.leads = {"Map": lambda: scrolls(self.thumbnails)}
        return fills(pn.FlexBox(text(self.about()), *self._maps()), self._kept.refused, self.explorer.main())

    def left(self) -> list[Section]:
        """Return the selection and the saved views."""
        kept = [] if self.explorer is None else [Section("Saved views", self._kept, shut=True)]
        return [] if self.explorer is None else [*self.explorer.left(), *kept]

    def right(self) -> list[Section]:
        """Return the settings of the explorer."""
        return [] if self.explorer is None else self.explorer.right()

    def _maps(self) -> list[pn.viewable.Viewable]:
        """Return buttons to switch between maps, if there is more than one."""
        if not self.found.saved:
            return []
        maps = {"principal components": PLACES, f"{_NAMES[self.found.saved]} ({self.found.saved})": SAVED_PLACES}
        buttons = [
            pn.widgets.Button(label=f"Show {name}", on_click=lambda _, names=names: self.show(names))
            for name, names in maps.items()
        ]
        return [pn.FlexBox(*buttons)]


def colour_of(table: pd.DataFrame) -> str:
    """Return the column that colours the objects at first: a redshift if known, else a magnitude, preferably r."""
    magnitudes = [name for name in table.columns if str(name).startswith("mag_")]
    names = ["z", "mag_r", *magnitudes]
    return next((name for name in names if name in table and table[name].notna().any()), "")


def second_plot(table: pd.DataFrame, colour: str, truth: str = "", estimate: str = "") -> dict[str, str]:
    """Return the plot next to the map: estimates against the truth if both are known, else a histogram."""
    if truth in table and table[truth].notna().any():
        return dict(judged_plots(truth, estimate)[0])
    return {"kind": "histogram", "x": colour or PLACES[0]}


def open_latents(path: Path) -> LatentMap:
    """Open the latents of a run, cached per process until they, or a saved map next to them, change."""
    files = [path, *(path.parent / name for name in SAVED)]
    return _latents(path, tuple(file.stat().st_mtime_ns for file in files if file.is_file()))


@lru_cache(maxsize=4)
def _latents(path: Path, _stamps: tuple[int, ...]) -> LatentMap:
    return LatentMap.open(path)
