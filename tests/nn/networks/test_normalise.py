import numpy as np
import pandas as pd
import pytest
import torch

from galviz.nn.networks.normalise import Normalise, asinh, pixel_noise
from galviz.sky.cutouts import CutoutSet

BANDS = ("u", "r")


def sky(scale=(1.0, 10.0), rows=40, coverage=None, seed=0):
    images = np.random.default_rng(seed).normal(0, 1, (rows, 2, 16, 16)) * np.reshape(scale, (2, 1, 1))
    images = images.astype(np.float32)
    if coverage is not None:
        images[~coverage] = 0
    catalogue = pd.DataFrame(index=pd.Index([f"o{k}" for k in range(rows)], name="object_id"))
    return CutoutSet(
        images=images, bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit="nanomaggy", coverage=coverage
    )


def test_asinh_gives_every_band_mean_0_and_scatter_1():
    cutouts, normalise = sky(), Normalise("asinh", BANDS)
    normalise.fit(cutouts, np.arange(40))
    out = normalise(torch.from_numpy(cutouts.images[:]))
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(2), atol=1e-4)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(2), atol=1e-3)
    assert normalise.softening.flatten().tolist() == pytest.approx([1, 10], rel=0.05)  # the noise of a pixel


def test_asinh_global_keeps_the_ratio_of_bands():
    cutouts, normalise = sky(scale=(1.0, 3.0)), Normalise("asinh_global", BANDS)
    normalise.fit(cutouts, np.arange(40))
    out = normalise(torch.from_numpy(cutouts.images[:]))
    assert normalise.softening.numel() == 1
    assert out[:, 1].std() > 1.5 * out[:, 0].std()


def test_only_the_rows_that_are_trained_on_count():
    cutouts, other = sky(), sky(seed=1)
    mixed = CutoutSet(
        images=np.concatenate([cutouts.images[:20], 1000 * other.images[20:]]),
        bands=BANDS,
        catalogue=cutouts.catalogue,
        pixel_scale=1.0,
        unit="nanomaggy",
    )
    constants = []
    for some in (cutouts, mixed):
        normalise = Normalise("asinh", BANDS)
        normalise.fit(some, np.arange(20))
        constants.append(normalise.constants())
    assert constants[0] == constants[1]
    assert set(constants[0]) == {"mode", "softening", "mean", "std"}


def test_pixels_that_were_not_observed_do_not_count():
    coverage = np.ones((40, 2, 16, 16), bool)
    coverage[:, :, :8] = False
    half, whole = Normalise("asinh", BANDS), Normalise("asinh", BANDS)
    half.fit(sky(coverage=coverage), np.arange(40))
    whole.fit(sky(), np.arange(40))
    assert half.std.flatten().tolist() == pytest.approx(whole.std.flatten().tolist(), rel=0.05)


def test_minmax_is_0_to_1_for_each_image_and_band_whatever_its_scale():
    normalise = Normalise("minmax", BANDS)
    images = torch.from_numpy(sky().images[:4])
    out = normalise(images)
    assert torch.allclose(out.amin((2, 3)), torch.zeros(4, 2))
    assert torch.allclose(out.amax((2, 3)), torch.ones(4, 2))
    assert torch.allclose(normalise(50 * images + 3), out, atol=1e-5)
    assert normalise(torch.ones(1, 2, 4, 4)).abs().sum() == 0
    assert normalise.constants() == {"mode": "minmax"}


def test_noise_gives_sky_of_unit_width_around_0_whatever_its_scale():
    normalise = Normalise("noise", BANDS)
    images = torch.from_numpy(np.random.default_rng(0).normal(5, 2, (3, 2, 60, 60)).astype("float32"))
    images[..., :3, :3] = 1e4
    out = normalise(images)
    sky_pixels = torch.sinh(out[..., 3:, :])
    assert sky_pixels.mean().abs() < 0.05
    assert sky_pixels.std().item() == pytest.approx(1, abs=0.05)
    assert torch.allclose(normalise(50 * images + 3), out, atol=1e-3)
    assert normalise(torch.ones(1, 2, 4, 4)).abs().sum() == 0
    assert normalise.constants() == {"mode": "noise"}


def test_none_leaves_pixels_as_they_are():
    cutouts, normalise = sky(), Normalise("none", BANDS)
    normalise.fit(cutouts, np.arange(40))
    images = torch.from_numpy(cutouts.images[:4])
    assert torch.equal(normalise(images), images)
    assert normalise.constants() == {"mode": "none"}


def test_even_images_give_finite_numbers():
    cutouts = sky(scale=(0.0, 0.0))
    normalise = Normalise("asinh", BANDS)
    normalise.fit(cutouts, np.arange(40))
    assert normalise(torch.from_numpy(cutouts.images[:2])).isfinite().all()


def test_noise_of_a_pixel_is_that_of_a_gaussian_despite_a_bright_star():
    images = np.random.default_rng(0).normal(5, 2, (1, 1, 100, 100))
    images[..., :5, :5] = 1e6
    assert pixel_noise(images)[0, 0] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    ("bands", "mean", "std"),
    [("rgb", [0.5, 0.4, 0.3], [0.1, 0.2, 0.3]), ("r", [0.4], [0.2]), ("ugriz", [0.4] * 5, [0.2] * 5)],
)
def test_pretrained_has_the_constants_of_the_encoders_pictures(bands, mean, std):
    images = np.random.default_rng(0).uniform(0, 1, (8, len(bands), 6, 6)).astype(np.float32)
    table = pd.DataFrame(index=pd.Index(list("abcdefgh"), name="object_id"))
    cutouts = CutoutSet(images=images, bands=tuple(bands), catalogue=table, pixel_scale=1.0, unit="display")
    normalise = Normalise("pretrained", tuple(bands), trained=((0.5, 0.4, 0.3), (0.1, 0.2, 0.3)))
    normalise.fit(cutouts, np.arange(8))
    expected = (images - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))
    np.testing.assert_allclose(normalise(torch.from_numpy(images)), expected, rtol=1e-5, atol=1e-6)


def test_pretrained_is_refused_for_fluxes():
    with pytest.raises(ValueError, match=r"data.normalise: expected pictures in 0…1 .* nanomaggy. Use asinh"):
        Normalise("pretrained", BANDS).fit(sky(), np.arange(40))


def test_unknown_modes_are_refused():
    with pytest.raises(ValueError, match=r"normalise: expected one of asinh, asinh_global, .* none, got 'log'"):
        Normalise("log", BANDS)


def test_what_is_far_from_zero_is_cut_off():
    images = torch.tensor([-100.0, -0.5, 0.0, 2.0, 1e5]).reshape(1, 1, 1, 5)
    whole, cut = (Normalise("asinh", ("r",), clip)(images).flatten() for clip in (0.0, 4.0))
    assert cut.tolist() == pytest.approx([-4.0, *torch.asinh(images).flatten()[1:4].tolist(), 4.0])
    assert whole.tolist() == pytest.approx(torch.asinh(images).flatten().tolist())
    assert Normalise("noise", ("r",), 4.0).constants() == {"mode": "noise", "clip": 4.0}
    assert Normalise("noise", ("r",)).constants() == {"mode": "noise"}
    with pytest.raises(ValueError, match=r"clip: expected 0 or more, got -1\.0"):
        Normalise("noise", ("r",), -1.0)


COLOURS = ("red", "green", "blue")


def pictures(rows=40):
    images = np.random.default_rng(1).uniform(0, 1, (rows, 3, 8, 8)).astype(np.float32)
    catalogue = pd.DataFrame(index=pd.Index([f"o{k}" for k in range(rows)], name="object_id"))
    return CutoutSet(images=images, bands=COLOURS, catalogue=catalogue, pixel_scale=1.0, unit="display")


def test_grey_pictures_are_the_luminance_in_all_bands():
    images = torch.from_numpy(pictures().images[:])
    grey = Normalise("none", COLOURS, grey="luminance")(images)
    wanted = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    assert all(torch.allclose(grey[:, k], wanted) for k in range(3))
    assert torch.allclose(Normalise("none", ("r", "g"), grey="luminance")(images[:, :2])[:, 0], images[:, :2].mean(1))
    one = Normalise("none", COLOURS, grey="green")(images)
    assert all(torch.equal(one[:, k], images[:, 1]) for k in range(3))


def test_the_constants_are_those_of_grey_pictures():
    cutouts, normalise = pictures(), Normalise("standard", COLOURS, grey="luminance")
    normalise.fit(cutouts, np.arange(40))
    out = normalise(torch.from_numpy(cutouts.images[:]))
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(3), atol=1e-3)
    assert normalise.constants()["grey"] == pytest.approx([0.299, 0.587, 0.114])
    again = Normalise("standard", COLOURS, grey="luminance")
    again.load_state_dict(normalise.state_dict())
    assert torch.equal(again(torch.ones(1, 3, 8, 8)), normalise(torch.ones(1, 3, 8, 8)))


def test_in_colour_nothing_is_stored_about_grey():
    assert "grey" not in Normalise("standard", COLOURS).state_dict()
    assert "grey" not in Normalise("standard", COLOURS).constants()


def test_a_grey_of_no_band_is_refused():
    with pytest.raises(ValueError, match=r"data.grey: expected luminance or one of u, r, got 'green'"):
        Normalise("standard", BANDS, grey="green")


def test_asinh_is_that_of_numpy_for_faint_and_bright_pixels():
    sizes = np.concatenate([[0.0], np.logspace(-30, 38, 2001)])
    values = np.concatenate([sizes, -sizes]).astype(np.float32)
    found = asinh(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(found, np.arcsinh(values.astype(np.float64)), rtol=3e-7)
    assert np.array_equal(values, np.concatenate([sizes, -sizes]).astype(np.float32))


def test_asinh_has_its_slope_where_gradients_are_needed():
    values = torch.tensor([0.0, -2.0, 30.0], requires_grad=True)
    asinh(values).sum().backward()
    assert values.grad.tolist() == pytest.approx([1, 5**-0.5, 901**-0.5])
