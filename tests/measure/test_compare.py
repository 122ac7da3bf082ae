import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galviz.io.expressions import matches
from galviz.measure.compare import changed, compared_measures, disagreement, paired_words, suspects, worst_slices
from galviz.measure.slices import _edges, _slices

FIRST = 1237658493878337640  # ids of 19 digits that differ in the last ones
ODD = 'it\'s <b>"odd"</b> \\ \n'


def ids(rows):
    return pd.Index([str(FIRST + k) for k in range(rows)], name="object_id")


def catalogue(rows, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, 6)), index=ids(rows), columns=[f"c{k}" for k in range(6)])
    table["z"] = rng.uniform(0, 0.5, rows)
    table["kind"] = rng.choice(["spiral", "elliptical", ODD], rows)
    return table, pd.Series(np.abs(rng.normal(0, 0.2, rows)), index=table.index)


def truths(rows, seed=0, noise=0.2):
    rng = np.random.default_rng(seed)
    truth = np.linspace(2, 5, rows)
    return pd.DataFrame({"truth": truth, "estimate": truth + rng.normal(0, noise, rows)}, index=ids(rows))


def test_a_planted_defect_comes_first_and_is_named_with_its_bound():
    table, errors = catalogue(1500)
    bad = table["z"] > 0.4
    errors = errors.where(~bad, 2 * errors)
    found = worst_slices(errors, table)
    first = found.iloc[0]
    assert first["expression"] == "z > 0.4"
    assert first["count"] == bad.sum()
    assert first["inside"] == pytest.approx(errors[bad].mean())
    assert first["outside"] == pytest.approx(errors[~bad].mean())
    assert first["difference"] == pytest.approx(errors[bad].mean() - errors[~bad].mean())
    assert 0 < first["low"] < first["difference"] < first["high"]
    assert first["words"] == "z above 0.4 (291 of 1,500 objects): MAE 0.30 against 0.16 elsewhere, +0.14 [0.10, 0.18]"
    assert len(found) == 1
    assert found.attrs == {"looked_at": 38, "objects": 1500}


def test_the_interval_is_about_that_of_theory_and_covers_the_planted_difference():
    covered, widths = 0, []
    for seed in range(40):
        table, errors = catalogue(800, seed)
        row = worst_slices(errors + 0.3 * (table["z"] > 0.4), table).iloc[0]
        covered += row["low"] <= 0.3 <= row["high"]
        widths.append((row["high"] - row["low"]) / 2 / (0.2 * np.sqrt(1 - 2 / np.pi) * np.sqrt(1 / 160 + 1 / 640)))
    assert covered >= 38
    assert 2.2 < np.median(widths) < 4.5  # standard errors; 1.96 would hold for one slice alone


@pytest.mark.parametrize("wrong_classes", [False, True])
def test_of_pure_noise_no_slice_is_reported(wrong_classes):
    reported = 0
    for seed in range(100):
        table, errors = catalogue(300, seed)
        reported += len(worst_slices((errors > 0.35) * 1.0 if wrong_classes else errors, table)) > 0
    assert reported <= 5  # 2.5 are due: half of what the intervals miss


def test_a_value_a_truth_value_and_a_missing_value_are_slices():
    table, errors = catalogue(900)
    rng = np.random.default_rng(1)
    table["barred"] = rng.random(900) < 0.3
    table["u - g"] = np.where(rng.random(900) < 0.1, np.nan, rng.normal(size=900))
    loss = errors + 0.3 * (table["kind"] == ODD) + 0.3 * table["barred"] + 0.3 * table["u - g"].isna()
    found = worst_slices(loss, table)
    assert set(found["expression"]) == {f"kind in ({ODD!r},)", "barred", "isnan(col('u - g'))"}
    assert {words.split(" (")[0] for words in found["words"]} == {f"kind is “{ODD}”", "barred", "u - g is missing"}


def test_a_share_of_wrong_classes_is_called_so():
    table, _ = catalogue(1000)
    wrong = pd.Series(np.where(table["kind"] == "spiral", 0.0, 1.0), index=table.index)
    assert "share wrong 1.0" in worst_slices(wrong, table).iloc[0]["words"]
    assert "lost 1.0" in worst_slices(wrong, table, measure="lost").iloc[0]["words"]


def test_objects_without_loss_are_left_out_whatever_the_order():
    table, errors = catalogue(1500)
    errors = errors.where(table["z"] <= 0.4, 2 * errors)
    expected = worst_slices(errors[:1000], table[:1000])
    errors[1000:] = np.nan
    shuffled = errors.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(worst_slices(shuffled, table), expected)
    assert expected.attrs["objects"] == 1000


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_few_objects_or_equal_losses_give_no_slices(rows):
    table, errors = catalogue(rows)
    assert worst_slices(errors, table).empty
    table, errors = catalogue(500)
    assert worst_slices(errors * 0 + 0.1, table).empty
    assert worst_slices(errors, table[[]]).attrs == {"looked_at": 0, "objects": 500}


def test_many_columns_and_objects_take_seconds():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(100_000, 50)), index=ids(100_000), columns=[f"c{k}" for k in range(50)])
    errors = pd.Series(np.abs(rng.normal(size=100_000)) * np.where(table["c7"] > 1, 1.2, 1), index=table.index)
    start = time.perf_counter()
    found = worst_slices(errors, table)
    assert time.perf_counter() - start < 15  # about 1.5 s alone
    assert found["column"].tolist() == ["c7"]


CELLS = {
    "floats": st.one_of(st.floats(width=64), st.sampled_from([0.0, -0.0, 1.5, np.inf, -np.inf, np.nan])),
    "few": st.sampled_from([1.0, 2.0, np.nan]),
    "text": st.sampled_from(["a", "", "'", '"', "<i>", "ä\u2028", "\\n", "\x00", "nan", None]),
    "truth": st.booleans(),
    "maybe": st.sampled_from([True, False, None]),
    "counts": st.integers(0, 12),
    "numbers": st.integers(-(2**63), 2**63 - 1),
}
KINDS = {"text": "str", "maybe": object, "counts": "int64", "numbers": "int64", "truth": bool}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.data(), st.sampled_from(sorted(CELLS)), st.sampled_from(["z", "u - g", "ﬁ", "it's", '<b>"', "class", "λ", "col"])
)
def test_expressions_select_exactly_the_slices(data, kind, name):
    cells = data.draw(st.lists(CELLS[kind], min_size=1, max_size=40))
    table = pd.DataFrame({name: pd.Series(cells, index=ids(len(cells)), dtype=KINDS.get(kind, "float64"))})
    bins = data.draw(st.integers(2, 6))
    for column in (table, table.astype("category")) if kind != "floats" else (table,):
        cut = _slices(name, column, bins)
        if cut is None:  # no value at all, integers that no float holds, or very many that are names, no numbers
            known = column[name].dropna()
            many = known.nunique() > 30 and known.dtype == "category"
            assert known.empty or many or known.astype(object).abs().max() >= 2**53
            continue
        codes, received = cut
        assert ((codes >= 0) & (codes < len(received))).all()
        for k, (expression, _) in enumerate(received):
            assert (matches(expression, column) == (codes == k)).all()


@pytest.mark.parametrize("dtype", ["string", "boolean", "Int64", "Float64"])
def test_expressions_select_nullable_columns_exactly(dtype):
    cells = {"string": ["a", None, "b"], "boolean": [True, None, False]}.get(dtype, [1, None, 3]) * 20
    table = pd.DataFrame({"x": pd.array(cells, dtype=dtype)}, index=ids(60))
    loss = pd.Series(np.tile([0.1, 1.0, 0.1], 20), index=table.index)
    row = worst_slices(loss, table, least=5).iloc[0]
    assert row["words"].startswith("x is missing (20 of 60 objects)")
    assert (matches(row["expression"], table) == table["x"].isna().to_numpy()).all()


def test_bins_hold_nearly_equal_numbers_between_round_bounds():
    values = np.random.default_rng(0).uniform(0, 1, 5000)
    assert _edges(values, 5).tolist() == [0.2, 0.4, 0.6, 0.8]
    skewed = np.r_[np.zeros(900), np.arange(1, 101)]
    assert len(_edges(skewed, 5)) == 1
    assert 0 <= _edges(skewed, 5)[0] < 1


def test_columns_that_cannot_be_said_are_passed_over():
    table, errors = catalogue(300)
    table["when"] = pd.Timestamp("2020-01-01")
    table["notes"] = [f"note {k}" for k in range(300)]
    table["lists"] = [[1]] * 300
    table[7] = 1.0
    table["long"] = np.where(table["z"] > 0.2, "x" * 3000, "y")
    found = worst_slices(errors + (table["z"] > 0.2), table)
    assert set(found["column"]) == {"z"}


def test_what_makes_no_sense_is_refused():
    table, errors = catalogue(50)
    with pytest.raises(ValueError, match=f"got infinity for '{FIRST}'"):
        worst_slices(errors.where(errors.index != str(FIRST), np.inf), table)
    with pytest.raises(ValueError, match="bins, least: expected 2 or more"):
        worst_slices(errors, table, bins=1)
    with pytest.raises(ValueError, match="got 'z' twice"):
        worst_slices(errors, table[["z", "z"]])
    with pytest.raises(ValueError, match="unique ids"):
        worst_slices(pd.concat([errors, errors]), table)
    with pytest.raises(TypeError, match="expected strings"):
        worst_slices(errors.reset_index(drop=True), table)


def test_runs_are_joined_by_id():
    a, b = truths(50, 1), truths(50, 2).iloc[::-1].iloc[:-3]
    b["truth"] = np.where(b.index == str(FIRST + 9), np.nan, b["truth"])
    a.loc[str(FIRST + 10), "truth"] = np.nan
    found = disagreement(a.iloc[:45], b)
    assert list(found.index) == list(a.index[3:45])
    assert found.attrs == {"only_a": 3, "only_b": 5}
    assert found["truth"].notna().all()
    for object_id, row in found.iterrows():
        assert row["estimate_a"] == a.loc[object_id, "estimate"]
        assert row["estimate_b"] == b.loc[object_id, "estimate"]
        assert row["difference"] == row["estimate_a"] - row["estimate_b"]
        assert row["gain"] == abs(row["estimate_a"] - row["truth"]) - abs(row["estimate_b"] - row["truth"])


def test_without_truth_runs_still_differ():
    a, b = (truths(20, seed).assign(truth=np.nan) for seed in (1, 2))
    found = disagreement(a, b)
    assert found["difference"].notna().all()
    assert found[["truth", "error_a", "error_b", "gain"]].isna().all(axis=None)
    assert paired_words(found) == "Errors cannot be compared: the truth of 0 of the 20 objects in both is known."


def test_classes_differ_or_not():
    a = pd.DataFrame({"truth": ["u", "g", None], "estimate": ["u", "u", "u"]}, index=ids(3), dtype=object)
    found = disagreement(a, a.assign(estimate=["u", "g", "r"]))
    assert found["differs"].tolist() == [False, True, True]
    assert found["error_a"].tolist()[:2] == [0, 1]
    assert found["gain"].tolist()[:2] == [0, 1]
    assert found.loc[found.index[2], ["error_a", "error_b", "gain"]].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="truth"), "b: expected columns truth and estimate, got none named truth"),
        (lambda t: t.assign(estimate="u"), "numbers in one and classes in the other"),
        (
            lambda t: t.assign(truth=np.exp(t["truth"])),
            f"expected the same in a and b, got 2.0 and 7.38.* for '{FIRST}'",
        ),
        (lambda t: pd.concat([t, t]), "unique ids"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        disagreement(truths(5), change(truths(5)))


@pytest.mark.parametrize("rows", [300, 5000])
def test_the_better_run_is_said_with_an_interval(rows):
    a, b = truths(rows, 1, noise=0.4), truths(rows, 2, noise=0.2)
    table = disagreement(a, b)
    words = paired_words(table, ("old", "new"), "that neither was trained on")
    value, low, high = (
        float(v) for v in words.split("by ")[1].split("] ")[0].replace("[", "").replace(",", "").split()
    )
    assert words.startswith("The errors of new are smaller by ")
    assert f"on the {rows:,} objects that neither was trained on (MAE: old 0." in words
    assert value == pytest.approx(table["gain"].mean(), abs=0.005)
    error = table["gain"].std() / np.sqrt(rows)
    assert (low, high) == pytest.approx((value - 1.96 * error, value + 1.96 * error), abs=0.4 * error)
    swapped = paired_words(disagreement(b, a), ("new", "old"))
    assert swapped.startswith(words.split("] ")[0])


def test_equal_runs_err_alike():
    words = paired_words(disagreement(truths(300, 1), truths(300, 3)))
    assert words.startswith("A and B do not differ measurably: second − first ")
    assert "−" in words


def test_a_wrong_label_is_suspect():
    rows = 2500
    table = truths(rows, noise=0.1)
    wrong = [str(FIRST + k) for k in (7, 1200, 2499)]
    table.loc[wrong, "truth"] = [4.5, 4.9, 2.2]
    table.loc[str(FIRST + 3), "truth"] = np.nan
    quality = suspects(table["truth"], table["estimate"])
    assert quality.name == "label_quality"
    assert set(quality.nsmallest(3).index) == set(wrong)
    assert quality.between(0, 1).all()
    assert str(FIRST + 3) not in quality.index
    assert len(quality) == rows - 1


def test_an_uncertain_estimate_speaks_less_against_a_label():
    table = truths(400, noise=0.1)
    sure, unsure = str(FIRST + 100), str(FIRST + 300)
    table.loc[[sure, unsure], "estimate"] = table.loc[[sure, unsure], "truth"] + 0.6
    spread = pd.Series(0.1, index=table.index).where(table.index != unsure, 2.0)
    quality = suspects(table["truth"], table["estimate"], spread)
    assert quality.idxmin() == sure
    assert quality[unsure] > quality.quantile(0.1)
    with pytest.raises(ValueError, match="spread: expected positive numbers"):
        suspects(table["truth"], table["estimate"], spread * 0)


def test_a_class_that_has_little_probability_is_suspect():
    truth = pd.Series(["u", "g"] * 10, index=ids(20), dtype=object)
    chances = pd.DataFrame({"g": 0.1, "u": 0.9}, index=truth.index)
    chances[truth == "g"] = 0.9, 0.1
    chances.loc[str(FIRST + 4)] = 0.8, 0.2
    truth.iloc[6] = None
    quality = suspects(truth, chances)
    assert quality.idxmin() == str(FIRST + 4)
    assert quality.min() == pytest.approx(0.2)
    assert len(quality) == 19
    with pytest.raises(ValueError, match="truth: expected classes among g, u, got 'z'"):
        suspects(truth.fillna("z"), chances)


def test_labels_that_cannot_be_scored_are_refused(monkeypatch):
    table = truths(30)
    with pytest.raises(ValueError, match=r"expected 10 held-out objects or more .* got 5"):
        suspects(table["truth"][:5], table["estimate"][:5])
    with pytest.raises(ValueError, match=r"estimate.loc\[truth.index\]"):
        suspects(table["truth"], table["estimate"][::-1])
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.setitem(sys.modules, "cleanlab.regression.rank", None)
    with pytest.raises(ImportError, match=r"pip install 'galviz\[labels\]'"):
        suspects(table["truth"], table["estimate"])


def test_measures_of_two_predictions_by_hand():
    a = pd.DataFrame({"truth": [0.0, 0.0, 0.0, np.nan], "estimate": [1.0, 1.0, -1.0, 5.0]}, index=ids(4))
    b = a.assign(estimate=[3.0, 0.0, 0.0, 5.0])
    found = compared_measures(disagreement(a, b), cut=2.0)
    assert found.loc["mae", ["a", "b", "difference"]].tolist() == [1, 1, 0]
    assert found.loc["rmse", ["a", "b"]].tolist() == pytest.approx([1, np.sqrt(3)])
    assert found.loc["bias", ["a", "b", "difference"]].tolist() == pytest.approx([1 / 3, 1, 2 / 3])
    assert found.loc["outlier_fraction(2)", ["a", "b"]].tolist() == pytest.approx([0, 1 / 3])
    assert found["difference"].dropna().to_numpy() == pytest.approx((found["b"] - found["a"]).dropna().to_numpy())
    assert compared_measures(disagreement(a[3:], b[3:])).empty


def test_the_interval_of_a_difference_is_paired():
    """Two predictions with the same errors but a small offset differ surely, however large the errors are."""
    a = truths(2000, noise=1.0)
    b = a.assign(estimate=a["estimate"] + 0.01)
    row = compared_measures(disagreement(a, b), n=200).loc["bias"]
    assert row["low"] == pytest.approx(0.01) == row["high"]
    other = truths(2000, seed=1, noise=1.0)  # independent errors: twice the variance of one
    row = compared_measures(disagreement(a, other), n=500).loc["bias"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.sqrt(2 / 2000), rel=0.2)


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, np.nan])] * 3), min_size=1, max_size=20))
def test_every_known_object_is_right_in_both_one_or_none(rows):
    truth, one, two = (np.array(each) for each in zip(*rows, strict=True))
    a = pd.DataFrame({"truth": truth, "estimate": one}, index=ids(len(rows)))
    found = changed(disagreement(a, a.assign(estimate=two)), cut=0.5)
    known = np.isfinite([truth, one, two]).all(axis=0)
    counts = [len(part) for part in found.values()]
    assert sum(counts) == known.sum()
    one, two = ((np.abs(each - truth) <= 0.5)[known] for each in (one, two))
    assert counts == [(one & two).sum(), (one & ~two).sum(), (~one & two).sum(), (~one & ~two).sum()]
    labels = ["within the cut in both", "within the cut in A only", "within the cut in B only", "outliers in both"]
    assert list(found) == labels


def test_classes_that_changed():
    a = pd.DataFrame({"truth": ["u", "u", "g", "g"], "estimate": ["u", "u", "u", "u"]}, index=ids(4))
    pairs = disagreement(a, a.assign(estimate=["u", "g", "g", "r"]))
    assert {label: len(part) for label, part in changed(pairs, ("old", "new")).items()} == {
        "right in both": 1, "right in old only": 1, "right in new only": 1, "wrong in both": 1,
    }  # fmt: skip
    assert compared_measures(pairs).loc["accuracy", ["a", "b"]].tolist() == [0.5, 0.5]


def test_the_published_networks_are_compared(real_data):
    folder = real_data / "wu_boada_oh_p50"
    tables = [
        pd.read_csv(folder / f"{name}-oh_p50.csv", dtype={"objID": str}, index_col="objID").rename_axis("object_id")
        for name in ("predictions", "predictions_64")
    ]
    found = compared_measures(disagreement(*tables, truth="oh_p50", estimate="prediction"), n=100)
    assert found.loc["rmse", ["a", "b"]].tolist() == pytest.approx([0.08489, 0.08792], abs=5e-6)
    assert found.loc["sigma_nmad", ["a", "b"]].tolist() == pytest.approx([0.06506, 0.06780], abs=5e-6)
    assert found.loc["rmse", "low"] > 0  # the larger pictures are surely better
