import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from galviz.figures import truth
from galviz.figures.bands import confusion
from galviz.figures.curves import loss_curves, metric_curves, metric_names
from galviz.figures.histograms import focus_line, histogram
from galviz.figures.sheet import contact_sheet
from galviz.figures.truth import focus_mark, predicted_against_true, residual_against


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    true = rng.normal(3.5, 0.4, 50)
    rows = {"truth": true, "estimate": true + 0.1, "seen": np.arange(50) % 5 > 0, "z": rng.uniform(0.1, 0.5, 50)}
    return pd.DataFrame(rows, index=pd.Index([str(1237658493878337918 + k) for k in range(50)], name="object_id"))


def test_each_point_bears_the_id_of_its_object(table):
    table.iloc[7, 0] = np.nan  # no truth: no point, and all others keep theirs
    points, _ = predicted_against_true(table, label="ln λ")
    assert len(points) == 49
    for row in points.data.itertuples():
        assert (row.truth, row.estimate) == tuple(table.loc[row.object_id, ["truth", "estimate"]])


def test_axes_of_estimate_against_truth(table):
    _, plot = predicted_against_true(table, label="ln λ")
    figure = hv.render(plot)
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("True ln λ", "Estimated ln λ")
    assert (figure.x_range.start, figure.x_range.end) == (figure.y_range.start, figure.y_range.end)
    assert "50 objects" in figure.title.text


def test_objects_seen_in_training_differ_by_shape(table):
    points, _ = predicted_against_true(table, label="ln λ")
    (source,) = [r.data_source for r in hv.render(points).renderers]
    shapes = next(set(map(str, v)) for v in source.data.values() if "circle" in set(map(str, v)))
    assert shapes == {"circle", "x"}


def test_residual_is_estimate_minus_truth(table):
    points, plot = residual_against(table, "z", label="ln λ", column_label="z")
    assert points.data["residual"].to_numpy() == pytest.approx(0.1)
    assert points.data.set_index("object_id")["against"].to_dict() == pytest.approx(table["z"].to_dict())
    figure = hv.render(plot)
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("z", "Estimate − truth (ln λ)")


def test_medians_of_a_column_of_few_values_are_left_out(table):
    _, plot = residual_against(table.assign(z=1.0), "z", label="ln λ", column_label="z")
    assert hv.render(plot)


@pytest.mark.parametrize("density", [True, False])
def test_no_objects_at_all(table, density):
    points, plot = predicted_against_true(table.iloc[:0], label="ln λ", density=density)
    assert len(points) == 0
    assert hv.render(plot)


def test_density_above_the_limit_says_so(table, monkeypatch):
    monkeypatch.setattr(truth, "MAX_POINTS", 20)
    _, plot = predicted_against_true(table, label="ln λ")
    figure = hv.render(plot)
    assert "density of 50 objects (points up to 20)" in figure.title.text
    image = next(r.data_source.data["image"][0] for r in figure.renderers if "image" in r.data_source.data)
    assert np.nansum(image) == 50  # every object counts


def test_focus_is_marked_or_nothing():
    axes = [hv.Dimension("truth"), hv.Dimension("estimate")]
    assert focus_mark([1.0, 2.0], axes).data.to_numpy().tolist() == [[1.0, 2.0]]
    assert len(focus_mark(None, axes)) == 0
    assert np.isnan(focus_line(None).data)
    assert focus_line(2.0).data == 2.0


def test_histogram_counts_what_is_known_and_says_what_is_not():
    bars = histogram(np.array([1.0, 1.1, 2.0, np.nan, np.inf]), label="λ", bins=2)
    assert bars.dimension_values("objects").tolist() == [2, 1]
    assert hv.render(bars).xaxis[0].axis_label == "λ (2 not known)"
    assert hv.render(bars).yaxis[0].axis_label == "Number of objects"
    assert histogram(np.array([]), label="λ").dimension_values("objects").sum() == 0


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


def test_confusion_has_a_row_a_true_class():
    true, given = np.array(["u", "u", "u", "g"]), np.array(["u", "u", "g", "g"])
    cells = confusion(true, given, ("u", "g", "r")).get(0).data.set_index(["truth", "estimate"])
    assert cells["number"].to_dict() == {
        ("u", "u"): 2, ("u", "g"): 1, ("u", "r"): 0, ("g", "u"): 0, ("g", "g"): 1, ("g", "r"): 0,
        ("r", "u"): 0, ("r", "g"): 0, ("r", "r"): 0,
    }  # fmt: skip
    assert cells.loc[("u", "u"), "share"] == pytest.approx(2 / 3)
    assert hv.render(confusion(true, given, ("u", "g", "r")))


def test_contact_sheet_keeps_the_order():
    import io

    from PIL import Image

    tiles = [np.full((4, 4, 4), value, np.uint8) for value in (10, 200)]
    for tile in tiles:
        tile[..., 3] = 255
    tiles[0][0] = 255  # row 0
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet(tiles, side=8))))
    assert sheet.shape == (8, 16, 4)
    assert sheet[0, 0, 0] == 10  # row 0 is at the bottom
    assert sheet[7, 0, 0] == 255
    assert sheet[0, 12, 0] == 200
    assert contact_sheet([])
