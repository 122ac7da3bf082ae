"""What tests of tools and pages share: a home with a sky and finished runs, made without training."""

from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
import pytest

from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

TARGET = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BAND = Target("band", "pretext", (), "band")
RECIPE = Recipe(
    name="quick", epochs=2, batch=4, network={"width": 4}, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}}
)


def pytest_configure(config: pytest.Config) -> None:
    """Bokeh 3.9 and Panel 1.9 change tables in place, which pandas 3.1 deprecates."""
    config.addinivalue_line("filterwarnings", "ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.fixture(autouse=True, scope="session")
def panel_extension() -> None:
    pn.extension("tabulator")


@pytest.fixture
def estimates(sky: CutoutSet) -> Predictions:
    """Estimates of ln λ that are 0.1 too high; every other object was seen in training."""
    truth = TARGET.truth(sky.catalogue)[:, 0]
    fold = np.where(np.arange(len(sky)) % 2, -1, 0)
    rows = {"ln_richness": truth + 0.1, "ln_richness_true": truth, "fold": fold}
    return Predictions(pd.DataFrame(rows, index=sky.catalogue.index), TARGET)


@pytest.fixture
def told_bands(sky: CutoutSet) -> Predictions:
    """Bands: every image is taken for the band that it is, but u for g."""
    index = pd.MultiIndex.from_product([sky.object_ids, sky.bands], names=["object_id", "band"])
    true = index.get_level_values("band").to_numpy(object)
    given = np.where(true == "u", "g", true)
    chances = {f"p_{band}": (given == band).astype(float) for band in sky.bands}
    fold = np.repeat(np.where(np.arange(len(sky)) % 2, -1, 0), len(sky.bands))
    return Predictions(
        pd.DataFrame({"band_pred": given, "band_true": true, **chances, "fold": fold}, index=index), BAND
    )


@pytest.fixture
def recipe() -> Recipe:
    """A recipe with a field of every type."""
    return RECIPE


@pytest.fixture
def make_run(galviz_home: Path):
    """Maker of run folders: ``make_run(name, status, predictions)``."""

    def make(name: str, status: str = "done", predictions: Predictions | None = None) -> Run:
        run = Run.create(
            galviz_home / "runs" / name,
            study="richness",
            target=TARGET,
            recipe=RECIPE,
            data=galviz_home / "skies" / "tiny",
        )
        for epoch in (1, 2):
            row = {"epoch": epoch, "step": 3 * epoch, "seconds": 1.0 * epoch, "lr": 1e-3, "train_loss": 1.0 / epoch}
            run.append_metrics(row | {"val_loss": 2.0 / epoch, "val_mae": 0.5 / epoch})
        run.write_state(status=status, epoch=2, epochs=4, step=6, steps=12, eta_s=65.0, device="cpu", memory_mb=700)
        if predictions is not None:
            run.update_info(target=predictions.target.to_json())
            run.save_predictions(predictions)
        return run

    return make


@pytest.fixture
def sky(galviz_home: Path, tiny_sky: CutoutSet) -> CutoutSet:
    """The tiny sky, saved in the home as ``tiny``."""
    tiny_sky.save(galviz_home / "skies" / "tiny")
    return tiny_sky


@pytest.fixture
def bring():
    """Uploader of files, as a browser does: ``bring(page, name, content)`` brings one to a page with an `Upload`."""

    def make(page: pn.viewable.Viewer, name: str, content: bytes, piece: int = 1000) -> None:
        wanted: list[dict] = []
        page.upload._send_msg = wanted.append
        page.upload._handle_msg({"type": "begin", "name": name, "size": len(content)})
        while (number := wanted[-1]["number"]) > 0:
            at = wanted[-1]["at"]
            page.upload._handle_msg({"type": "piece", "number": number, "at": at, "piece": content[at : at + piece]})

    return make
