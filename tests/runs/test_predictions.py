import errno

import numpy as np
import pandas as pd
import pytest

from galviz.runs.predictions import Predictions, joined
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

RICHNESS = Target(name="ln_richness", task="regression", columns=("richness",), label="λ", transform="ln")
BAND = Target(name="band", task="pretext", columns=(), label="band")
VOTES = Target(name="Class8.6", task="votes", columns=("Class1.1", "Class8.6"), label="merger")
IDS = [str(1237658493878337918 + k) for k in range(4)]


def scalar_table(**changes):
    columns = {
        "ln_richness": [3.0, 3.5, 4.0, 3.2],
        "ln_richness_spread": [0.1, 0.2, 0.1, 0.3],
        "ln_richness_true": [3.1, 3.5, np.nan, 3.0],
        "fold": pd.array([0, -1, None, 2], dtype="Int64"),
    }
    return pd.DataFrame(columns | changes, index=pd.Index(IDS, name="object_id"))


def votes_table():
    columns = {"Class1.1": [0.9, 0.8, 0.7, 0.6], "Class8.6": [0.0, 0.1, 0.2, 0.3]}
    columns |= {"Class1.1_true": [0.8, 0.8, np.nan, 0.5], "Class8.6_true": [0.1, 0.0, np.nan, 0.3]}
    fold = pd.array([0, -1, None, 2], dtype="Int64")
    return pd.DataFrame(columns | {"fold": fold}, index=pd.Index(IDS, name="object_id"))


def band_table():
    index = pd.MultiIndex.from_product([IDS[:2], ["g", "r"]], names=["object_id", "band"])
    columns = {"band_pred": ["g", "r", "r", "r"], "band_true": ["g", "r", "g", "r"], "p_g": 0.5, "p_r": 0.5, "fold": 0}
    return pd.DataFrame(columns, index=index)


def test_columns_by_what_they_mean():
    predictions = Predictions(scalar_table(), RICHNESS)
    assert len(predictions) == 4
    assert predictions.object_ids.tolist() == IDS
    np.testing.assert_array_equal(predictions.estimate, [3.0, 3.5, 4.0, 3.2])
    np.testing.assert_array_equal(predictions.truth, [3.1, 3.5, np.nan, 3.0])
    np.testing.assert_allclose(predictions.residual, [-0.1, 0, np.nan, 0.2], atol=1e-12)


def test_what_was_trained_on_is_not_held_out_and_what_is_new_is():
    held_out = Predictions(scalar_table(), RICHNESS).held_out()
    assert held_out.object_ids.tolist() == [IDS[0], IDS[2], IDS[3]]
    assert held_out.with_truth().object_ids.tolist() == [IDS[0], IDS[3]]


def test_no_truth_at_all():
    predictions = Predictions(scalar_table().drop(columns="ln_richness_true"), RICHNESS)
    assert np.isnan(predictions.truth).all()
    assert len(predictions.with_truth()) == 0


def test_bands_are_names():
    predictions = Predictions(band_table(), BAND)
    assert predictions.estimate.tolist() == ["g", "r", "r", "r"]
    assert predictions.truth.tolist() == ["g", "r", "g", "r"]
    assert predictions.object_ids.tolist() == [IDS[0], IDS[0], IDS[1], IDS[1]]


def test_fold_is_a_nullable_whole_number():
    assert Predictions(scalar_table(fold=[0.0, -1.0, np.nan, 2.0]), RICHNESS).table["fold"].dtype == "Int64"


@pytest.mark.parametrize(
    ("table", "target"), [(scalar_table(), RICHNESS), (band_table(), BAND)], ids=["scalar", "band"]
)
def test_saved_and_opened_with_the_target(tmp_path, table, target):
    predictions = Predictions(table, target)
    assert predictions.save(str(tmp_path / "p.parquet")) == tmp_path / "p.parquet"
    opened = Predictions.open(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(opened.table, predictions.table)
    assert opened.target == target
    assert all(isinstance(object_id, str) for object_id in opened.object_ids)
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".parquet"] == ["p.parquet"]


@pytest.mark.parametrize("missing", ["ln_richness", "fold"])
def test_a_missing_column_is_named(missing):
    with pytest.raises(ValueError, match=rf"table: expected a column '{missing}', got"):
        Predictions(scalar_table().drop(columns=missing), RICHNESS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_estimate_that_is_no_number_is_refused_with_its_id(value):
    with pytest.raises(
        ValueError, match=rf"ln_richness: expected finite estimates, got NaN or infinity for '{IDS[1]}'"
    ):
        Predictions(scalar_table(ln_richness=[3.0, value, 3.0, 3.0]), RICHNESS)


def test_double_ids_are_refused():
    table = scalar_table()
    with pytest.raises(ValueError, match=rf"object_id: expected unique ids, got '{IDS[0]}' twice"):
        Predictions(pd.concat([table, table.iloc[:1]]), RICHNESS)


def test_ids_are_strings_in_an_index_of_that_name():
    with pytest.raises(TypeError, match=r"object_id: expected strings"):
        Predictions(scalar_table().set_index(pd.Index([int(k) for k in IDS], name="object_id")), RICHNESS)
    with pytest.raises(ValueError, match=r"table: expected an index named object_id"):
        Predictions(scalar_table().rename_axis("id"), RICHNESS)
    with pytest.raises(ValueError, match=r"table: expected an index named object_id, band"):
        Predictions(band_table().reset_index("band", drop=True), BAND)


def test_the_callers_table_stays_the_callers():
    table = scalar_table()
    predictions = Predictions(table, RICHNESS)
    table.iloc[0, 0] = 99.0
    assert predictions.estimate[0] == 3.0
    estimate = predictions.estimate
    if estimate.flags.writeable:
        estimate[:] = 0
    assert predictions.estimate[0] == 3.0


def test_a_strangers_parquet_is_refused(tmp_path):
    scalar_table().to_parquet(tmp_path / "p.parquet")
    with pytest.raises(ValueError, match=r"path: expected predictions saved by galviz, got .*p\.parquet"):
        Predictions.open(tmp_path / "p.parquet")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    file = Predictions(scalar_table(), RICHNESS).save(tmp_path / "p.parquet")
    before = file.read_bytes()

    def full_disk(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full_disk)
    with pytest.raises(OSError, match=r"p\.parquet: expected room on the disk, got none left\. Free some") as caught:
        Predictions(scalar_table(ln_richness=[1.0, 1, 1, 1]), RICHNESS).save(file)
    assert caught.value.errno == errno.ENOSPC
    assert file.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith((".", "p"))] == ["p.parquet"]


@pytest.fixture
def voted():
    """A sky of the same objects in another order, whose catalogue holds votes too."""
    votes = {"Class1.1": [0.5, 0.6, 0.7, 0.8], "Class8.6": 0.9, "redshift": [0.4, 0.3, 0.2, 0.1]}
    catalogue = pd.DataFrame(votes, index=pd.Index(IDS[::-1], name="object_id"))
    images = np.zeros((4, 3, 4, 4), dtype=np.float32)
    return CutoutSet(
        images=images, bands=("red", "green", "blue"), catalogue=catalogue, pixel_scale=1.0, unit="display", origin="x"
    )


def test_votes_are_joined_with_all_answers_and_their_truths(voted):
    table = joined(Predictions(votes_table(), VOTES), voted)
    for name in ("Class1.1", "Class8.6", "Class1.1_true", "Class8.6_true"):  # never those of the catalogue
        pd.testing.assert_series_equal(table[name], votes_table()[name])
    np.testing.assert_allclose(table["residual"], [-0.1, 0.1, np.nan, 0], atol=1e-12)
    assert list(table["redshift"]) == [0.1, 0.2, 0.3, 0.4]
    assert list(table["in_training"]) == [False, True, False, False]


def test_votes_without_truth_are_joined_with_columns_of_nan(voted):
    table = joined(Predictions(votes_table().drop(columns=["Class1.1_true", "Class8.6_true"]), VOTES), voted)
    assert table[["residual", "Class1.1_true", "Class8.6_true"]].isna().all(axis=None)
    assert list(table["Class1.1"]) == [0.9, 0.8, 0.7, 0.6]


def test_numbers_keep_their_names():
    assert list(joined(Predictions(scalar_table(), RICHNESS)).columns) == [
        "ln_richness", "ln_richness_true", "residual", "ln_richness_spread", "fold", "in_training",
    ]  # fmt: skip


def test_bands_have_a_column_each_and_the_number_of_correct_ones():
    table = joined(Predictions(band_table(), BAND))
    assert list(table.columns) == ["g_pred", "r_pred", "bands_correct", "fold", "in_training"]
    assert table.loc[IDS[1]].tolist()[:3] == ["r", "r", 1]


def test_classes_have_whether_they_are_correct_and_how_probable():
    target = Target("class", "classification", ("class",), "class", classes=("cat", "dog"))
    rows = {
        "class": ["cat", "dog", "cat", "dog"],
        "class_true": ["cat", "cat", None, "dog"],
        "p_cat": [0.9, 0.2, 0.6, 0],
    }
    table = pd.DataFrame(rows, index=pd.Index(IDS, name="object_id")).assign(fold=0)
    table = joined(Predictions(table.assign(p_dog=1 - table["p_cat"]), target))
    np.testing.assert_array_equal(table["correct"], [1, 0, np.nan, 1])
    np.testing.assert_allclose(table["probability"], [0.9, 0.8, 0.6, 1])
    assert {"class", "class_true", "p_cat", "p_dog"} <= set(table)
