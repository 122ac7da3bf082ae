"""Images as they could have been observed as well."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from galviz.nn.training.augment import augmented, blurred, randomly_blurred, randomly_turned, randomly_zoomed, turned


def some(side=9, seed=0):
    return torch.rand(2, 3, side, side, generator=torch.manual_seed(seed))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("side", [8, 9])
def test_quarter_turns_are_exact(quarters, side):
    images = some(side)
    found = turned(images, torch.full((2,), quarters * math.pi / 2))
    torch.testing.assert_close(found, torch.rot90(images, quarters, (2, 3)), atol=1e-5, rtol=0)


def test_flips_come_before_the_turn():
    images = some()
    found = turned(images, torch.tensor([0.0, math.pi / 2]), flip=torch.tensor([True, True]))
    torch.testing.assert_close(found[0], images[0].flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1], torch.rot90(images[1].flip(-1), 1, (1, 2)), atol=1e-5, rtol=0)


def test_made_smaller_by_the_mean():
    images = some(12)
    found = turned(images, torch.zeros(2), size=4)
    torch.testing.assert_close(found, torch.nn.functional.avg_pool2d(images, 3), atol=1e-5, rtol=0)


def test_zoom_shows_the_middle_larger():
    ramp = torch.arange(12.0).expand(1, 3, 12, 12)
    half = turned(ramp, torch.zeros(1), zoom=2.0, size=6)
    torch.testing.assert_close(half[0, 0, 0], torch.arange(3.0, 9.0), atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 6.28), st.floats(1.0, 1.25))
def test_a_turned_galaxy_keeps_its_place_and_light(angle, zoom):
    step = torch.linspace(-1, 1, 41)
    x, y = torch.meshgrid(step, step, indexing="xy")
    image = torch.exp(-(((x - 0.3) ** 2 + y**2) / 0.02))[None, None]
    found = turned(image, torch.tensor([angle]), zoom=zoom)[0, 0]
    total = found.sum()
    assert total.item() == pytest.approx(image.sum().item() * zoom**2, rel=0.03)
    place = (found * x).sum() / total, (found * y).sum() / total
    # the output at p shows the input at R p / zoom: a spot at q is seen at zoom R⁻¹ q
    expected = 0.3 * zoom * math.cos(angle), -0.3 * zoom * math.sin(angle)
    assert [p.item() for p in place] == pytest.approx(expected, abs=0.02)


def test_nothing_comes_from_outside():
    assert (turned(torch.ones(1, 3, 8, 8), torch.tensor([0.7]), zoom=0.7) > 0.999).all()


def test_random_turns_differ_follow_the_seed_and_keep_their_size():
    images = some(16)[:1].expand(4, -1, -1, -1)
    torch.manual_seed(5)
    one = randomly_turned(images, size=8)
    torch.manual_seed(5)
    other = randomly_turned(images, size=8)
    assert one.shape == (4, 3, 8, 8)
    assert torch.equal(one, other)
    assert (one[0] - one[1]).abs().max() > 0.05


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_a_blur_widens_by_its_variance_and_keeps_light_and_place(sigma):
    image = torch.zeros(1, 2, 9, 9)
    image[0, :, 3, 4] = 1.0
    found = blurred(image, torch.tensor([[sigma, 0.0]]))[0]
    at = torch.arange(9.0)
    rows, columns = found[0].sum(1), found[0].sum(0)
    assert rows.sum().item() == pytest.approx(1)
    assert ((rows * at).sum().item(), (columns * at).sum().item()) == pytest.approx((3, 4))
    assert (rows * (at - 3) ** 2).sum().item() == pytest.approx(sigma**2)
    assert (columns * (at - 4) ** 2).sum().item() == pytest.approx(sigma**2)
    assert torch.equal(found[1], image[0, 1])


def test_a_wider_blur_is_nearly_that_of_scipy():
    image = torch.rand(1, 1, 9, 9, generator=torch.manual_seed(0))
    expected = gaussian_filter(image[0, 0].numpy(), 0.6, mode="nearest")
    assert blurred(image, torch.tensor([[0.6]]))[0, 0].numpy() == pytest.approx(expected, abs=0.05)


def test_no_light_is_lost_at_the_edge():
    assert torch.allclose(blurred(torch.full((1, 1, 5, 5), 3.0), torch.tensor([[0.6]])), torch.tensor(3.0))


def test_random_blurs_differ_follow_the_seed_and_leave_bands_nearly_alike():
    images = torch.zeros(40, 2, 5, 5)
    images[:, :, 2, 2] = 1.0
    torch.manual_seed(3)
    one = randomly_blurred(images)
    torch.manual_seed(3)
    assert torch.equal(one, randomly_blurred(images))
    peak = one[:, :, 2, 2]
    assert peak.max() > 0.999
    assert peak.min() < 0.9
    assert 0 < (peak[:, 0] - peak[:, 1]).abs().max() < 0.1


def test_recipes_name_what_is_done():
    images = torch.rand(8, 2, 9, 9)
    assert torch.equal(augmented(images, ()), images)
    for how in ("d4", "mirror", "turn", "seeing"):
        torch.manual_seed(1)
        assert not torch.equal(augmented(images, (how,)), images)


def test_small_zooms_keep_the_centre_and_the_direction():
    step = torch.linspace(-1, 1, 41)
    x, y = torch.meshgrid(step, step, indexing="xy")
    image = torch.exp(-(((x - 0.4) ** 2 + y**2) / 0.02)).expand(200, 1, 41, 41)
    torch.manual_seed(0)
    found = randomly_zoomed(image)[:, 0]
    total = found.sum((1, 2))
    across, up = (found * x).sum((1, 2)) / total, (found * y).sum((1, 2)) / total
    assert up.abs().max() < 1e-4
    assert across.min().item() == pytest.approx(0.4 / 1.1, abs=0.01)
    assert across.max().item() == pytest.approx(0.4 * 1.1, abs=0.01)
    torch.manual_seed(0)
    assert torch.equal(augmented(image, ("zoom",))[:, 0], found)
