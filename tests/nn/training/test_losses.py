import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from galviz.nn.tasks import loss_of
from galviz.nn.training.losses import focal, gaussian_nll, mse_std, rmse
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
    assert mse_std(estimate, truth, 1.0, scatter="signed").item() == pytest.approx(20 / 3 + signed)


@given(arrays(np.float64, (5, 2), elements=finite), arrays(np.float64, (5, 2), elements=finite))
def test_rmse_is_the_root_of_the_mean_square_with_its_gradient(estimate, truth):
    given_, known = torch.tensor(estimate, requires_grad=True), torch.tensor(truth)
    found = rmse(given_, known, torch.tensor([1.0, 10.0]))
    found.backward()
    plain = torch.tensor(estimate, requires_grad=True)
    expected = (((plain - known) / torch.tensor([1.0, 10.0])).square().mean() + 1e-12).sqrt()
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(given_.grad, plain.grad, rtol=1e-6, atol=1e-6)
    assert given_.grad.isfinite().all()


def test_the_recipe_s_rmse_is_in_the_unit_of_a_number_and_that_of_several_is_in_their_scatters():
    truth, known = torch.tensor([[8.5], [9.0]]), np.array([[8.4], [8.8]])
    found = loss_of(REGRESSION, recipe_of("rmse"), known)(truth + torch.tensor([[0.3], [0.4]]), truth)
    assert found.item() == pytest.approx(np.sqrt(0.125))
    both = Target("a+b", "regression", ("a", "b"), "a")
    found = loss_of(both, recipe_of("rmse"), known * [[1, 10]])(torch.tensor([[0.2, 2.0]]), torch.zeros(1, 2))
    assert found.item() == pytest.approx(1.0)  # the scatters are 0.2 and 2


def _half_of_a_batch(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    estimate, truth = torch.arange(10.0).reshape(5, 2), torch.ones(5, 2)
    mine = slice(0, 2) if rank == 0 else slice(2, 5)  # not of equal size
    own = estimate[mine].requires_grad_()
    loss = rmse(own, truth[mine])
    loss.backward()
    torch.save({"loss": loss.detach(), "gradient": own.grad}, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_rmse_of_two_processes_is_that_of_the_whole_batch(tmp_path):
    """A parallel training takes the mean of the gradients of its processes."""
    torch.multiprocessing.spawn(_half_of_a_batch, (str(tmp_path),), nprocs=2)
    whole = torch.arange(10.0).reshape(5, 2).requires_grad_()
    loss = rmse(whole, torch.ones(5, 2))
    loss.backward()
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert first["loss"] == second["loss"] == loss.detach()
    torch.testing.assert_close(torch.cat([first["gradient"], second["gradient"]]) / 2, whole.grad)


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
    signed = recipe.replace(loss={"scatter": "signed"})
    for target in (REGRESSION, Target("v", "votes", ("v",), "v")):
        assert loss_of(target, signed)(estimate, truth) == mse_std(estimate, truth, 2.0, "signed")
    logits = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    entropy = loss_of(CLASSES, recipe.replace(loss={"name": "cross_entropy"}))(logits, torch.tensor([0, 1]))
    assert entropy.tolist() == pytest.approx([0, 0], abs=1e-3)


def test_a_normal_distribution_is_as_likely_as_it_is():
    truth, mean, sigma = np.array([0.0, 1.0, 2.5]), np.array([0.3, 0.8, 4.0]), np.array([0.2, 1.0, 3.0])
    output = torch.tensor(np.stack([mean, 2 * np.log(sigma)], axis=1))
    expected = -norm.logpdf(truth, mean, sigma).mean() - np.log(2 * np.pi) / 2
    assert gaussian_nll(output, torch.tensor(truth)[:, None]).mean().item() == pytest.approx(expected)


def test_beta_weighs_objects_by_their_variance():
    output = torch.tensor([[0.5, np.log(4.0)], [3.0, np.log(0.01)]], requires_grad=True)
    truth = torch.zeros(2, 1, dtype=torch.float64)
    gaussian_nll(output, truth, beta=1.0).mean().backward()
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
    assert torch.equal(loss_of(REGRESSION, recipe)(output, truth), gaussian_nll(output, truth, beta=0.5))


def recipe_of(loss, **options):
    rates = {"learning_rates": {"head": 1e-3}}
    return Recipe(name="x", epochs=1, batch=2, optimiser=rates, loss={"name": loss, **options})


def test_mean_absolute_error_and_huber_by_hand():
    estimate, truth = torch.tensor([[1.0], [2.0], [9.0]]), torch.tensor([[1.5], [2.0], [4.0]])
    assert loss_of(REGRESSION, recipe_of("mae"))(estimate, truth).tolist() == [0.5, 0.0, 5.0]
    assert loss_of(REGRESSION, recipe_of("huber"))(estimate, truth).tolist() == [0.125, 0.0, 4.5]
    known = np.array([[0.0], [20.0]])  # σ is 10: all errors are small
    found = loss_of(REGRESSION, recipe_of("huber"), known)(estimate, truth)
    assert found.tolist() == pytest.approx([0.05**2 / 2, 0, 0.5**2 / 2])


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "gaussian_nll"])
def test_numbers_of_any_size_count_the_same(loss):
    """Two columns with the same values in other units have the same gradients, relative to their units."""
    rng, unit = np.random.default_rng(0), np.array([1.0, 1e12])
    known = rng.normal(size=(20, 1)) * unit
    target = Target("a+b", "regression", ("a", "b"), "a")
    truth = torch.tensor(known, dtype=torch.float32)
    mean = torch.zeros(20, 2, requires_grad=True)
    output = mean * torch.tensor(unit)
    if loss == "gaussian_nll":
        output = torch.cat([output, torch.tensor(2 * np.log(unit)).expand(20, 2)], 1)
    loss_of(target, recipe_of(loss, alpha=0.5 if loss == "gaussian_nll" else 0.0), known)(
        output.float(), truth
    ).mean().backward()
    torch.testing.assert_close(mean.grad[:, 0], mean.grad[:, 1], rtol=1e-3, atol=1e-6)
    assert mean.grad.abs().max() > 0


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_likelihood_knows_no_unit(scale):
    known = np.array([[1.0], [2.0], [4.0]]) * scale
    output = torch.tensor(np.concatenate([known * 1.1, np.full((3, 1), 2 * np.log(scale))], 1)).float()
    found = loss_of(REGRESSION, recipe_of("gaussian_nll"), known)(output, torch.from_numpy(known).float())
    expected = loss_of(REGRESSION, recipe_of("gaussian_nll"), known / scale)(
        output / torch.tensor([scale, 1.0]) - torch.tensor([0.0, 2 * np.log(scale)]), torch.tensor(known / scale)
    )
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-4)
    for loss in ("mse", "mae"):
        with pytest.raises(ValueError, match="loss: expected gaussian_nll or huber for values with a scatter of"):
            loss_of(REGRESSION, recipe_of(loss), known)


@given(st.floats(-5, 5), st.floats(0, 4))
def test_focal_loss_by_hand(logit, gamma):
    p = 1 / (1 + np.exp(-logit))
    found = focal(torch.tensor([[0.0, logit]], dtype=torch.float64), torch.tensor([1]), gamma)
    assert found.item() == pytest.approx(-((1 - p) ** gamma) * np.log(p), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_of_a_certain_object_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    focal(logits, torch.tensor([0]), gamma).sum().backward()
    assert logits.grad.isfinite().all()


def test_focal_has_gamma_2_unless_alpha_says_otherwise():
    logits, truth = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    for alpha, gamma in [(0.0, 2.0), (1.0, 1.0)]:
        assert torch.equal(
            loss_of(CLASSES, recipe_of("focal", alpha=alpha))(logits, truth), focal(logits, truth, gamma)
        )


def test_binomial_by_hand_and_without_dead_ends():
    votes = Target("v", "votes", ("v", "w"), "v")
    loss = loss_of(votes, recipe_of("binomial"))
    output, truth = torch.tensor([[0.2, 0.9]]), torch.tensor([[0.5, 1.0]])
    by_hand = -(0.5 * np.log(0.2) + 0.5 * np.log(0.8) + np.log(0.9)) / 2
    assert loss(output, truth).item() == pytest.approx(by_hand, rel=1e-5)
    extreme = torch.tensor([[0.0, 1.0]], requires_grad=True)
    found = loss(extreme, torch.tensor([[1.0, 0.0]]))
    found.sum().backward()
    assert found.isfinite().all()
    assert extreme.grad[0, 0] < 0 < extreme.grad[0, 1]
    assert loss(output.bfloat16(), truth).dtype == torch.float32


def test_a_validation_does_not_add_up_its_squares_over_processes(monkeypatch):
    """It has the outputs of all processes already, on the CPU, where NCCL cannot add."""

    def refusing(_):
        raise RuntimeError("No backend type associated with device type cpu")

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", refusing)
    assert rmse(torch.full((3, 1), 2.0), torch.zeros(3, 1)).item() == pytest.approx(2)
    with pytest.raises(RuntimeError, match="No backend type"):
        rmse(torch.full((3, 1), 2.0, requires_grad=True), torch.zeros(3, 1))
