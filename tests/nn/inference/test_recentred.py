import numpy as np
import pandas as pd
import pytest

from galviz import studies
from galviz.cli.main import main
from galviz.nn.inference.recentred import FEWEST, check, recentred
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import inpainting, richness
from galviz.tasks.target import Target

MASS = Target("mass", "regression", ("mass",), "dex")
LARGE = FEWEST + 10
FIELDS = np.array(["near"] * LARGE + ["far"] * LARGE + ["small"] * (FEWEST - 1) + [None])


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Images without anything in them: what is known of the mass is its trend with z."""
    rng, count = np.random.default_rng(0), len(FIELDS)
    z = rng.uniform(0, 1, count)
    catalogue = pd.DataFrame({"z": z, "mass": 9 + z + rng.normal(0, 0.1, count), "plate": FIELDS})
    catalogue.index = pd.Index([f"g{k:03d}" for k in range(count)], name="object_id")
    images = rng.normal(size=(count, 1, 8, 8)).astype(np.float32)
    sky = CutoutSet(images=images, bands=("r",), catalogue=catalogue, pixel_scale=1.0, unit="nanomaggy")
    return CutoutSet.open(sky.save(tmp_path_factory.mktemp("sky") / "sky"))


@pytest.fixture(scope="module", params=["z", ""])
def run(request, sky, tmp_path_factory):
    network = {"width": 2, "stem": "small", "apart": False}
    recipe = Recipe(name="tiny", epochs=1, batch=32, network=network, data={"offset": request.param})
    path = tmp_path_factory.mktemp("runs") / "run"
    return studies.train(Run.create(path, study="own", target=MASS, recipe=recipe, data=str(sky.path)), sky)


def shifted(run, sky):
    """Predictions of the run in which the far field is half a dex too massive."""
    table = studies.predict(run, sky).table
    return Predictions(table.assign(mass=table["mass"] + 0.5 * (sky.catalogue["plate"] == "far")), MASS)


def test_an_error_that_a_field_shares_is_taken_back_and_nothing_else_changes(run, sky):
    given = shifted(run, sky)
    found = recentred(given, [run], sky, "plate").table
    shift = found["mass_shift"]
    fields = sky.catalogue["plate"]
    np.testing.assert_allclose(found["mass"] - given.table["mass"], shift, atol=1e-12)
    difference = shift[fields == "near"].mean() - shift[fields == "far"].mean()
    assert difference == pytest.approx(0.5, abs=0.1)
    assert np.ptp(shift[fields == "far"]) == 0
    assert (shift[~fields.isin(["near", "far"])] == 0).all()
    truth = sky.catalogue["mass"]
    residual = (found["mass"] - truth)[fields == "far"]
    assert abs(residual.mean()) < 0.1


KIND = Target("kind", "classification", ("kind",), "", classes=("a", "b"))


@pytest.mark.parametrize(
    ("target", "recipe", "message"),
    [
        (KIND, "quick", "a regression of one number, got classification of kind"),
        (inpainting.TARGET, "quick", "a network that knows the mean of its target, got run of quick"),
        (richness.TARGET, "paper", "a network that knows the mean of its target, got run of paper"),
    ],
)
def test_what_cannot_be_recentred_is_refused_before_anything_is_predicted(target, recipe, message, sky, tmp_path):
    study = inpainting if target is inpainting.TARGET else richness
    run = Run.create(tmp_path / "run", study="own", target=target, recipe=study.RECIPES[recipe], data="sky")
    with pytest.raises(ValueError, match=f"recentre: expected {message}"):
        check([run], sky.catalogue, "plate")


def test_the_command_shifts_and_names_a_column_that_is_not_there(run, sky, tmp_path, capsys):
    command = ["predict", str(run.path), "--data", str(sky.path), "--out", str(tmp_path / "out.parquet")]
    assert main([*command, "--recentre", "plaet"]) == 2
    assert "recentre: expected a column of the catalogue, got 'plaet'" in capsys.readouterr().err
    assert main([*command, "--recentre", "plate"]) == 0
    assert Predictions.open(tmp_path / "out.parquet").table["mass_shift"].nunique() == 3
