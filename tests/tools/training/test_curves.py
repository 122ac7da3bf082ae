import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param
import pytest
from bokeh.plotting import figure

from galviz.tasks.target import Target
from galviz.tools.formatting import drawn
from galviz.tools.training.figure import column_plot, loss_curves, metric_curves, metric_names, run_curves
from galviz.tools.training.run_progress import RunView


def test_the_small_plot_of_a_column_has_few_numbers_on_its_axis():
    column = pd.Series(np.random.default_rng(0).normal(size=160), name="z")
    figure = hv.render(column_plot(column, Target("z", "regression", ("z",), "z")))
    assert (figure.height, figure.yaxis[0].ticker.desired_num_ticks) == (150, 3)  # six and more touch each other


def test_curves_follow_the_metrics():
    metrics = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "val_loss": [4.0, 3.5], "val_mae": [0.5, 0.25]})
    figure = hv.render(loss_curves(metrics))
    lines = [r.data_source.data for r in figure.renderers if type(r.glyph).__name__ == "Line"]
    assert {tuple(v) for line in lines for k, v in line.items() if k != "epoch"} == {(3.0, 2.0), (4.0, 3.5)}
    figure = hv.render(metric_curves(metrics, "ln λ"))
    assert figure.yaxis[0].axis_label == "MAE (ln λ)"
    assert metric_names(metrics) == ["val_mae"]


class Rows(param.Parameterized):
    table = param.DataFrame()


@pytest.mark.parametrize(("draw", "column"), [(loss_curves, "val_loss"), (metric_curves, "val_mae")])
def test_the_axes_of_a_live_plot_follow_its_epochs(draw, column):
    epochs = pd.DataFrame({"epoch": range(1, 10), "train_loss": 0.7, "val_loss": 0.8, "val_mae": 0.5})
    epochs[column] = np.linspace(1, 0.2, 9)
    rows = Rows(table=epochs[:1])
    root = drawn(hv.DynamicMap(pn.bind(draw, rows.param.table))).get_root()
    plot = root.select_one({"type": figure})
    rows.table = epochs
    assert (plot.x_range.start, plot.x_range.end) == (1, 9)
    assert plot.y_range.start < 0.2
    assert plot.y_range.end > 1


@pytest.mark.parametrize(("name", "figures"), [("val_mae", 2), ("spread", 1)])
def test_a_training_without_metrics_of_held_out_objects_has_no_empty_plot_of_them(name, figures, tmp_path):
    view = RunView(tmp_path)
    view.param.update(metrics=pd.DataFrame({"epoch": [1], "train_loss": [2.0], name: [1.0]}), started=True)
    assert len(view.curves()) == figures


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


def test_several_runs_in_one_figure_each_with_a_look_of_its_own():
    epochs = pd.DataFrame({"epoch": [1, 2]})
    runs = {f"run {k}": epochs.assign(val_loss=[k + 2.0, k + 1.0], val_accuracy=0.1 * k) for k in range(8)}
    figure = hv.render(run_curves(runs))
    lines = [r for r in figure.renderers if type(r.glyph).__name__ == "Line"]
    drawn = [next(tuple(v) for name, v in r.data_source.data.items() if name != "epoch") for r in lines]
    assert drawn == [(k + 2.0, k + 1.0) for k in range(8)]
    assert len({(r.glyph.line_color, str(r.glyph.line_dash)) for r in lines}) == 8
    assert [item.label.value for item in figure.legend[0].items] == list(runs)
    assert (figure.title.text, figure.yaxis[0].axis_label) == ("Loss, held out", "Loss")
    figure = hv.render(run_curves(runs, "val_accuracy", unit="ln λ"))
    assert (figure.title.text, figure.yaxis[0].axis_label) == ("Accuracy, held out", "Accuracy")
    assert hv.render(run_curves(runs, "train_loss")).title.text == "Loss, training"  # none of them has it
    with pytest.raises(ValueError, match="runs: expected at least one run"):
        run_curves({})


def test_long_runs_are_thinned_and_the_title_says_so():
    epoch = np.arange(1, 1_200)
    long, short = (pd.DataFrame({"epoch": e, "val_loss": 1 / e}) for e in (epoch, epoch[:5]))
    figure = hv.render(run_curves({"long": long, "short": short}))
    assert figure.title.text == "Loss, held out; of long runs not every epoch"
    assert [len(r.data_source.data["epoch"]) for r in figure.renderers][::2] == [400, 5]


def test_axes_have_whole_epochs_only():
    two = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "val_loss": [4.0, 3.5], "val_mae": [0.5, 0.25]})
    for plot in (loss_curves(two), metric_curves(two), run_curves({"first": two}, "val_loss")):
        assert hv.render(plot).xaxis[0].ticker.min_interval == 1
