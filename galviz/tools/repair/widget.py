"""Inpainting as a notebook widget; hidden bands and results are traitlets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from galviz.io.markup import as_html
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.repair.core import SETTINGS, Repair
from galviz.tools.repair.html import fluxes_html, pictures_html, progress_html

_FIRST = 2


class RepairWidget(anywidget.AnyWidget):
    """Hide bands of some objects and watch best fits fill them in. Setting a traitlet starts new fits.

    Parameters
    ----------
    run : Run or str or Path
        A finished run of the study inpainting.
    cutouts : CutoutSet, optional
        By default the sky that the run was trained on.

    Attributes
    ----------
    object_ids : list of str
        By default the first two objects.
    off : list of str
        Bands hidden from the fits.
    steps, restarts, polish, prior, weighting : int, int, int, float, str
        Settings of `galviz.runs.recipe.Fit`, by default those of the run.
    step : int
        Number of steps done.
    status : str
        running, done, cancelled or failed.
    table : pandas.DataFrame
        The filled-in fluxes, from `galviz.tools.repair.core.Repair.table`.
    found : Repair
        Provides images, losses, and the cutouts with filled-in bands.
    """

    _esm = script(Path(__file__))
    _css = Path(__file__).parents[1] / "text.css"

    object_ids = traitlets.List(traitlets.Unicode())
    off = traitlets.List(traitlets.Unicode()).tag(sync=True)
    steps = traitlets.Int()
    restarts = traitlets.Int()
    polish = traitlets.Int()
    prior = traitlets.Float()
    weighting = traitlets.Unicode()
    step = traitlets.Int(0, read_only=True)
    status = traitlets.Unicode("", read_only=True)
    table = traitlets.Instance(pd.DataFrame, read_only=True)
    bands = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    progress = traitlets.Unicode(read_only=True).tag(sync=True)
    pictures = traitlets.Unicode(read_only=True).tag(sync=True)
    running = traitlets.Bool(default_value=False, read_only=True).tag(sync=True)

    def __init__(self, run: Run | str | Path, cutouts: CutoutSet | None = None, **traits: Any) -> None:
        if unknown := sorted(set(traits) - set(self.traits())):
            raise TypeError(f"{unknown[0]}: expected one of the widget's traits, got an unknown argument.")
        self.run = run if isinstance(run, Run) else Run.open(run)
        self.cutouts = CutoutSet.open(self.run.data) if cutouts is None else cutouts
        self.found: Repair | None = None
        first = {"object_ids": list(self.cutouts.object_ids[:_FIRST]), "off": [self.cutouts.bands[0]]}
        fit = {name: getattr(self.run.recipe.fit, name) for name in SETTINGS}
        super().__init__(**(first | fit | traits))
        self.set_trait("bands", list(self.cutouts.bands))
        self.on_msg(lambda _, message, __: self.cancel() if message == "cancel" else self.fit())
        self.observe(lambda _: self.fit(), ("object_ids", "off", *SETTINGS))
        self.fit()

    @traitlets.validate("object_ids", "off")
    def _known(self, proposal: Mapping[str, Any]) -> list[str]:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "object_ids":
            self.cutouts.row_of(value)
            if not value:
                raise ValueError("object_ids: expected at least one, got none.")
        elif unknown := sorted(set(value) - set(self.cutouts.bands)):
            raise ValueError(f"off: expected some of {', '.join(self.cutouts.bands)}, got {unknown[0]!r}.")
        elif set(value) >= set(self.cutouts.bands):
            raise ValueError("off: expected a band left for the fit, got all of them.")
        return value

    @traitlets.validate(*SETTINGS)
    def _allowed(self, proposal: Mapping[str, Any]) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        return getattr(self.run.recipe.fit.replace(**{name: value}), name)

    def fit(self) -> None:
        """Start new fits; running ones are cancelled."""
        self.cancel()
        fit = {name: getattr(self, name) for name in SETTINGS}
        self.found = Repair(self.run, self.cutouts, self.object_ids, self.off, on_change=self._poll, **fit)
        self._poll()

    def cancel(self) -> None:
        """Cancel the fits; what was received so far stays."""
        if self.found is not None:
            self.found.cancel()

    def wait(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait until the fits end, and return the table; raises as `galviz.tools.repair.core.Repair.wait` does."""
        self.found.wait(timeout)
        self._poll()
        return self.table

    def _poll(self) -> None:
        found = self.found
        if found is None:
            return
        table = found.table()
        values = {"step": found.step, "status": found.status, "running": found.status == "running", "table": table}
        values |= {"progress": as_html(progress_html(found))}
        values |= {"pictures": as_html(pictures_html(found) + fluxes_html(table))}
        for name, value in values.items():
            self.set_trait(name, value)
