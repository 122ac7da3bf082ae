import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from galviz.nn.tasks import loss_of
from galviz.nn.training.losses import gaussian_nll, mse_std
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

REGRESSION = Target("t", "regression", ("t",), "t")
CLASSES = Target("c", "classification", ("c",), "c")
finite = st.floats(-100, 100, width=32)


@given(arrays(np.float32, (5, 1), elements=finite), arrays(np.float32, (5, 1), elements=finite))
def test_alpha_0_is_the_mean_squared_error(estimate, truth):
    loss = mse_std(torch.tensor(estimate), torch.tensor(truth), alpha=0)
    assert loss == torch.nn.functional.mse_loss(torch.tensor(estimate), torch.tensor(truth))


def test_equation_1_by_hand():
    truth, estimate = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [0.0], [7.0]])
    assert mse_std(estimate, truth, 1.0).item() == pytest.approx(20 / 3 + 2.0)  # |errors| 0 2 4: std 2
    assert mse_std(estimate, truth, 0.5).item() == pytest.approx(20 / 3 + 1.0)
    signed = np.std([0, 2, -4], ddof=1)
    assert mse_std(estimate, truth, 1.0, mode="signed").item() == pytest.approx(20 / 3 + signed)


def test_equal_errors_have_a_finite_gradient():
    estimate = torch.zeros(4, 1, requires_grad=True)
    mse_std(estimate, torch.ones(4, 1), 1.0).backward()
    assert estimate.grad.isfinite().all()


def test_a_batch_of_one_has_no_scatter():
    with pytest.raises(ValueError, match="batch: expected at least 2 objects"):
        mse_std(torch.zeros(1, 1), torch.ones(1, 1), 1.0)


def test_recipes_name_losses():
    recipe = Recipe(
        name="x",
        epochs=1,
        batch=2,
        optimiser={"learning_rates": {"head": 1e-3}},
        loss={"name": "mse_std", "alpha": 2.0},
    )
    truth, estimate = torch.randn(6, 1), torch.randn(6, 1)
    assert loss_of(REGRESSION, recipe)(estimate, truth) == mse_std(estimate, truth, 2.0)
    logits = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    assert loss_of(CLASSES, recipe.replace(loss={"name": "cross_entropy"}))(logits, torch.tensor([0, 1])) < 1e-3


def test_a_normal_distribution_is_as_likely_as_it_is():
    truth, mean, sigma = np.array([0.0, 1.0, 2.5]), np.array([0.3, 0.8, 4.0]), np.array([0.2, 1.0, 3.0])
    output = torch.tensor(np.stack([mean, 2 * np.log(sigma)], axis=1))
    expected = -norm.logpdf(truth, mean, sigma).mean() - np.log(2 * np.pi) / 2
    assert gaussian_nll(output, torch.tensor(truth)[:, None]).item() == pytest.approx(expected)


def test_beta_weighs_objects_by_their_variance():
    output = torch.tensor([[0.5, np.log(4.0)], [3.0, np.log(0.01)]], requires_grad=True)
    truth = torch.zeros(2, 1, dtype=torch.float64)
    gaussian_nll(output, truth, beta=1.0).backward()
    assert output.grad[:, 0].tolist() == pytest.approx([0.5 / 2, 3.0 / 2])  # as of half the mean squared error
    by_hand = (4.0 * (0.25 / 4.0 - 1), 0.01 * (9.0 / 0.01 - 1))  # −2 s ∂L/∂ln σ², s = σ²
    assert (-4 * output.grad[:, 1]).tolist() == pytest.approx(by_hand)
    recipe = Recipe(
        name="x",
        epochs=1,
        batch=2,
        optimiser={"learning_rates": {"head": 1e-3}},
        loss={"name": "gaussian_nll", "alpha": 0.5},
    )
    assert loss_of(REGRESSION, recipe)(output, truth) == gaussian_nll(output, truth, beta=0.5)
