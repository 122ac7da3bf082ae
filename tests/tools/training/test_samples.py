"""Progress of a training: sample predictions, the best epoch, what is left."""

import numpy as np
import pandas as pd
import pytest
from finished_runs import TARGET

from galviz.runs.predictions import Predictions
from galviz.tasks.target import Target
from galviz.tools.training.figure import loss_curves
from galviz.tools.training.run_progress import RunView
from galviz.tools.training.samples import sample_pictures, samples_html

SPIRAL = Target("spiral", "classification", ("spiral",), "spiral", classes=("0", "1"), positive="1")


def of_classes(true):
    table = {"spiral": ["1", "0"], "spiral_true": true, "p_0": [0.2, 0.9], "p_1": [0.8, 0.1], "fold": [0, 0]}
    return Predictions(pd.DataFrame(table, index=pd.Index(["<b>", "b"], name="object_id")), SPIRAL)


def test_a_sample_says_what_is_predicted_what_is_true_and_whether_it_is_right():
    html = samples_html(of_classes(["1", "1"]), 3, ["data:a", "data:b"])
    assert "after epoch 3" in html
    right, wrong = html.split("<li>")[1:]
    assert "predicted 1, true 1" in right
    assert "class='right'" in right
    assert "data:a" in right
    assert "predicted 0, true 1" in wrong
    assert "class='wrong'" in wrong
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_a_sample_without_truth_is_neither_right_nor_wrong():
    html = samples_html(of_classes([None, None]), 1)
    assert html.count("true not known") == 2
    assert "class='right'" not in html
    assert "class='wrong'" not in html


def test_numbers_have_no_sign():
    table = pd.DataFrame(
        {"ln_richness": [3.0], "ln_richness_true": [3.5], "fold": [0]}, index=pd.Index(["a"], name="object_id")
    )
    html = samples_html(Predictions(table, TARGET), 1)
    assert "predicted 3, true 3.5" in html
    assert "class='right'" not in html


def test_the_best_epoch_its_loss_and_the_patience_left_are_said(make_run):
    run = make_run("first", "done")
    run.append_metrics(
        {"epoch": 3, "step": 9, "seconds": 3.0, "lr": 1e-3, "train_loss": 0.1, "val_loss": 1.5, "val_mae": 1}
    )
    view = RunView(run.path)
    assert view.best().endswith("epoch <b>2</b>, held-out loss <b>1</b>")  # a run that is done has nothing to beat
    assert "without improvement" not in view.best()  # it does not end early


def test_a_run_that_is_done_shows_the_result_of_its_predictions(make_run, estimates):
    line = RunView(make_run("first", "done", estimates).path).best()
    assert line.endswith("held-out loss <b>1</b> · the saved network: <b>MAE 0.1000 (6 held-out objects)</b>")


def test_the_lowest_held_out_loss_has_a_ring():
    table = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2, 1], "val_loss": [3.0, np.nan, 3.5]})
    ring = next(part for part in loss_curves(table) if part.label == "best epoch")
    assert (ring.dimension_values(0).tolist(), ring.dimension_values(1).tolist()) == ([1.0], [3.0])
    empty = loss_curves(table.drop(columns="val_loss"))
    assert len(next(part for part in empty if part.label == "best epoch")) == 0


@pytest.mark.parametrize("damage", [None, b"nonsense"])
def test_without_samples_it_says_when_they_come(make_run, damage):
    run = make_run("first", "done")
    if damage:
        run.samples.write_bytes(damage)
    assert "after the first epoch" in RunView(run.path).samples()


def test_the_patience_that_is_left_is_said_while_it_runs(make_run):
    run = make_run("first", "running")
    recipe = run.info["recipe"]
    run.update_info(recipe=recipe | {"validation": recipe["validation"] | {"stop_after": 5}})
    row = {"step": 9, "seconds": 3.0, "lr": 1e-3, "train_loss": 0.1, "val_loss": 1.5, "val_mae": 1.0}
    for epoch in (3, 4):
        run.append_metrics(row | {"epoch": epoch})
    assert "stops after 3 more epochs without improvement" in RunView(run.path).best()  # 5 - (4 - 2)


def test_an_object_that_the_sky_lacks_has_no_picture(tiny_sky, tmp_path):
    tiny_sky.save(tmp_path / "sky")
    missing, there = sample_pictures(tmp_path / "sky", ("nobody", str(tiny_sky.object_ids[0])))
    assert missing == ""
    assert there.startswith("data:")
