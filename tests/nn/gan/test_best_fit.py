"""Best fits: an image of the generator comes back, many at once go the way of one, and what is hidden stays unseen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from galviz.nn.gan.best_fit import best_fit
from galviz.nn.gan.fit_steps import Cancelled, fit_steps, start_fit
from galviz.nn.gan.lsgan import Generator, Mirror

D = 5


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks as small as these only wait for each other on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def generator(one_thread):
    torch.manual_seed(0)
    network = Generator(3, 8, 16, D).double()
    return network.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def embedder(generator):
    """One that has learned, though not to the end."""
    torch.manual_seed(1)
    network = Mirror(3, 8, 16, D, groups=0).double()
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(300):
        z = torch.randn(64, D).double()
        loss = (network(generator(z)) - z).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def made(generator):
    """Latents and images that nobody may peep at."""
    z = torch.from_numpy(np.random.default_rng(3).standard_normal((20, D)))
    return z.numpy(), generator(z).numpy()


def error(found, truth):
    rest = (found - truth).reshape(len(truth), -1)
    return np.linalg.norm(rest, axis=1) / np.linalg.norm(truth.reshape(len(truth), -1), axis=1)


def test_images_of_the_generator_come_back(generator, embedder, made):
    fit = best_fit(generator, made[1], embedder=embedder, steps=300)
    assert (error(fit.image, made[1]) < 1e-2).mean() >= 0.95
    assert (error(fit.latent[:, :, None, None], made[0][:, :, None, None]) < 5e-2).mean() >= 0.9
    np.testing.assert_allclose(fit.residual, made[1] - fit.image)


@pytest.mark.parametrize("off", [0, 2])
def test_so_does_a_band_that_was_switched_off(generator, embedder, made, off):
    images = made[1].copy()
    images[:, off] = np.nan
    fit = best_fit(generator, images, observed=np.arange(3) != off, embedder=embedder, steps=300)
    assert (error(fit.image[:, off], made[1][:, off]) < 1e-2).mean() >= 0.95
    assert np.isnan(fit.residual[:, off]).all()
    assert np.isfinite(np.delete(fit.residual, off, axis=1)).all()


@pytest.mark.parametrize("form", ["bands", "objects and bands", "pixels"])
def test_what_was_not_observed_changes_nothing(generator, embedder, made, form):
    images, bands = made[1][:4], np.array([True, False, True])
    observed = {
        "bands": bands,
        "objects and bands": np.tile(bands, (4, 1)),
        "pixels": np.broadcast_to(bands[:, None, None], images.shape),
    }[form]
    other = images.copy()
    other[:, 1] = 1e6
    fits = [best_fit(generator, i, observed=observed, embedder=embedder, steps=20) for i in (images, other)]
    np.testing.assert_array_equal(fits[0].latent, fits[1].latent)
    whole = best_fit(generator, images, embedder=embedder, steps=20)
    assert not np.allclose(whole.latent, fits[0].latent)


def test_many_at_once_go_the_way_of_one_at_a_time(generator, embedder, made):
    images = made[1] + np.random.default_rng(0).normal(0, 0.3, made[1].shape)
    together = best_fit(generator, images, embedder=embedder, steps=60)
    single = [best_fit(generator, image[None], embedder=embedder, steps=60) for image in images]
    assert len({np.isfinite(fit.loss).sum() for fit in single}) > 1  # some were done earlier and left the batch
    np.testing.assert_allclose(together.loss, np.concatenate([fit.loss for fit in single]), rtol=1e-8)
    np.testing.assert_allclose(together.latent, np.concatenate([fit.latent for fit in single]), rtol=1e-7, atol=1e-9)


def test_gauss_newton_reaches_the_minimum_from_the_embedder(generator, embedder, made):
    """Of noisy images too, where the gradient vanishes at a loss above 0; more steps of Adam are no better."""
    for noise in (0.0, 0.3):
        images = made[1] + noise * np.random.default_rng(0).normal(size=made[1].shape)
        polished = best_fit(generator, images, embedder=embedder, steps=0, polish=20)
        slow = best_fit(generator, images, embedder=embedder, steps=400, tolerance=None)
        least, other = np.nanmin(polished.loss, axis=1), np.nanmin(slow.loss, axis=1)
        assert (least <= 1.05 * other + 1e-12).mean() >= 0.9
        assert (np.diff(polished.loss, axis=1)[np.isfinite(np.diff(polished.loss, axis=1))] <= 0).all()
        z = torch.from_numpy(polished.latent).requires_grad_()
        loss = (generator(z) - torch.from_numpy(images)).square().mean((1, 2, 3)).sum()
        loss.backward()
        assert (z.grad.norm(dim=1) < 0.02).float().mean() >= 0.9
    assert polished.loss.shape == (20, 20)


def test_gauss_newton_of_many_is_that_of_one(generator, embedder, made, monkeypatch):
    monkeypatch.setattr("galviz.nn.gan.fit_steps._JACOBIANS", 7)
    images = made[1] + np.random.default_rng(0).normal(0, 0.3, made[1].shape)
    options = {"embedder": embedder, "steps": 3, "polish": 5, "observed": np.array([True, True, False]), "prior": 0.1}
    together = best_fit(generator, images, **options)
    single = [best_fit(generator, image[None], **options) for image in images]
    np.testing.assert_allclose(together.latent, np.concatenate([fit.latent for fit in single]), rtol=1e-6, atol=1e-9)


def test_one_step_of_adam_has_the_length_of_the_rate(generator, embedder, made):
    state = start_fit(embedder, made[1])
    after = fit_steps(generator, made[1], None, state, 1)
    np.testing.assert_allclose(np.abs(after.latent - state.latent), 0.25, rtol=1e-2)


def test_the_path_is_that_of_torchs_adam_on_the_sum_of_squares(generator, embedder, made):
    z = torch.from_numpy(start_fit(embedder, made[1]).latent).requires_grad_()
    optimiser = torch.optim.Adam([z], 0.25)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        loss = (generator(z) - torch.from_numpy(made[1])).square().mean((1, 2, 3))
        loss.sum().backward()
        optimiser.step()
        losses.append(loss.detach().numpy())
    state = fit_steps(generator, made[1], None, start_fit(embedder, made[1]), 15)
    np.testing.assert_allclose(state.loss.T, losses, rtol=1e-6)
    np.testing.assert_allclose(state.latent, z.detach().numpy(), rtol=1e-5)


def test_steps_in_parts_are_the_steps_in_one(generator, embedder, made):
    observed = np.array([True, True, False])
    whole = fit_steps(generator, made[1], observed, start_fit(embedder, made[1], observed), 60)
    state = start_fit(embedder, made[1], observed)
    for steps in (7, 0, 33, 20):
        state = fit_steps(generator, made[1], observed, state, steps)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(vars(state)[name], value, rtol=1e-10, equal_nan=True)
        assert type(value) is np.ndarray


def test_an_image_that_is_done_stays_as_it_is(generator, embedder, made):
    state = fit_steps(generator, made[1], None, start_fit(embedder, made[1]), 30)
    done = replace(state, done=np.arange(20) < 10)
    after = fit_steps(generator, made[1], None, done, 5)
    np.testing.assert_array_equal(after.latent[:10], state.latent[:10])
    assert (after.latent[10:] != state.latent[10:]).any(axis=1).all()
    assert np.isnan(after.loss[:10, 30:]).all()


def test_the_start_is_the_answer_without_steps(generator, embedder, made):
    fit = best_fit(generator, made[1], embedder=embedder, steps=0)
    np.testing.assert_allclose(fit.latent, embedder(torch.from_numpy(made[1])).numpy(), rtol=1e-6)
    assert fit.loss.shape == (20, 0)


def test_random_starts_are_those_of_the_seed_and_more_of_them_are_no_worse(generator, made):
    noisy = made[1] + np.random.default_rng(0).normal(0, 0.5, made[1].shape)
    one, same, other = (best_fit(generator, noisy, steps=40, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.latent, same.latent)
    assert (one.latent != other.latent).any()
    assert np.isnan(one.spread).all()
    many = best_fit(generator, noisy, steps=40, restarts=4)
    assert np.nanmin(many.loss, axis=1).mean() <= np.nanmin(one.loss, axis=1).mean() + 1e-9
    assert (many.spread >= 0).all()


def test_spread_vanishes_where_all_starts_agree_on_the_observed_and_shows_what_is_free(generator, embedder, made):
    known = best_fit(generator, made[1], embedder=embedder, restarts=3, steps=300)
    corner = np.zeros(made[1].shape, dtype=bool)
    corner[:, 0, 0, 0] = True
    unknown = best_fit(generator, made[1], observed=corner, embedder=embedder, restarts=3, steps=300)
    assert np.median(known.spread) < 0.05 * np.median(unknown.spread)


def test_weights_say_which_pixels_count(generator, embedder, made):
    """A pixel of weight 0 is not observed; all weights times a number change nothing."""
    mask = np.random.default_rng(0).uniform(size=made[1].shape) > 0.3
    by_mask = best_fit(generator, made[1], observed=mask, embedder=embedder, steps=20)
    by_weight = best_fit(generator, made[1], weights=7.0 * mask, embedder=embedder, steps=20)
    np.testing.assert_allclose(by_mask.latent, by_weight.latent, rtol=1e-5)


def test_a_prior_draws_latents_to_zero(generator, embedder, made):
    sizes = [
        np.linalg.norm(best_fit(generator, made[1], embedder=embedder, steps=150, prior=prior).latent, axis=1).mean()
        for prior in (0.0, 30.0, 3000.0)
    ]
    assert sizes[0] > 1.5 * sizes[1] > 1.5 * sizes[2]


def test_a_second_pass_is_no_worse(generator, embedder, made):
    observed = np.array([False, True, True])
    one, two = (
        best_fit(generator, made[1], observed=observed, embedder=embedder, steps=15, passes=passes) for passes in (1, 2)
    )
    least = [np.nanmin(fit.loss, axis=1) for fit in (one, two)]
    assert (least[1] <= least[0]).all()
    assert (least[1] < least[0]).any()


def test_what_is_unlike_the_training_images_is_off_the_manifold(generator, embedder, made):
    rng = np.random.default_rng(0)
    reference = np.abs(rng.normal(0.3, 0.05, (100, 3)))
    noise = rng.normal(size=made[1].shape)
    scores = [
        best_fit(generator, made[1] + size * noise, embedder=embedder, reference=reference).off_manifold
        for size in (0.0, 0.3, 3.0)
    ]
    assert (scores[0] == 0).all()
    assert (scores[2] == 1).all()
    assert 0.1 < scores[1].mean() < 0.9
    assert np.isnan(best_fit(generator, made[1], steps=1).off_manifold).all()


def test_progress_is_told_and_a_wish_to_cancel_obeyed(generator, made):
    received, requested = [], []

    def cancelled():
        requested.append(1)
        return len(requested) > 7

    best_fit(generator, made[1], steps=2, progress=lambda *numbers: received.append(numbers))
    assert received == [(20, 20)]
    with pytest.raises(Cancelled):
        best_fit(generator, made[1], steps=100, cancelled=cancelled)
    assert len(requested) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observed": np.ones(4, bool)}, r"observed: expected shape \(3,\) or \(20, 3\) or .*, got \(4,\)"),
        ({"observed": np.zeros(3, bool)}, "observed: expected a pixel of every image, got none of image 0"),
        ({"weights": -1.0}, "weights: expected finite numbers of at least 0"),
        ({"restarts": 0}, "restarts: expected at least 1, got 0"),
        ({"steps": -1}, "steps: expected at least 0, got -1"),
    ],
)
def test_bad_arguments_are_told(generator, made, changes, message):
    with pytest.raises(ValueError, match=message):
        best_fit(generator, made[1], **changes)


def test_observed_pixels_that_are_nan_are_refused(generator, made):
    images = made[1].copy()
    images[2, 1, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="images: expected finite observed pixels"):
        best_fit(generator, images)
