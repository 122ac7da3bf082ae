"""Maps by both engines against `captum.attr.Occlusion`, over networks, sizes, patches, baselines and bands."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from test_occlusion import cutout_network_of

from galviz.nn.explain.engine import Parts, cover, evaluating
from galviz.nn.explain.occlusion import occlude
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.tasks import build
from galviz.studies import mergers

CASES = {
    # encoder, bands apart, height, width, patch, stride, baseline, bands
    "ours, patches side by side": (lambda c: ResNet18(c, width=16), False, 48, 64, 16, 16, "mean", "together"),
    "ours, wide, strides of 1": (lambda c: ResNet18(c, width=96), False, 48, 48, 44, 1, "zero", "together"),
    "ours, small stem, each band": (
        lambda c: ResNet18(c, width=16, stem="small"),
        True,
        50,
        50,
        14,
        12,
        "zero",
        "each",
    ),
    "ResNet-18 of timm": (lambda c: TimmEncoder("resnet18", c), False, 64, 48, 32, 16, "blur", "together"),
    "ResNet-34, each band": (lambda c: TimmEncoder("resnet34", c), False, 48, 48, 24, 24, "mean", "each"),
    "ResNet-50": (lambda c: TimmEncoder("resnet50", c), False, 64, 64, 24, 20, "mean", "together"),
    "ResNet-50, bands apart": (lambda c: TimmEncoder("resnet50", c), True, 48, 48, 24, 24, "blur", "each"),
    "EfficientNet": (lambda c: TimmEncoder("efficientnet_lite0", c), False, 64, 64, 16, 16, "mean", "together"),
    "ConvNeXt": (lambda c: TimmEncoder("convnext_atto", c), False, 64, 64, 32, 16, "zero", "together"),
}


@pytest.mark.parametrize("case", CASES)
def test_maps_equal_those_of_captum(case):
    make, apart, height, width, patch, stride, baseline, bands = CASES[case]
    torch.manual_seed(3)
    encoder = make(1 if apart else 5)
    network = cutout_network_of(encoder, encoder.features, apart)
    image = np.random.default_rng(4).normal(size=(1, 5, height, width)).astype(np.float32)
    engines = ("fast", "captum") if "ResNet" in case or "ours" in case else ("captum",)
    more = {"patch": patch, "stride": stride, "baseline": baseline, "bands": bands}
    wanted = by_captum(network, image, **more)
    assert np.abs(wanted).max() > 1e-3
    for engine in engines:
        found = occlude(network, image, engine=engine, value="change", **more)
        assert found.engine == engine
        assert np.abs(found.map[0] - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())


def test_maps_of_the_papers_network_of_votes_equal_those_of_captum():
    torch.manual_seed(5)
    network = build(mergers.TARGET, mergers.RECIPES["paper"], ("red", "green", "blue"), 112)
    image = np.random.default_rng(6).uniform(size=(1, 3, 112, 112)).astype(np.float32)
    more = {"patch": 28, "stride": 28, "baseline": "zero", "bands": "together"}
    wanted = by_captum(network, image, **more)
    assert np.abs(wanted).max() > 1e-6
    assert np.abs(occlude(network, image, value="change", **more).map[0] - wanted).max() <= 1e-5


def by_captum(network, image, *, patch, stride, baseline, bands):
    """Return the map of the first output, float32 (1 or B, H, W)."""
    with evaluating(network), torch.no_grad():
        parts = Parts(network, "captum")
        prepared = parts.prepare(torch.from_numpy(image))
        deep = 1 if bands == "each" else prepared.shape[1]
        found = Occlusion(lambda x: parts.rest(x)[:, 0]).attribute(
            prepared,
            (deep, patch, patch),
            strides=(deep, stride, stride),
            baselines=cover(prepared, baseline, patch),
            perturbations_per_eval=8,
        )
    return found[0].numpy() if bands == "each" else found[0, :1].numpy()
