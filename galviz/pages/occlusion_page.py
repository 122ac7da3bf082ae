"""The occlusion page: explain the predictions of any finished run for any object of its sky."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.followers import Followers
from galviz.pages.library import Library, open_predictions, open_sky
from galviz.pages.results.results import trained_on
from galviz.pages.shell import page_template
from galviz.pages.state import Finder, query, write_query
from galviz.pages.why import WhyView
from galviz.pages.workspace import Section, Workspace, drawer, fills, scrolls
from galviz.runs.best_fits import is_gan
from galviz.runs.predictions import joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, error_note, field, shown_error, text
from galviz.tools.selection.core import Selection

_HELP = Markup(
    "<p>No finished run yet. Train one, for example on the page of richness, or by <code>galviz train</code>.</p>"
)


class OcclusionPage(Workspace):
    """Select a run and an object, and see which parts of the image its prediction depends on.

    Parameters
    ----------
    library : Library
    """

    run = param.Selector(default="", objects=[""], label="Run")
    made = param.Integer(default=0, doc="grows when another run is shown, or cannot be shown")

    def __init__(self, library: Library, **params: object) -> None:
        super().__init__(**params)
        self.library, self.shown, self.selection = library, None, Selection(focus=query().get("object"))
        done = [name for name, run in library.runs()[0].items() if explainable(run)]
        given = self.library.run_folders[:-1]  # runs named on the command line come first
        found = self.library.runs()[0]
        done.sort(key=lambda name: not {found[name].path, found[name].path.parent} & set(given))
        self.param.run.objects = done or [""]
        self.run = query().get("run") if query().get("run") in done else self.param.run.objects[0]
        self.selection.param.watch(self._write, "focus")
        self._followers = Followers(self.selection)

    @param.depends("run")
    def body(self) -> pn.viewable.Viewable:
        """Return the view of the selected run."""
        if self.shown is not None:
            self.shown.close()
        self._followers.release()
        self.shown = None  # also where the new run cannot be opened: the drawer must not stay that of the old one
        view = self._view()
        self.made += 1
        return view.main() if isinstance(view, WhyView) else scrolls(view)

    def _view(self) -> pn.viewable.Viewable:
        path = self.library.run_path(self.run)
        if path is None:
            return text(_HELP)
        try:
            run = Run.open(path)
            cutouts = open_sky(run.data)
            table = known_of(run, cutouts)
        except REFUSED as error:
            return error_note(shown_error(error))
        self.selection.show(table)
        self.shown = WhyView(run, cutouts, self.selection)
        self.shown.heading = [trained_on(run, cutouts)]
        self._keep()
        return self.shown

    @param.depends("run", watch=True)
    def _remember(self) -> None:
        write_query(run=self.run)

    def _keep(self) -> None:
        """Read the settings from the address, and update the address when they change."""
        request = self.shown.one.request
        with suppress(ValueError, TypeError, AttributeError):  # invalid settings are ignored
            request.restore(json.loads(query().get("asked", "{}")))

        request.param.watch(self._write, request.names)

    def _write(self, *_: param.parameterized.Event) -> None:
        given = {"run": self.run, "object": self.selection.focus or ""}
        if self.shown is not None:
            request = self.shown.one.request
            now = {name: getattr(request, name) for name in request.names}
            given["asked"] = json.dumps(now, separators=(",", ":"))
        write_query(**given)

    def main(self) -> pn.viewable.Viewable:
        """Return the view of the selected run."""
        return fills(self.body)

    @param.depends("made")
    def _right(self) -> pn.Column:
        return drawer(self.shown, "right")

    def right(self) -> list[Section]:
        """Return the settings of the selected run's map, and what it says."""
        return [Section("", pn.Column(self._right, sizing_mode="stretch_width"))]

    def bar(self) -> list[Any]:
        """Return the choice of a run and the search for an id, which stand in the top bar."""
        return [field(self.param.run, width=220, margin=(9, 5, 5, 5)), Finder(self.selection)]


def explainable(run: Run) -> bool:
    """Return whether a run is a trained network from images to outputs; runs of best fits are not."""
    return run.weights.exists() and "build" in run.info and not is_gan(run.recipe)


def known_of(run: Run, cutouts: CutoutSet) -> pd.DataFrame:
    """Return the predictions of a run joined with the catalogue, or the catalogue alone."""
    predictions = open_predictions(run)
    return cutouts.catalogue if predictions is None else joined(predictions, cutouts)


def occlusion_page(paths: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        Skies, runs or folders of them, in addition to those in `galviz.io.paths.home`.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers.
    """

    def content() -> pn.viewable.Viewable:
        try:
            return OcclusionPage(Library.find(paths))
        except REFUSED as error:
            return pn.Column(error_note(shown_error(error)), OcclusionPage(Library.find()))

    return page_template("occlusion", content)
