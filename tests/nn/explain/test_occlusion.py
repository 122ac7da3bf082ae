import pickle

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from galviz.measure.occluders import places, spread
from galviz.nn.explain.occlusion import (
    grad_cam,
    in_its_unit,
    integrated_gradients,
    occlude,
    outputs_at,
    probability,
    sanity,
)
from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.heads import CompactHead
from galviz.nn.networks.normalise import Normalise
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.tasks import build
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

BANDS = ("u", "g", "r", "i", "z")
RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
RECIPE = Recipe(name="x", epochs=1, batch=4, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}})


class Sums(nn.Module):
    """The sum of a band in a window, and twice that of another; it answers by hand."""

    def forward(self, images):
        return torch.stack([images[:, 1, 4:8, 8:12].sum((1, 2)), 2 * images[:, 0].sum((1, 2))], dim=1)


def cutout_network(*, apart, stem="small", width=16):
    """A network for richness whose batch norms have seen images."""
    torch.manual_seed(1)
    recipe = RECIPE.replace(network={"width": width, "stem": stem, "apart": apart})
    network = build(RICHNESS, recipe, BANDS)
    network.centre.fill_(3.5)
    network.train()
    for _ in range(3):
        network(torch.randn(4, 5, 32, 32))
    return network


def images(count=2, bands=5, height=21, width=26, seed=0):
    return np.random.default_rng(seed).normal(size=(count, bands, height, width)).astype(np.float32)


def by_hand(network, image, corners, patch, band=None):
    """What a `CutoutNetwork` says with zero in a patch of the normalised image, a place at a time."""
    shown_text = []
    with torch.no_grad():
        seen = network.normalise(torch.from_numpy(image)[None])
        for top, left in corners:
            occluded = seen.clone()
            occluded[:, slice(None) if band is None else band, top : top + patch, left : left + patch] = 0
            views = occluded.reshape(5, 1, *seen.shape[2:]) if network.apart else occluded
            features = network.encoder(views).reshape(1, 5 if network.apart else 1, -1)
            shown_text.append((network.centre + network.scale * network.head(features)).item())
    return np.array(shown_text)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(1, 15))
def test_places_stay_inside_and_reach_the_edges(height, width, patch, stride):
    if patch > min(height, width):
        with pytest.raises(ValueError, match="patch: expected at most"):
            places(height, width, patch, stride)
        return
    found = places(height, width, patch, stride)
    assert found.min() == 0
    assert (found.max(0) == [height - patch, width - patch]).all()
    assert len(np.unique(found, axis=0)) == len(found)
    assert (np.diff(np.unique(found[:, 0])) <= stride).all()


def test_a_stride_that_divides_gives_the_regular_grid():
    assert len(places(224, 224, 16, 8)) == 27**2
    assert places(6, 4, 2, 2).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2], [4, 0], [4, 2]]
    with pytest.raises(ValueError, match="at least 1 pixel, got 4 and 0"):
        places(6, 6, 4, 0)


@given(st.integers(3, 14), st.integers(3, 14), st.integers(1, 3), st.integers(1, 5))
def test_a_pixel_is_the_mean_of_the_places_that_cover_it(height, width, patch, stride):
    where = places(height, width, patch, stride)
    outputs = np.random.default_rng(0).normal(size=(2, len(where)))
    found = spread(outputs, where, patch, (height, width))
    for y in range(height):
        for x in range(width):
            covers = [k for k, (t, l) in enumerate(where) if t <= y < t + patch and l <= x < l + patch]  # noqa: E741
            expected = outputs[:, covers].mean(1) if covers else np.full(2, np.nan)
            assert np.allclose(found[:, y, x], expected, equal_nan=True)


def test_the_map_of_a_sum_is_known():
    image = np.ones((1, 2, 12, 16), dtype=np.float32)
    found = occlude(Sums(), image, patch=4, stride=4, baseline="zero")
    assert found.clean == pytest.approx([16])
    expected = np.full((12, 16), 16.0)
    expected[4:8, 8:12] = 0
    assert np.array_equal(found.map[0, 0], expected)
    change = occlude(Sums(), image, patch=4, stride=4, baseline="zero", value="change")
    assert np.array_equal(change.map[0, 0], 16 - expected)
    assert np.array_equal(change.outputs, found.outputs)


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("zero", 0), ("mean", 16 * 0.5), (np.float32(3), 48), (np.full((1, 2, 1, 1), 2.0), 32), (torch.tensor(1.0), 16)],
)
def test_baselines_are_what_is_seen_in_the_patch(baseline, expected):
    image = np.full((2, 12, 16), 0.5, dtype=np.float32)
    found, _ = outputs_at(Sums(), image, [[4, 8]], patch=4, baseline=baseline)
    assert found == pytest.approx(expected)


def test_a_baseline_may_differ_from_image_to_image():
    baseline = np.array([1.0, 2.0]).reshape(2, 1, 1, 1)
    found = occlude(Sums(), np.zeros((2, 2, 12, 16), np.float32), patch=4, stride=4, baseline=baseline)
    assert found.outputs.max(axis=(1, 2)).tolist() == [16, 32]


def test_a_blurred_baseline_keeps_what_is_even_and_takes_what_is_sharp():
    image = np.full((1, 2, 12, 16), 0.5, dtype=np.float32)
    image[0, 1, 5, 9] = 100
    found = occlude(Sums(), image, patch=4, stride=4, baseline="blur", value="change")
    assert found.map[0, 0, 6, 9] > 50
    assert found.map[0, 0, 0, 0] == 0


@pytest.mark.parametrize("engine", ["captum", "fast"])
@pytest.mark.parametrize("apart", [True, False])
def test_a_cutout_network_is_occluded_after_its_normalisation(engine, apart):
    network = cutout_network(apart=apart)
    given, patch = images(2), 7
    found = {
        bands: occlude(network, given, patch=patch, stride=9, baseline="zero", bands=bands, engine=engine, chunk=4)
        for bands in ("together", "each")
    }
    network.eval()
    corners = places(21, 26, patch, 9)
    for k in range(2):
        expected = by_hand(network, given[k], corners, patch)
        assert np.abs(found["together"].outputs[k, 0] - expected).max() < 1e-5
        assert np.ptp(expected) > 1e-3
        for band in range(5):
            expected = by_hand(network, given[k], corners, patch, band)
            assert np.abs(found["each"].outputs[k, band] - expected).max() < 1e-5
        assert found["each"].clean[k] == pytest.approx(network(torch.from_numpy(given[[k]])).item(), abs=1e-5)


def cutout_network_of(encoder, features, apart):
    """A network with another encoder than ours, whose batch norms have seen images."""
    normalise, head = Normalise("asinh", BANDS, 0.0), CompactHead(features, 5 if apart else 1, 1)
    network = CutoutNetwork(normalise, encoder, head, apart=apart, standardise=True).train()
    for _ in range(3):
        network(torch.randn(4, 5, 40, 40))
    return network


def torchvision_resnet18(channels):
    network = torchvision.models.resnet18(num_classes=12)
    network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return network


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("maker", ["timm", "torchvision"])
def test_resnets_of_the_libraries_are_occluded_fast_and_exactly(maker, apart):
    torch.manual_seed(2)
    channels = 1 if apart else 5
    encoder = TimmEncoder("resnet18", channels) if maker == "timm" else torchvision_resnet18(channels)
    network = cutout_network_of(encoder, 512 if maker == "timm" else 12, apart)
    requested = {"patch": 13, "stride": 12, "value": "change"}
    fast = occlude(network, images(1, height=61, width=50), **requested)
    dense = occlude(network, images(1, height=61, width=50), engine="captum", **requested)
    assert (fast.engine, dense.engine) == ("fast", "captum")
    assert np.abs(dense.map).max() > 1e-3
    assert np.abs(fast.map - dense.map).max() < 1e-5 * max(1, np.abs(dense.map).max())


def test_another_architecture_is_occluded_by_captum_and_the_result_says_so():
    torch.manual_seed(2)
    network = cutout_network_of(TimmEncoder("convnext_atto", 5), 320, apart=False)
    found = occlude(network, images(1, height=60, width=48), patch=20, stride=20)
    assert found.engine == "captum"
    assert np.ptp(found.map) > 0
    assert occlude(Sums(), images(1, bands=2), patch=8, stride=8).engine == "captum"
    assert occlude(cutout_network(apart=False), images(1), patch=8, stride=8).engine == "captum"  # a small image
    with pytest.raises(ValueError, match=r"network: expected a ResNet .* got ConvNeXt. Use engine='captum'"):
        occlude(network, images(1), patch=8, stride=8, engine="fast")


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 13), st.sampled_from(["mean", "blur"]), st.sampled_from(["together", "each"]), st.booleans())
def test_engines_agree_at_every_chunk(chunk, baseline, bands, apart):
    network = cutout_network(apart=apart, stem="imagenet", width=4)
    requested = {"patch": 9, "stride": 5, "baseline": baseline, "bands": bands, "value": "change"}
    fast = occlude(network, images(1, seed=chunk), engine="fast", chunk=chunk, **requested)
    captum = occlude(network, images(1, seed=chunk), engine="captum", **requested)
    assert np.abs(fast.map - captum.map).max() < 1e-5
    assert np.abs(captum.map).max() > 1e-3


@pytest.mark.parametrize("engine", ["captum", "fast"])
@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_a_band_that_is_ignored_changes_nothing_at_all(engine, apart, chunk):
    network = cutout_network(apart=apart)
    with torch.no_grad():
        if apart:
            features = network.encoder.features
            network.head[1].weight[:, 2 * features : 3 * features] = 0
        else:
            network.encoder.conv1.weight[:, 2] = 0
    found = occlude(network, images(1), patch=8, stride=5, bands="each", value="change", engine=engine, chunk=chunk)
    assert (found.map[0, 2] == 0).all()
    assert (found.map[0, [0, 1, 3, 4]] != 0).any(axis=(1, 2)).all()


def test_features_of_untouched_bands_are_kept(monkeypatch):
    network = cutout_network(apart=True)
    seen = []
    forward = type(network.encoder).forward
    monkeypatch.setattr(ResNet18, "forward", lambda self, x: seen.append(len(x)) or forward(self, x))
    found = occlude(network, images(1), patch=8, stride=8, bands="each", engine="captum", chunk=100)
    assert sum(seen) == 5 + 5 * (found.outputs.shape[2] + 1)


def test_outputs_may_be_probabilities_and_values_in_their_unit():
    given, logits = images(1, bands=2, height=12, width=16)[0], Sums()
    at = places(12, 16, 4, 4)
    columns = np.stack([outputs_at(logits, given, at, patch=4, output=k)[0][0] for k in (0, 1)])
    found, clean = outputs_at(logits, given, at, patch=4, output=probability(1))
    assert found[0] == pytest.approx(1 / (1 + np.exp(columns[0] - columns[1])), rel=1e-4)
    assert 0 <= clean <= 1
    found, _ = outputs_at(logits, given / 10, at, patch=4, output=in_its_unit(RICHNESS, 0))
    learned, _ = outputs_at(logits, given / 10, at, patch=4, output=0)
    assert found == pytest.approx(np.exp(learned), rel=1e-5)


def test_outputs_travel_to_other_processes():
    x = torch.randn(4, 3)
    for output in (probability(2), in_its_unit(RICHNESS, 1)):
        assert torch.equal(pickle.loads(pickle.dumps(output))(x), output(x))  # noqa: S301 - our own


def test_a_map_may_be_asked_for_in_parts():
    network, given = cutout_network(apart=True), images(1)
    requested = {"patch": 8, "bands": "each", "baseline": "blur"}
    whole = occlude(network, given, stride=4, **requested)
    parts = [outputs_at(network, given[0], part, **requested) for part in np.array_split(whole.places, 3)]
    joined = np.concatenate([outputs for outputs, _ in parts], axis=1)
    assert np.abs(joined - whole.outputs[0]).max() < 1e-6
    assert {clean for _, clean in parts} == {float(whole.clean[0])}
    assert np.allclose(spread(joined, whole.places, 8, (21, 26)), whole.map[0], atol=1e-6)


@pytest.mark.parametrize("engine", ["captum", "fast"])
def test_what_is_kept_for_the_next_call_is_never_old(engine):
    network, given = cutout_network(apart=True), images(2)
    at = places(21, 26, 8, 9)

    def shown_text(image, **requested):
        return outputs_at(network, image, at, **({"patch": 8, "engine": engine} | requested))[0]

    first = shown_text(given[0])
    assert np.array_equal(shown_text(given[0]), first)
    assert not np.allclose(shown_text(given[1]), first)
    assert not np.allclose(shown_text(given[0], baseline="zero"), first)
    assert not np.allclose(shown_text(given[0], patch=7), first)
    with torch.no_grad():
        network.encoder.layer1[0].conv1.weight.mul_(2)
    assert not np.allclose(shown_text(given[0]), first)
    with torch.no_grad():
        network.encoder.layer1[0].conv1.weight.div_(2)
        network.normalise.mean.add_(1)
    assert not np.allclose(shown_text(given[0]), first)
    network.normalise.mean.sub_(1)
    assert np.allclose(shown_text(given[0]), first, atol=1e-5)


def test_progress_is_told_and_the_work_can_be_stopped():
    received = []
    occlude(
        Sums(), images(2, 2, 12, 16), patch=4, stride=4, bands="each", chunk=5, progress=lambda *n: received.append(n)
    )
    assert received[0] == (0, 48)
    assert received[-1] == (48, 48)
    assert [done for done, _ in received] == sorted(done for done, _ in received)
    calls = []
    requested = {"progress": lambda *n: calls.append(n), "cancelled": lambda: len(calls) > 0}
    with pytest.raises(InterruptedError, match="occlude: cancelled after 5 of 12"):
        occlude(Sums(), images(1, 2, 12, 16), patch=4, stride=4, chunk=5, **requested)


class Hungry(Sums):
    """It has memory for few images at a time."""

    def __init__(self, most):
        super().__init__()
        self.most, self.sizes = most, []

    def forward(self, images):
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(images)


def test_when_memory_runs_out_the_parts_are_halved():
    given = images(1, 2, 20, 20)
    hungry, received = Hungry(6), []
    found = occlude(hungry, given, patch=4, stride=2, chunk=32, progress=lambda *n: received.append(n))
    assert np.allclose(found.outputs, occlude(Sums(), given, patch=4, stride=2).outputs, atol=1e-5)
    assert received[-1] == (81, 81)
    assert sum(size > 6 for size in hungry.sizes) == 3
    with pytest.raises(torch.OutOfMemoryError):
        occlude(Hungry(1), given, patch=4, stride=2)


def test_the_network_is_left_as_it_was():
    network = cutout_network(apart=True)
    network.encoder.bn1.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    given = images(1, height=32, width=32)
    occlude(network, given, patch=8)
    integrated_gradients(network, given, steps=2)
    grad_cam(network, given)
    sanity(network, given, lambda network, images: occlude(network, images, patch=8).map)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ({"output": 2}, "output: expected a column from 0 to 1, got 2"),
        ({"bands": "both"}, "bands: expected together or each, got 'both'"),
        ({"value": "sum"}, "value: expected output or change, got 'sum'"),
        ({"engine": "slow"}, "engine: expected one of auto, captum, fast, got 'slow'"),
        ({"engine": "fast"}, "network: expected a ResNet of basic or bottleneck blocks, got Sums"),
        ({"baseline": "median"}, "baseline: expected one of zero, mean, blur or an array, got 'median'"),
        ({"baseline": np.zeros((3, 5))}, r"baseline: expected a shape that fits \(1, 2, 12, 16\), got \(3, 5\)"),
        ({"patch": 13}, "patch: expected at most 12 pixels on an image of 12×16, got 13"),
    ],
)
def test_wrong_arguments_are_named(requested, message):
    with pytest.raises(ValueError, match=message):
        occlude(Sums(), images(1, 2, 12, 16), **({"patch": 4} | requested))


def test_wrong_shapes_and_places_are_named():
    with pytest.raises(ValueError, match=r"images: expected shape \(N, B, H, W\), got \(2, 12, 16\)"):
        occlude(Sums(), images(1, 2, 12, 16)[0])
    with pytest.raises(ValueError, match=r"expected patches of 4 pixels within \(12, 16\), got one at \[9, 3\]"):
        outputs_at(Sums(), images(1, 2, 12, 16)[0], [[0, 0], [9, 3]], patch=4)


def blobs(count, seed):
    """Noise in three bands with a blob in each; how bright the blob in the second one is, and where."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24]
    centre = rng.uniform(5, 19, (2, count, 3, 1, 1))
    bright = rng.uniform(2, 5, (count, 3))
    shape = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 4)
    pictures = bright[:, :, None, None] * shape + rng.normal(0, 0.1, (count, 3, 24, 24))
    return pictures.astype(np.float32), bright[:, 1].astype(np.float32), centre[:, :, 1, 0, 0].T


def learned(pictures, truth, epochs=12):
    """A network that has learned how bright the blob in the second band is."""
    torch.manual_seed(0)
    recipe = RECIPE.replace(network={"width": 8, "stem": "small", "apart": False})
    network = build(RICHNESS, recipe, ("g", "r", "i"))
    network.centre.fill_(float(truth.mean()))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for part in torch.from_numpy(np.random.default_rng(epoch).permutation(len(truth))).split(64):
            loss = ((network(torch.from_numpy(pictures)[part])[:, 0] - torch.from_numpy(truth)[part]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


@pytest.mark.slow
def test_a_learned_network_is_seen_to_look_at_the_right_patch_of_the_right_band():
    network = learned(*blobs(2000, seed=1)[:2])
    pictures, truth, centre = blobs(200, seed=2)
    with torch.no_grad():
        shown_text = network.eval()(torch.from_numpy(pictures))[:, 0].numpy()
    assert np.corrcoef(shown_text, truth)[0, 1] > 0.9
    found = occlude(network, pictures, patch=6, stride=2, bands="each", value="change", baseline="zero")
    change = np.abs(found.clean[:, None, None] - found.outputs)
    band, place = np.unravel_index(change.reshape(200, -1).argmax(1), change.shape[1:])
    inside = np.abs(found.places[place] + 2.5 - centre).max(1) <= 3.5
    assert (band == 1).mean() >= 0.95
    assert (inside & (band == 1)).mean() >= 0.95


def test_integrated_gradients_of_a_sum_are_its_terms():
    given = images(3, 2, 12, 16)
    found = integrated_gradients(Sums(), given, output=1, steps=4)
    assert found.dtype == np.float32
    assert np.allclose(found[:, 0], 2 * given[:, 0], atol=1e-5)
    assert (found[:, 1] == 0).all()


def test_integrated_gradients_of_a_cutout_network_sum_to_the_change():
    network, given = cutout_network(apart=True).eval(), images(2)
    found = integrated_gradients(network, given, baseline="mean", steps=100)
    with torch.no_grad():
        seen = network.normalise(torch.from_numpy(given))
        even = seen.mean((2, 3), keepdim=True).expand(seen.shape).reshape(10, 1, 21, 26)
        less = network.centre + network.scale * network.head(network.encoder(even).reshape(2, 5, -1))
        expected = (network(torch.from_numpy(given)) - less)[:, 0].numpy()
    assert found.sum((1, 2, 3)) == pytest.approx(expected, abs=1e-3)


class Bright(nn.Module):
    """How bright the image is, through a convolution of one."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 1, bias=False)
        self.convolution.weight.data.fill_(1)

    def forward(self, images):
        return self.convolution(images).clamp(min=0).mean((2, 3))


def test_grad_cam_is_where_the_layer_is_bright():
    given = np.zeros((2, 1, 16, 16), dtype=np.float32)
    given[0, 0, 2:5, 3:6] = 1
    given[1, 0, 10:12, 1:4] = 2
    found = grad_cam(Bright(), given)
    assert found.shape == given.shape
    assert np.allclose(found / found.max((1, 2, 3), keepdims=True), given / given.max((1, 2, 3), keepdims=True))


@pytest.mark.parametrize("apart", [True, False])
def test_grad_cam_has_the_size_of_the_images(apart):
    found = grad_cam(cutout_network(apart=apart), images(3))
    assert found.shape == (3, 1, 21, 26)
    assert (found >= 0).all()
    with pytest.raises(ValueError, match="layer: expected a network with a convolution"):
        grad_cam(Sums(), images(1, 2, 12, 16))


def test_sanity_tells_maps_of_the_image_from_maps_of_the_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 16 * 16, 1))
    given = images(4, 2, 16, 16)
    edges = sanity(network, given, lambda _, images: np.gradient(images, axis=3))
    learned = sanity(network, given, lambda network, _: network[1].weight.detach().expand(4, -1).numpy())
    assert edges == pytest.approx(1)
    assert abs(learned) < 0.15
    assert np.isnan(sanity(network, given, lambda _, images: np.ones_like(images)))


def test_arrays_in_the_byte_order_of_fits_are_taken():
    network = learned(*blobs(8, seed=1)[:2])
    images = blobs(1, seed=2)[0]
    requested = {"patch": 4, "stride": 4}
    swapped = occlude(network, np.asarray(images, dtype=">f4"), **requested)
    np.testing.assert_array_equal(swapped.map, occlude(network, images, **requested).map)
