import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from galviz.nn.networks.encoders import ResNet18, load_encoder


def published_features(net, images):
    """What torchvision's own ResNet-18 pools, for three-channel images."""
    x = net.maxpool(net.relu(net.bn1(net.conv1(images))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def without_neck(encoder):
    encoder.neck = torch.nn.Identity()
    return encoder.eval()


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(3)
    return resnet18().eval()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("replicate", [True, False])
def test_weights_of_torchvision_give_its_features_for_a_grey_image(reference, tmp_path, suffix, replicate):
    file = tmp_path / f"resnet18{suffix}"
    (torch.save if suffix == ".pth" else save_file)(reference.state_dict(), file)
    encoder = ResNet18(1, replicate=replicate)
    load_encoder(encoder, file)
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        ours = without_neck(encoder).feature_map(grey)
        theirs = published_features(reference, grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_equal_channels_give_what_one_gives(reference, tmp_path):
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    one, five = ResNet18(1), ResNet18(5)
    for encoder in (one, five):
        load_encoder(encoder, tmp_path / "w.pth")
        without_neck(encoder)
    image = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(one(image), five(image.expand(-1, 5, -1, -1)), rtol=1e-4, atol=1e-4)


def test_published_size_is_7_by_7_by_512():
    encoder = ResNet18(1, replicate=True).eval()
    with torch.no_grad():
        assert encoder.feature_map(torch.zeros(1, 1, 224, 224)).shape == (1, 512, 7, 7)
        assert encoder(torch.zeros(1, 1, 224, 224)).shape == (1, 512)
    body = sum(p.numel() for name, p in encoder.named_parameters() if not name.startswith("neck"))
    assert body == 11_176_512  # torchvision's 11,689,512 less the classifier's 513,000
    assert sum(p.numel() for p in encoder.neck.parameters()) == 512 * 512 + 2 * 512


@pytest.mark.parametrize("stem", ["imagenet", "small", "fine"])
@pytest.mark.parametrize("size", [16, 33, 64])
def test_any_width_and_any_size(stem, size):
    encoder = ResNet18(2, width=3, stem=stem).eval()
    with torch.no_grad():
        assert encoder(torch.zeros(1, 2, size, size)).shape == (1, encoder.features) == (1, 24)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_fewer_stages_keep_the_map_finer(stages):
    encoder = ResNet18(2, width=3, stem="fine", stages=stages).eval()
    size, channels = 32 // 2 ** (stages - 1), 3 * 2 ** (stages - 1)
    with torch.no_grad():
        assert encoder.feature_map(torch.zeros(1, 2, 32, 32)).shape == (1, channels, size, size)
        assert encoder(torch.zeros(1, 2, 32, 32)).shape == (1, encoder.features)


def test_other_widths_refuse_published_weights(reference, tmp_path):
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"encoder: expected bn1.bias of shape \(8,\).*got \(64,\)"):
        load_encoder(ResNet18(1, width=8), tmp_path / "w.pth")


def test_a_pickle_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (print, ("ran",))

    torch.save({"conv1.weight": Bomb()}, tmp_path / "w.pth")
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        load_encoder(ResNet18(1), tmp_path / "w.pth")


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="stem: expected one of imagenet, small, fine, got 'large'"):
        ResNet18(1, stem="large")
    with pytest.raises(ValueError, match="stages: expected 1 to 4, got 5"):
        ResNet18(1, stages=5)
    with pytest.raises(ValueError, match="replicate: expected one channel"):
        ResNet18(5, replicate=True)
