import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure import votes as judged
from galviz.sky import galaxy_zoo
from galviz.sky.galaxy_zoo import COLUMNS, NAMES, PARENTS, QUESTIONS, SLICES, write_submission


def at(name):
    return COLUMNS.index(name)


def random_fractions(seed, rows=5, hard=0.0):
    """Fractions of each question that sum to 1; with `hard`, often exactly 0 or 1."""
    rng = np.random.default_rng(seed)
    fractions = np.empty((rows, 37))
    for part in SLICES:
        size = part.stop - part.start
        fractions[:, part] = rng.dirichlet(np.full(size, 0.7), rows)
        sure = rng.random(rows) < hard
        fractions[sure, part] = np.eye(size)[rng.integers(size, size=sure.sum())]
    return fractions


def test_the_tree_is_kaggles():
    assert len(QUESTIONS) == 11
    assert len(COLUMNS) == len(NAMES) == len(set(NAMES)) == 37
    assert [part.start for part in SLICES] == [0, 3, 5, 7, 9, 13, 15, 18, 25, 28, 31]
    leads = {q.number: q.parent.removeprefix("Class") for q in QUESTIONS}
    expected = ["", "1.2", "2.2", "2.2", "2.2", "", "1.1", "6.1", "2.1", "4.1", "4.1"]
    assert leads == dict(enumerate(expected, 1))
    assert COLUMNS[23] == galaxy_zoo.MERGER == "Class8.6"
    assert NAMES[23] == "merger"
    assert NAMES[at("Class4.1")] == "spiral: yes"
    assert NAMES[at("Class5.4")] == "bulge: dominant"
    assert COLUMNS[-1] == "Class11.6"


def test_kaggles_worked_example():
    """80 % say smooth, and of these 50, 25 and 25 % round, in between and cigar: 0.40, 0.20, 0.20."""
    fractions = random_fractions(0, rows=1)
    fractions[0, :3] = 0.80, 0.15, 0.05
    fractions[0, SLICES[6]] = 0.50, 0.25, 0.25
    assert galaxy_zoo.cumulative(fractions)[0, SLICES[6]] == pytest.approx([0.40, 0.20, 0.20])


def test_odd_is_not_weighted_and_its_kinds_are_weighted_by_odd_alone():
    fractions = random_fractions(1, rows=1)
    fractions[0, :3] = 0.0, 0.2, 0.8  # most say it is a star
    fractions[0, SLICES[5]] = 0.5, 0.5
    fractions[0, SLICES[7]] = 0, 0, 0, 0, 0, 1, 0
    found = galaxy_zoo.cumulative(fractions)[0]
    assert found[SLICES[5]] == pytest.approx([0.5, 0.5])
    assert found[at("Class8.6")] == pytest.approx(0.5)


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_votes_obey_every_parent(seed, hard):
    found = galaxy_zoo.cumulative(random_fractions(seed, hard=hard))
    np.testing.assert_allclose(galaxy_zoo.sum_errors(found), 0, atol=1e-12)
    for part, parent in zip(SLICES, PARENTS, strict=True):
        most = 1 if parent is None else found[:, parent, None]
        assert (found[:, part] <= most).all()
        assert (found >= 0).all()


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_there_and_back(seed, hard):
    fractions = random_fractions(seed, hard=hard)
    found = galaxy_zoo.cumulative(fractions)
    back = galaxy_zoo.conditional(found)
    requested = np.isfinite(back)
    np.testing.assert_allclose(back[requested], fractions[requested], atol=1e-9)
    np.testing.assert_allclose(galaxy_zoo.cumulative(back), found, atol=1e-12)  # nobody asked: NaN, and 0 again


def test_nobody_asked_is_nan_and_weighs_nothing():
    fractions = random_fractions(3, rows=2)
    fractions[0, :3] = 1, 0, 0
    back = galaxy_zoo.conditional(galaxy_zoo.cumulative(fractions))
    assert np.isnan(back[0, SLICES[1]]).all()
    assert np.isnan(back[0, SLICES[9]]).all()
    assert np.isfinite(back[0, SLICES[6]]).all()
    fractions[1, SLICES[6]] = np.nan  # asked, but not known
    assert np.isnan(galaxy_zoo.cumulative(fractions)[1, SLICES[6]]).all()


def test_broken_sums_are_named():
    table = pd.DataFrame(galaxy_zoo.cumulative(random_fractions(4, rows=3)), index=["a", "b", "c"], columns=COLUMNS)
    assert len(galaxy_zoo.broken_sums(table)) == 0
    table.loc["b", "Class7.1"] += 0.01
    table.loc["c", "Class6.2"] = np.nan
    found = galaxy_zoo.broken_sums(table)
    assert list(found.index) == ["b", "c"]
    assert found["question"].tolist() == [7, 6]
    assert found["expected"].iloc[0] == pytest.approx(table.loc["b", "Class1.1"])
    assert found["sum"].iloc[0] == pytest.approx(table.loc["b", "Class1.1"] + 0.01)
    assert len(galaxy_zoo.broken_sums(table, tolerance=0.02)) == 1  # NaN is never right


def test_a_table_without_a_column_is_refused():
    table = pd.DataFrame(np.zeros((1, 36)), columns=COLUMNS[:-1])
    with pytest.raises(KeyError, match=r"got none named Class11\.6"):
        galaxy_zoo.votes_of(table)
    with pytest.raises(ValueError, match=r"votes: expected shape \(N, 37\), got \(1, 36\)"):
        galaxy_zoo.cumulative(np.zeros((1, 36)))


def test_columns_are_read_by_name_not_by_place():
    found = galaxy_zoo.cumulative(random_fractions(5))
    table = pd.DataFrame(found, columns=COLUMNS)[sorted(COLUMNS)]
    np.testing.assert_array_equal(galaxy_zoo.votes_of(table), found)


def test_a_submission_is_what_kaggle_takes(tmp_path):
    rng = np.random.default_rng(0)
    votes = pd.DataFrame(rng.uniform(size=(3, 37)), columns=COLUMNS, index=["100023", "9", "100008"])
    shuffled = votes[list(COLUMNS[::-1])].assign(fold=0)
    write_submission(shuffled, tmp_path / "s.csv")
    head, *rows = (tmp_path / "s.csv").read_text().splitlines()
    assert head.split(",") == ["GalaxyID", *COLUMNS]
    assert [row.split(",")[0] for row in rows] == ["9", "100008", "100023"]
    written = pd.read_csv(tmp_path / "s.csv", index_col="GalaxyID")
    np.testing.assert_allclose(written.loc[100023], votes.loc["100023"], atol=1e-6)
    write_submission(votes.assign(**{COLUMNS[0]: [1 + 1e-7, -1e-7, 0.5]}), tmp_path / "s.csv")  # of float32
    assert pd.read_csv(tmp_path / "s.csv")[COLUMNS[0]].tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("name", "vote", "message"),
    [
        ("g7", 0.5, "object_id: expected Kaggle's GalaxyID, a whole number, got 'g7'"),
        ("7", np.nan, "votes: expected fractions in 0…1, got others for GalaxyID 7"),
        ("7", 1.5, "votes: expected fractions in 0…1, got others for GalaxyID 7"),
    ],
)
def test_what_kaggle_would_not_take_is_refused(tmp_path, name, vote, message):
    with pytest.raises(ValueError, match=message):
        write_submission(pd.DataFrame(vote, columns=COLUMNS, index=[name]), tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_score_by_hand():
    truth, estimate = np.zeros((2, 37)), np.zeros((2, 37))
    estimate[0, 0], estimate[1, 5] = 0.6, 0.8
    assert judged.votes_rmse(truth, estimate) == pytest.approx(np.sqrt(1.0 / 74))
    assert judged.votes_rmse(truth, truth) == 0


def test_the_guess_obeys_the_tree_and_scores_the_spread():
    found = galaxy_zoo.cumulative(random_fractions(6, rows=40))
    mean = judged.guess(found)
    np.testing.assert_allclose(galaxy_zoo.sum_errors(mean[None]), 0, atol=1e-12)
    assert judged.votes_rmse(found, mean) == pytest.approx(np.sqrt(found.var(axis=0).mean()))


def test_the_papers_accuracy_is_the_largest_of_37():
    truth = np.zeros((4, 37))
    truth[:, 14] = 1.0  # "odd: no"
    truth[:, 0] = 0.9
    estimate = truth.copy()
    estimate[0, 14] = 0.8  # still right in every question, wrong in the largest of 37
    estimate[1, 23] = 0.7  # wrong about mergers, right in the largest of 37
    assert judged.paper_accuracy(truth, estimate) == 0.75


def test_accuracy_of_a_question_counts_those_who_were_asked():
    fractions = random_fractions(7, rows=4)
    fractions[:, :3] = [[1, 0, 0], [0.9, 0.1, 0], [0.1, 0.9, 0], [0, 1, 0]]
    fractions[:, SLICES[6]] = [0.6, 0.3, 0.1]
    truth, wrong = galaxy_zoo.cumulative(fractions), fractions.copy()
    wrong[1, SLICES[6]] = [0.1, 0.8, 0.1]
    wrong[2, SLICES[6]] = [0.1, 0.8, 0.1]
    tree = {"slices": SLICES, "parents": galaxy_zoo.PARENTS}
    found = judged.question_scores(truth, galaxy_zoo.cumulative(wrong), **tree)
    assert found.loc[6, ["n", "accuracy", "accuracy_low", "accuracy_high"]].tolist() == [2, 0.5, 0, 1]
    assert found.loc[0, ["accuracy", "rmse"]].tolist() == [1, 0]
    assert judged.question_scores(truth, galaxy_zoo.cumulative(wrong), **tree, reached=0.05).loc[6, "n"] == 3
    nobody = judged.question_scores(truth, truth, **tree, reached=1.1).loc[6]
    assert nobody["n"] == 0
    assert nobody.drop("n").isna().all()


def test_questions_of_any_tree_by_hand():
    truth = np.array([[0.6, 0.4, 0.3], [0.2, 0.8, 0.7], [np.nan, 0.5, 0.1]])
    estimate = np.array([[0.4, 0.6, 0.3], [0.2, 0.8, 0.6], [0.5, 0.5, 0.1]])
    found = judged.question_scores(truth, estimate, [slice(0, 2), slice(2, 3)], [None, 1])
    assert found["n"].tolist() == [2, 1]  # the third object has no truth, the first did not reach question 2
    assert found["accuracy"].tolist() == [0.5, pytest.approx(np.nan, nan_ok=True)]
    assert found["rmse"].tolist() == pytest.approx([np.sqrt((0.04 + 0) / 2), 0.1])
    assert (found["rmse_low"] <= found["rmse"]).all()
