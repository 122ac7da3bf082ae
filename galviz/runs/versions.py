"""Versions of ``run.json`` and ``sweep.json``: what an older galviz wrote is read as this one would have written it.

To change the content, add a step to ``_STEPS``. Each step turns the content of one version into that of the next.
"""

from collections.abc import Mapping
from typing import Any

from galviz.runs.recipe import ARCHITECTURES, Network, Recipe
from galviz.runs.settings import declared


def migrated(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the content of a ``run.json`` or ``sweep.json`` in the form of this version.

    Parameters
    ----------
    content : mapping
        Content of any version. It may be damaged; what cannot be understood is left as it is.
    where : str
        The file, for the error message.

    Raises
    ------
    ValueError
        If a newer version made it.
    """
    version = content.get("version", 0)
    if type(version) is not int or not 0 <= version <= VERSION:
        raise ValueError(
            f"{where}: expected version {VERSION} or older, got {version!r}, made by a newer galviz. Update galviz."
        )
    content = dict(content)
    for step in _STEPS[version:]:
        content = step(content)
    return content | {"version": VERSION}


def _with_groups(content: dict[str, Any]) -> dict[str, Any]:
    """Put the settings of recipes, which were one flat list, into groups."""
    named = {name: content[name] for name in ("recipe", "pretraining") if isinstance(content.get(name), Mapping)}
    return content | {name: _grouped(recipe, content.get("study")) for name, recipe in named.items()}


def _grouped(recipe: Mapping[str, Any], study: Any) -> dict[str, Any]:
    places = {key.rpartition(".")[2]: key for key, _ in declared(Recipe) if not key.endswith(".name")}
    places |= {"optimiser": "optimiser.name", "loss": "loss.name", "name": "name"}
    found: dict[str, Any] = {}
    for name in recipe.keys() & places:
        group, _, inner = places[name].rpartition(".")
        (found.setdefault(group, {}) if group else found)[inner] = recipe[name]
    found |= {name: value for name, value in recipe.items() if name not in places}  # refused by their names
    network = recipe.get("network", {})
    if isinstance(network, Mapping):
        found["network"] = _network(dict(network), study)
    return found


def _network(options: dict[str, Any], study: Any) -> dict[str, Any]:
    """Return the options of a network with the defaults that its kind had; those that it did not use are left out."""
    if study == "inpainting" and "architecture" not in options:
        options = {"architecture": "lsgan", "width": 1024} | options
    if study == "mergers":
        options = {"width": 32, "stem": "small", "dropout": 0.2} | options
    architecture = options.get("architecture", "resnet18")
    if architecture not in list(ARCHITECTURES):
        return options
    used = {one.name for one in Network(architecture=architecture).used_fields()}
    known = {key.partition(".")[2] for key, _ in declared(Network)}
    return {name: value for name, value in options.items() if name in used or name not in known}


def _with_all_images(content: dict[str, Any]) -> dict[str, Any]:
    """Let one pre-training of a sweep learn from all images, as it did whatever its recipe held out."""
    recipe = content.get("pretraining")
    if content.get("fold_wise") is not False or not isinstance(recipe, Mapping):
        return content
    validation = recipe.get("validation", {})
    if not isinstance(validation, Mapping):
        return content
    return content | {"pretraining": {**recipe, "validation": {**validation, "folds": 1, "fold": 0}}}


def _with_scaled_pixels(content: dict[str, Any]) -> dict[str, Any]:
    """Let a ResNet-50 of Goh (2022) see pictures scaled as ImageNet's, as it did also with the scaling none."""
    recipe = content.get("recipe")
    network, data = (recipe.get(name) if isinstance(recipe, Mapping) else None for name in ("network", "data"))
    if not isinstance(network, Mapping) or not isinstance(data, Mapping):
        return content
    of_paper = network.get("architecture") in ("paper_resnet50", "paper_resnet50_dense")
    if not of_paper or data.get("normalise") != "none":
        return content
    return content | {"recipe": {**recipe, "data": {**data, "normalise": "pretrained"}}}


_STEPS = (_with_groups, _with_all_images, _with_scaled_pixels)
VERSION = len(_STEPS)
"""The version that is written."""
