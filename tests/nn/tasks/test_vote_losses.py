"""Votes as numbers: the Dirichlet–multinomial loss against SciPy, and a training on counts from end to end."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import dirichlet_multinomial as reference

from galviz.nn import tasks
from galviz.nn.networks.vote_heads import DirichletVotes
from galviz.nn.tasks.votes import dirichlet_multinomial
from galviz.nn.training.train import train
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky import galaxy_zoo
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.guess import guess
from galviz.tasks.target import Target

SHAPE, BAR = ("shape_smooth", "shape_disc", "shape_star"), ("bar_yes", "bar_no")
COLUMNS = (*SHAPE, *BAR)
RECIPE = Recipe(
    name="x",
    epochs=30,
    batch=16,
    network={"width": 4, "stem": "small"},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 3e-2}},
    loss={"name": "dirichlet_multinomial"},
    data={"normalise": "none"},
    validation={"folds": 4},
)


@pytest.fixture(scope="module")
def counted():
    """A sky whose brightness says how people vote; some objects have nobody who answered the second question."""
    rng = np.random.default_rng(0)
    bright = rng.uniform(0, 1, 80)
    images = (bright[:, None, None, None] + rng.normal(0, 0.05, (80, 1, 16, 16))).astype(np.float32)
    shape = np.stack([rng.multinomial(40, [0.8 * b + 0.1, 0.8 * (1 - b) + 0.05, 0.05]) for b in bright])
    bar = np.stack([rng.multinomial(n if n > 8 else 0, [b, 1 - b]) for n, b in zip(shape[:, 1], bright, strict=True)])
    table = pd.DataFrame(np.concatenate([shape, bar], axis=1), columns=list(COLUMNS)).assign(kind=0)
    table.index = pd.Index([f"g{k:02d}" for k in range(80)], name="object_id")
    return CutoutSet(images=images, bands=("r",), catalogue=table, pixel_scale=1.0, unit="flux")


def test_the_loss_is_that_of_scipy():
    rng = np.random.default_rng(1)
    alpha, votes = rng.gamma(1.5, 4, (50, 4)) + 1e-3, rng.integers(0, 60, (50, 4))
    votes[0], votes[1] = 0, [0, 0, 7, 0]
    expected = [-reference.logpmf(n, a, n.sum()) for n, a in zip(votes, alpha, strict=True)]
    found = dirichlet_multinomial(torch.from_numpy(alpha), torch.from_numpy(votes).double())
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found[0].abs() < 1e-12  # nobody voted: nothing is learned
    narrow = dirichlet_multinomial(torch.from_numpy(alpha).float(), torch.from_numpy(votes).float())
    np.testing.assert_allclose(narrow, expected, rtol=1e-4, atol=1e-3)


def test_its_slope_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    votes = torch.from_numpy(rng.integers(0, 30, (6, 3))).double()
    alpha = torch.from_numpy(rng.gamma(2, 3, (6, 3)) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: dirichlet_multinomial(a, votes), alpha)


def test_expected_fractions_follow_the_tree_and_the_concentrations():
    numbers = torch.randn(5, 37)
    output = DirichletVotes()(numbers)
    votes, alpha = output[:, :37].numpy(), output[:, 37:].numpy()
    assert (alpha > 0).all()
    np.testing.assert_allclose(galaxy_zoo.sum_errors(votes), 0, atol=1e-6)
    first = galaxy_zoo.SLICES[0]
    np.testing.assert_allclose(votes[:, first], alpha[:, first] / alpha[:, first].sum(1, keepdims=True), rtol=1e-5)


def test_columns_of_numbers_are_counts_and_their_questions_are_in_their_names(counted):
    target, why = guess(counted.catalogue, COLUMNS, "votes")
    assert target.counts
    assert target.questions == (SHAPE, BAR)
    assert why.endswith("numbers of votes for 2 questions")
    assert guess(counted.catalogue, SHAPE, "votes").target.questions == (SHAPE,)
    assert guess(counted.catalogue, (*SHAPE, "bar_yes"), "votes").target.questions == ((*SHAPE, "bar_yes"),)
    truth = target.truth(counted.catalogue)
    np.testing.assert_allclose(truth[:, :3].sum(1), 1)
    nobody = counted.catalogue[list(BAR)].sum(axis=1).to_numpy() == 0
    assert nobody.any()
    assert np.isnan(truth[nobody, 3:]).all()
    np.testing.assert_allclose(truth[~nobody, 3:].sum(1), 1)
    np.testing.assert_array_equal(target.learned(counted.catalogue), counted.catalogue[list(COLUMNS)])
    assert Target.from_json(target.to_json()).counts


def test_one_column_with_numbers_is_no_count(counted):
    with pytest.raises(ValueError, match=r"expected fractions from 0 to 1 .*Give numbers of votes"):
        guess(counted.catalogue, ("shape_smooth",), "votes")


@pytest.mark.parametrize("loss", ["dirichlet_multinomial", "binomial", "mse", "mse_std"])
def test_counts_are_learned(counted, tmp_path, loss):
    target = guess(counted.catalogue, COLUMNS, "votes").target
    run = Run.create(tmp_path / "run", study="own", target=target, recipe=RECIPE.replace(loss={"name": loss}), data="x")
    held = train(run, counted, devices="cpu").predictions().held_out()
    table = held.table
    np.testing.assert_allclose(table[list(SHAPE)].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(table[list(BAR)].sum(axis=1), 1, atol=1e-5)
    assert np.corrcoef(table["shape_smooth"], table["shape_smooth_true"])[0, 1] > 0.8
    alphas = [f"{name}_alpha" for name in COLUMNS]
    assert (set(alphas) <= set(table)) == (loss == "dirichlet_multinomial")
    if loss == "dirichlet_multinomial":
        sure = table[alphas[:3]].sum(axis=1)
        assert (sure > 1).all()
        assert np.isfinite(run.metrics()[["val_loss", "val_mae"]]).to_numpy().all()


def test_fractions_with_the_number_of_volunteers_are_the_same_as_counts(counted):
    catalogue = counted.catalogue
    total = catalogue[list(SHAPE)].sum(axis=1)
    fractions = catalogue.assign(volunteers=total, **catalogue[list(SHAPE)].div(total, axis=0))
    recipe = RECIPE.replace(data={"vote_count": "volunteers"})
    target = tasks.prepared(guess(fractions, SHAPE).target, recipe, fractions)
    assert (target.questions, target.total) == ((SHAPE,), "volunteers")
    np.testing.assert_allclose(target.learned(fractions), catalogue[list(SHAPE)])
    np.testing.assert_allclose(target.truth(fractions), fractions[list(SHAPE)])


def test_what_the_loss_cannot_learn_is_refused(counted):
    fractions = counted.catalogue[list(SHAPE)].div(41).assign(n=40.0)
    target = guess(fractions, SHAPE[:2]).target
    with pytest.raises(ValueError, match=r"expected numbers of votes for dirichlet_multinomial, got fractions"):
        tasks.prepared(target, RECIPE, fractions)
    wanted = RECIPE.replace(data={"vote_count": "n"})
    with pytest.raises(ValueError, match=r"expected all answers to a question .*Add the missing answers"):
        tasks.prepared(target, wanted, fractions)
    with pytest.raises(KeyError, match=r"data.vote_count: expected a column"):
        tasks.prepared(target, wanted.replace(data={"vote_count": "no"}), fractions)
    with pytest.raises(ValueError, match=r"data.vote_count: expected none for the loss binomial"):
        tasks.prepared(target, wanted.replace(loss={"name": "binomial"}), fractions)
    counts = guess(counted.catalogue, SHAPE, "votes").target
    with pytest.raises(ValueError, match=r"network.votes: expected tree for dirichlet_multinomial, got sigmoid"):
        tasks.build(counts, RECIPE.replace(network={"votes": "sigmoid"}), ("r",), 16)
