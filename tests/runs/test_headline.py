"""The number that a run is known by: of its predictions, or of its best epoch."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.epochs import best_epoch
from galviz.runs.headline import Headline, headline
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RECIPE = Recipe(
    name="quick", epochs=3, batch=4, network={"width": 4}, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}}
)
MASS = Target("mass", "regression", ("mass",), "mass", unit="dex")
KIND = Target("kind", "classification", ("kind",), "kind", classes=("E", "S"))
VOTES = Target("ring", "votes", ("smooth", "ring"), "ring")
BAND = Target("band", "pretext", (), "band")
FOLD = pd.array([0, 0, -1, None], dtype="Int64")  # the third was seen in training
INDEX = pd.Index(["a", "b", "c", "d"], name="object_id")

TABLES = {
    MASS: {"mass": [1.0, 2.0, 9.0, 4.0], "mass_true": [1.5, 2.0, 0.0, np.nan]},
    KIND: {"kind": ["E", "E", "S", "S"], "kind_true": ["E", "S", "E", "S"], "p_E": 0.5, "p_S": 0.5},
    VOTES: {"smooth": 0.0, "ring": [0.1, 0.2, 0.3, 0.4], "smooth_true": 1.0, "ring_true": [0.2, 0.2, 0.9, 0.6]},
}


@pytest.fixture
def run_of(tmp_path):
    """Maker of a run of a target with three epochs, of which the second is the best."""

    def make(target):
        run = Run.create(tmp_path / "run", study="own", target=target, recipe=RECIPE, data=tmp_path)
        for epoch, loss, right, error in ((1, 3.0, 0.9, 0.1), (2, 1.0, 0.75, 0.25), (3, 2.0, 0.8, 0.2)):
            row = {"epoch": epoch, "val_loss": loss, "val_mae": error}
            run.append_metrics(row if target.task == "regression" else row | {"val_accuracy": right})
        return run

    return make


@pytest.mark.parametrize(
    ("target", "while_training", "predicted"),
    [
        (MASS, "MAE 0.2500 dex", Headline("MAE", 0.25, "dex", "2 held-out objects", saved=True)),
        (KIND, "accuracy 0.7500", Headline("accuracy", 2 / 3, "", "3 held-out objects", saved=True)),
        (VOTES, "MAE of 2 columns 0.2500", Headline("MAE of ring", 0.1, "", "3 held-out objects", saved=True)),
    ],
)
def test_predictions_have_the_number_and_before_them_the_best_epoch(run_of, target, while_training, predicted):
    run = run_of(target)
    assert str(headline(run)) == f"{while_training} (best epoch, while training)"
    predictions = Predictions(pd.DataFrame(TABLES[target] | {"fold": FOLD}, index=INDEX), target)
    run.save_predictions(predictions)
    found = headline(run)
    assert found._replace(value=0) == predicted._replace(value=0)
    assert found.value == pytest.approx(predicted.value)
    assert found.value == predictions.held_out().with_truth().summary()["value"].iloc[0]


def test_new_predictions_have_a_new_number(run_of):
    run, table = run_of(MASS), pd.DataFrame(TABLES[MASS] | {"fold": FOLD}, index=INDEX)
    for error in (0.5, 1.0):
        run.save_predictions(Predictions(table.assign(mass=table["mass_true"].fillna(0) + error), MASS))
        assert headline(run).value == pytest.approx(error)


def test_images_of_an_object_count_once_as_an_object(run_of):
    index = pd.MultiIndex.from_product([["a", "b"], ["g", "r"]], names=["object_id", "band"])
    columns = {"band_pred": ["g", "r", "r", "r"], "band_true": ["g", "r", "g", "r"], "fold": 0}
    run = run_of(BAND)
    run.save_predictions(Predictions(pd.DataFrame(columns, index=index), BAND))
    assert str(headline(run)) == "accuracy 0.7500 (2 held-out objects)"


def test_without_held_out_objects_there_is_no_number(run_of, tmp_path):
    run = run_of(MASS)
    run.save_predictions(Predictions(pd.DataFrame(TABLES[MASS] | {"fold": -1}, index=INDEX), MASS))
    assert headline(run) is None
    assert headline(Run.create(tmp_path / "new", study="own", target=MASS, recipe=RECIPE, data=tmp_path)) is None
    assert best_epoch(pd.DataFrame({"epoch": [1], "val_loss": [np.nan]})) is None


def test_damaged_predictions_are_an_error(run_of):
    run = run_of(MASS)
    (run.path / "predictions.parquet").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"predictions\.parquet"):
        headline(run)
