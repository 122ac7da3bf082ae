import pytest
import torch
from torch import nn

from galviz.nn.networks.heads import BandHead, CompactHead, DropoutHead, PublishedHead


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_first_layer_of_the_published_head_has_166_462_464_parameters():
    with torch.device("meta"):
        head = PublishedHead()
    assert head.fc1.in_features == 162_560
    assert parameters(head.fc1) == 166_462_464
    assert [layer.out_features for layer in (head.fc1, head.fc2, head.fc3)] == [1024, 512, 1]


def test_published_head_has_the_shapes_of_table_s2():
    with torch.device("meta"):
        head = PublishedHead()
    x, shapes = torch.zeros(2, 1, 512, 5, device="meta"), []
    for layer in head.convolutions:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(1, 512, 5), (16, 510, 5), (64, 508, 5)]


def test_published_head_sees_bands_as_columns():
    torch.manual_seed(0)
    head = PublishedHead(features=16, bands=5).eval()
    features = torch.randn(2, 5, 16)
    assert head(features).shape == (2, 1)
    seen = []
    head.convolutions[0].register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    head(features)
    assert torch.equal(seen[0][0, 0, :, 3], features[0, 3])  # features down, bands across


def test_order_of_bands_matters_to_the_published_head():
    torch.manual_seed(0)
    head = PublishedHead(features=16, bands=5).eval()
    features = torch.randn(1, 5, 16)
    assert not torch.allclose(head(features), head(features[:, [1, 3, 2, 0, 4]]))


def test_band_head_is_two_layers_of_512():
    head = BandHead(512)
    assert parameters(head) == (512 * 512 + 512) + (512 * 5 + 5)
    assert head(torch.zeros(3, 1, 512)).shape == (3, 5)


def test_compact_head():
    assert CompactHead(8, bands=5)(torch.zeros(2, 5, 8)).shape == (2, 1)
    assert parameters(CompactHead(512, bands=5)) < 400_000


def test_the_dropout_head_is_that_of_the_paper():
    head = DropoutHead(1024, 1)
    assert [(layer.in_features, layer.out_features) for layer in head if isinstance(layer, nn.Linear)] == [
        (1024, 512),
        (512, 1),
    ]
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    kinds = [type(layer).__name__ for layer in head]
    assert kinds == ["Flatten", "BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
    assert DropoutHead(8, 5, 3, hidden=16)(torch.rand(4, 5, 8)).shape == (4, 3)


def test_a_quarter_and_a_half_are_dropped_in_training_and_nothing_afterwards():
    head, features = DropoutHead(400, 1, hidden=400), torch.randn(64, 1, 400)
    zeros = {}
    for k in (2, 6):
        head[k].register_forward_hook(lambda _, given, out, k=k: zeros.update({k: (out[given[0] != 0] == 0).float()}))
    head(features)
    assert zeros[2].mean().item() == pytest.approx(0.25, abs=0.02)
    assert zeros[6].mean().item() == pytest.approx(0.5, abs=0.02)
    head.eval()
    assert torch.equal(head(features), head(features))
    assert zeros[2].sum() == zeros[6].sum() == 0
