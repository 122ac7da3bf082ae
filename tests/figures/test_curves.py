import holoviews as hv
import numpy as np
import pandas as pd

from galviz.figures.curves import loss_curves, metric_curves, metric_names


def test_curves_follow_the_metrics():
    metrics = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "val_loss": [4.0, 3.5], "val_mae": [0.5, 0.25]})
    figure = hv.render(loss_curves(metrics))
    lines = [r.data_source.data for r in figure.renderers if type(r.glyph).__name__ == "Line"]
    assert {tuple(v) for line in lines for k, v in line.items() if k != "epoch"} == {(3.0, 2.0), (4.0, 3.5)}
    figure = hv.render(metric_curves(metrics, "ln λ"))
    assert figure.yaxis[0].axis_label == "MAE (ln λ)"
    assert metric_names(metrics) == ["val_mae"]


def test_curves_of_thousands_of_epochs_are_thinned_and_say_so():
    epoch = np.arange(1, 2_342)
    figure = hv.render(loss_curves(pd.DataFrame({"epoch": epoch, "train_loss": 1 / epoch, "val_loss": 2 / epoch})))
    assert figure.title.text == "Loss, every 5 epochs"
    drawn = figure.renderers[0].data_source.data["epoch"]
    assert len(drawn) <= 500
    assert drawn[-1] == 2_341
    np.testing.assert_array_equal(np.diff(drawn), 5)


def test_curves_of_a_training_that_has_just_begun():
    assert hv.render(loss_curves(pd.DataFrame()))
    assert hv.render(metric_curves(pd.DataFrame({"epoch": [], "val_accuracy": []})))
