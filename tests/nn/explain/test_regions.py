"""Hidden regions of any shape: as hiding the same patch, band by band, and exactly nothing where nothing matters."""

import numpy as np
import pytest
import torch
from torch import nn

from galviz.nn.explain.gradients import grad_cam, integrated_gradients
from galviz.nn.explain.occlusion import in_its_unit, outputs_at
from galviz.nn.explain.regions import outputs_without
from galviz.nn.networks.pooled_encoder import PooledEncoder
from galviz.nn.tasks import build
from galviz.studies import richness
from galviz.tasks.target import Target


class Sums(nn.Module):
    def forward(self, images):
        return images.sum((2, 3))


def cutout_network(*, apart):
    recipe = richness.RECIPES["quick"].replace(network={"width": 4, "stem": "small", "apart": apart})

    torch.manual_seed(0)
    return build(richness.TARGETS["richness"], recipe, ("u", "g", "r", "i", "z")).eval()


def test_a_region_that_is_a_patch_has_the_output_of_the_patch():
    network = cutout_network(apart=True)
    image = np.random.default_rng(0).normal(size=(5, 20, 24)).astype(np.float32)
    places = np.array([[0, 0], [7, 11], [14, 18]])
    masks = np.zeros((3, 20, 24), dtype=bool)
    for mask, (top, left) in zip(masks, places, strict=True):
        mask[top : top + 6, left : left + 6] = True
    for bands in ("together", "each"):
        for baseline in ("mean", "zero", "blur"):
            requested = {"baseline": baseline, "patch": 6, "bands": bands}
            expected, clean = outputs_at(network, image, places, **requested)
            found, whole = outputs_without(network, image, masks, **requested)
            np.testing.assert_allclose(found, expected, atol=1e-5)
            assert whole == pytest.approx(clean, abs=1e-5)


def test_what_is_hidden_of_a_sum_is_the_sum_of_what_is_hidden():
    image = np.arange(2 * 6 * 7, dtype=np.float32).reshape(2, 6, 7)
    masks = np.random.default_rng(1).random((40, 6, 7)) < 0.3
    masks[3] = False
    found, clean = outputs_without(Sums(), image, masks, output=1, baseline="zero")
    np.testing.assert_allclose(clean - found[0], (image[1] * masks).sum((1, 2)), rtol=1e-5)
    assert found[0, 3] == np.float32(clean)  # nothing hidden: exactly nothing changes
    each, _ = outputs_without(Sums(), image, masks, output=1, baseline="zero", bands="each")
    assert (each[0] == np.float32(clean)).all()
    np.testing.assert_allclose(each[1], found[0], rtol=1e-6)


def test_masks_and_bands_that_do_not_fit_are_named():
    image = np.zeros((1, 6, 7), dtype=np.float32)
    with pytest.raises(ValueError, match=r"masks: expected shape \(n, 6, 7\), got \(1, 7, 6\)"):
        outputs_without(Sums(), image, np.zeros((1, 7, 6)))
    with pytest.raises(ValueError, match="bands: expected together or each, got 'all'"):
        outputs_without(Sums(), image, np.zeros((1, 6, 7)), bands="all")


def test_grad_cam_of_each_band_adds_up_only_where_the_network_keeps_bands_apart():
    image = np.random.default_rng(0).normal(size=(2, 5, 24, 24)).astype(np.float32)
    each = grad_cam(cutout_network(apart=True), image, bands="each")
    assert each.shape == (2, 5, 24, 24)
    assert (each >= 0).all()
    with pytest.raises(ValueError, match="mixes the bands in its first layer"):
        grad_cam(cutout_network(apart=False), image, bands="each")


def test_integrated_gradients_of_a_value_in_its_unit_sum_to_its_change():
    target = Target("mass", "regression", ("mass",), "mass", transform="ln")

    class Mean(nn.Module):
        def forward(self, images):
            return images.mean((2, 3))

    image = np.full((1, 1, 8, 8), 2.0, dtype=np.float32)
    found = integrated_gradients(Mean(), image, output=in_its_unit(target), steps=100)
    assert found.sum() == pytest.approx(np.exp(2) - 1, rel=1e-3)


def test_grad_cam_puts_the_middle_of_an_image_into_its_place():
    encoder = PooledEncoder("test_resnet", 1, views=3, centre=0.5)
    encoder.network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten())
    nn.init.ones_(encoder.network[0].weight)
    nn.init.zeros_(encoder.network[0].bias)
    image = np.zeros((1, 1, 32, 32), dtype=np.float32)
    image[0, 0, 10:14, 20:24] = 1
    found = grad_cam(encoder, image, output=lambda features: features[:, features.shape[1] // 2 :].sum(1))[0, 0]
    assert found[10:14, 20:24].min() > 0.5 * found.max()
    assert found[10:14, 20:24].sum() > 0.7 * found.sum()
    assert not found[:8].any()
    assert not found[24:].any()


@pytest.mark.parametrize("views", [1, 3, 6, 8])
def test_grad_cam_of_a_network_that_turns_its_images_is_brightest_at_the_blob(views):
    encoder = PooledEncoder("test_resnet", 1, views=views)
    encoder.network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten())
    nn.init.ones_(encoder.network[0].weight)
    nn.init.zeros_(encoder.network[0].bias)
    image = np.zeros((2, 1, 16, 16), dtype=np.float32)
    image[0, 0, 3, 11] = image[1, 0, 14, 5] = 1
    found = grad_cam(encoder, image, output=lambda features: features.sum(1))
    for one, (y, x) in zip(found[:, 0], [(3, 11), (14, 5)], strict=True):
        inside = one[y - 1 : y + 2, x - 1 : x + 2]
        assert inside.min() > one.max() / 2
        assert one.sum() == pytest.approx(inside.sum(), rel=1e-5)
