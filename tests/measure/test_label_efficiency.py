"""Label efficiency: the paper's own claims come out of its table, and known answers out of made trainings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.label_efficiency import (
    complete,
    crossing,
    curves,
    gain_words,
    label_gain,
    measured,
    published,
)

FRACTIONS = np.array([0.01, 0.1, 0.5, 1.0])


def trainings(base, ours, *, trials=3, folds=1, objects=400, seed=0):
    """Estimates whose errors in ln λ are of the given scatter: a row a training and object."""
    rng, parts = np.random.default_rng(seed), []
    for fold in range(folds):
        ids = [f"{fold}-{k}" for k in range(objects)]
        truth = np.exp(rng.normal(3.6, 0.4, objects))
        for trial in range(trials):
            for method, scatters in (("base", base), ("ours", ours)):
                for fraction, scatter in zip(FRACTIONS, scatters, strict=True):
                    row = {"fraction": fraction, "method": method, "trial": trial, "fold": fold, "object_id": ids}
                    row |= {"truth": truth, "estimate": truth * np.exp(rng.normal(0, scatter, objects))}
                    parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True)


def test_the_papers_claims_follow_from_its_table():
    table = published().set_index(["method", "fraction"])
    base, ours = table.loc["base"], table.loc["ours"]
    assert 100 * (ours / base - 1).loc[1.0].to_numpy() == pytest.approx([-11.84, -20.78], abs=0.01)
    assert 100 * (ours / base - 1).loc[0.01, "mae"] == pytest.approx(-82.49, abs=0.01)
    at = [crossing(ours.index.to_numpy(), ours[m].to_numpy(), base.loc[1.0, m]) for m in ("mae", "sigma")]
    assert 0.4 < at[0] <= 0.5  # "reduces the labels by 50 %"
    assert 0.3 < at[1] <= 0.4  # "by 60 %"


def classified(rights, trials=2):
    """A row a training and object, of which the first so many of a hundred are right."""
    parts = []
    for (method, fraction), right in rights.items():
        for trial in range(trials):
            row = {"fraction": fraction, "method": method, "trial": trial, "fold": 0}
            names = {"object_id": [f"o{k}" for k in range(100)], "truth": "cat"}
            parts.append(pd.DataFrame(row | names | {"estimate": np.where(np.arange(100) < right, "cat", "dog")}))
    return pd.concat(parts, ignore_index=True)


def test_of_classes_the_accuracy_is_measured():
    held_out = classified({("base", 0.5): 40, ("base", 1.0): 60, ("ours", 0.5): 60, ("ours", 1.0): 66})
    table = measured(held_out)
    assert (table["objects"] == 100).all()
    assert table.set_index(["method", "fraction"]).loc[("ours", 1.0), "accuracy"].tolist() == [0.66, 0.66]
    assert curves(table, "accuracy", "")["mean"].tolist() == [0.4, 0.6, 0.6, 0.66]
    gain = label_gain(held_out, "accuracy", "")
    assert gain.base.tolist() == pytest.approx([0.4, 0.6])
    assert gain.change.value == pytest.approx([20, 6])
    assert (gain.change.low <= gain.change.value).all()
    worse = label_gain(
        classified({("base", 0.5): 40, ("base", 1.0): 60, ("ours", 0.5): 30, ("ours", 1.0): 59}), "accuracy", ""
    )
    assert worse.equal.value == np.inf
    halfway = label_gain(
        classified({("base", 0.25): 1, ("base", 1.0): 50, ("ours", 0.25): 40, ("ours", 1.0): 60}), "accuracy", ""
    )
    assert halfway.equal.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        ([4.0, 3.0, 2.0, 1.0], 3.0, 0.1),
        ([4.0, 3.0, 2.0, 1.0], 3.5, 10**-1.5),  # half-way in the logarithm
        ([4.0, 1.0, 3.0, 1.0], 2.0, np.sqrt(0.5)),  # from there on it stays below
        ([4.0, 3.0, 2.0, 1.0], 0.5, np.inf),
        ([4.0, 3.0, 2.0, np.nan], 3.0, np.inf),
        ([4.0, 3.0, 2.0, 1.0], 4.0, 0.0),
    ],
)
def test_crossing_of_known_curves(values, level, expected):
    assert crossing(FRACTIONS, np.array(values), level) == pytest.approx(expected)


@given(st.lists(st.floats(0.1, 9), min_size=4, max_size=4), st.floats(0.1, 9), st.floats(0, 3))
def test_a_higher_level_is_never_reached_later(values, level, more):
    values = np.array(values)
    assert crossing(FRACTIONS, values, level + more) <= crossing(FRACTIONS, values, level) * (1 + 1e-9)


def test_each_training_is_measured():
    held_out = trainings([0.8, 0.4, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1], trials=2, folds=2)
    table = measured(held_out)
    assert len(table) == 2 * 2 * 2 * 4
    assert (table["objects"] == 400).all()
    one = table.query("fraction == 1 and method == 'ours' and trial == 1 and fold == 0").iloc[0]
    part = held_out.query("fraction == 1 and method == 'ours' and trial == 1 and fold == 0")
    assert one["mae_ln"] == pytest.approx(np.abs(np.log(part["estimate"] / part["truth"])).mean())
    assert one["sigma_dex"] == pytest.approx(0.1 / np.log(10), rel=0.15)
    assert one["mae_value"] == pytest.approx(np.abs(part["estimate"] - part["truth"]).mean())


def test_curves_average_folds_first_and_then_trials():
    table = pd.DataFrame({"fraction": 1.0, "method": "base", "trial": [0, 0, 1, 1], "fold": [0, 1, 0, 1]})
    table["mae_ln"] = [0.1, 0.3, 0.3, 0.5]
    (row,) = curves(table).to_dict("records")
    assert (row["mean"], row["trials"]) == (pytest.approx(0.3), 2)
    assert row["std"] == pytest.approx(np.std([0.2, 0.4], ddof=1))


@pytest.mark.parametrize("measure", ["mae", "sigma"])
def test_a_known_gain_lies_in_its_interval(measure):
    base, ours = [0.8, 0.6, 0.4, 0.3], [0.6, 0.4, 0.3, 0.2]  # Ours at 50 % is Base at 100 %
    gain = label_gain(trainings(base, ours, folds=2), measure, n=200)
    assert gain.equal.low < 0.5 < gain.equal.high
    assert gain.equal.high - gain.equal.low < 0.3
    assert gain.change.value == pytest.approx([-25, -33.3, -25, -33.3], abs=4)
    assert (gain.change.low < gain.change.value).all()
    assert (gain.change.high < 0).all()
    assert (gain.trials, gain.objects) == (3, 800)


def test_the_value_is_that_of_the_curves():
    held_out = trainings([0.8, 0.6, 0.4, 0.3], [0.6, 0.4, 0.3, 0.2], folds=2)
    means = curves(measured(held_out)).set_index(["method", "fraction"])["mean"]
    gain = label_gain(held_out, n=10)
    assert gain.change.value == pytest.approx(100 * (means["ours"] / means["base"] - 1).to_numpy())
    assert gain.equal.value == pytest.approx(crossing(FRACTIONS, means["ours"].to_numpy(), means["base"].iloc[-1]))


def test_no_gain_is_said_to_be_none():
    gain = label_gain(trainings([0.8, 0.6, 0.4, 0.2], [0.8, 0.6, 0.5, 0.4]), n=100)
    assert gain.equal.value == np.inf
    assert gain_words(gain) == (
        "Ours does not become as good as Base with all labels within the sweep; nor in any of the 95 % interval."
    )


def test_a_gain_below_the_sweep_is_an_upper_limit():
    gain = label_gain(trainings([0.8, 0.8, 0.8, 0.8], [0.2, 0.2, 0.2, 0.2]), n=100)
    assert gain_words(gain) == (
        "Ours at 1 % of the labels or fewer equals Base at 100 %, in all of the 95 % interval too."
    )


def test_an_unsure_gain_says_that_its_end_is_open():
    words = gain_words(label_gain(trainings([0.8, 0.6, 0.4, 0.3], [0.8, 0.6, 0.4, 0.3], objects=60), n=300))
    assert "from" in words
    assert "not reach" in words


def test_what_is_not_complete_does_not_count():
    held_out = trainings([0.8, 0.6, 0.4, 0.3], [0.6, 0.4, 0.3, 0.2])
    last = (held_out["trial"] == 2) & (held_out["fraction"] == 1) & (held_out["method"] == "ours")
    assert set(complete(held_out[~last])["trial"]) == {0, 1}
    assert label_gain(held_out[~last], n=10).trials == 2
    with pytest.raises(ValueError, match="held_out: expected a whole trial of both methods up to all labels"):
        label_gain(held_out[held_out["fraction"] < 1], n=10)


def test_trials_with_fewer_folds_wait():
    held_out = trainings([0.8, 0.6, 0.4, 0.3], [0.6, 0.4, 0.3, 0.2], folds=2)
    unfinished = (held_out["trial"] == 2) & (held_out["fold"] == 1) & (held_out["method"] == "ours")
    assert set(complete(held_out[~unfinished])["trial"]) == {0, 1}
