"""Functions that the Dask workers of `galviz.work.chunks` run. Only there is torch loaded."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviz.measure.image_regions import part_masks, superpixels
from galviz.measure.occluders import GRAD_CAM, INTEGRATED_GRADIENTS, SHAPLEY, SUPERPIXELS
from galviz.measure.photoz import of_dz, photoz_summary
from galviz.measure.score_columns import is_redshift
from galviz.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from galviz.measure.inpainting import FitState
    from galviz.nn.gan.lsgan import Trained
    from galviz.runs.predictions import Predictions

_KEPT = 4  # networks that a worker keeps in memory


def occluded(path: str, image: np.ndarray, request: dict[str, Any], places: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the output of a run's network for an image with an occluder at each of P positions.

    Parameters
    ----------
    path : str
        A finished run.
    image : numpy.ndarray of float32, shape (B, H, W)
        As the network takes it; a single band for a band target.
    request : dict
        Fields of `galviz.work.question.OcclusionSettings`, and the linear baseline as ``offset``.
    places : numpy.ndarray of int, shape (P, 2)
        Top and left pixel of each occluder.

    Returns
    -------
    outputs : numpy.ndarray of float32, shape (1, P), or (B, P) if each band is occluded in turn
    clean : float
        The output for the unoccluded image.
    """
    from galviz.nn.explain.occlusion import outputs_at

    network, output = _network_for(path, request), _output(path, request)
    more = {name: request[name] for name in ("patch", "baseline", "bands", "engine")}
    return outputs_at(network, image, places, output=output, **more)


def warmed(path: str) -> None:
    """Load the network of a run, and all that a map needs, so that the first map does not wait for it."""
    from galviz.nn.explain import occlusion  # noqa: F401

    _network(path, _stamp(path))


def without(path: str, image: np.ndarray, request: dict[str, Any], masks: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the output of a run's network with each of n regions hidden, as `occluded` does with an occluder.

    Parameters
    ----------
    path, image, request
        As in `occluded`.
    masks : numpy.ndarray of bool, shape (n, H, W)
    """
    from galviz.nn.explain.regions import outputs_without

    more = {name: request[name] for name in ("patch", "baseline", "bands")}
    return outputs_without(_network_for(path, request), image, masks, output=_output(path, request), **more)


def shared(
    path: str, image: np.ndarray, request: dict[str, Any], samples: int, seed: int
) -> tuple[np.ndarray, float, float]:
    """Return the Shapley values of the parts of an image, float32 (1 or B, n), from so many random orders.

    The other two numbers are the output for the image and for the baseline.
    """
    from galviz.nn.explain.regions import shapley_values

    network, output = _network_for(path, request), _output(path, request)
    more = {name: request[name] for name in ("patch", "baseline", "bands")}
    return shapley_values(network, image, request["parts"], output=output, samples=samples, seed=seed, **more)


def at_means(path: str, image: np.ndarray, request: dict[str, Any]) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the outputs with columns of the catalogue at their means; see `galviz.nn.explain.regions`."""
    from galviz.nn.explain.regions import outputs_at_means

    return outputs_at_means(_network_for(path, request), image, output=_output(path, request))


def attributed(path: str, image: np.ndarray, request: dict[str, Any]) -> tuple[np.ndarray, float, float]:
    """Return the map of integrated gradients or of Grad-CAM, float32 (1 or B, H, W), and the output.

    The third number is the output for the baseline, NaN for Grad-CAM, which has none.
    """
    import torch

    from galviz.nn.explain.engine import Parts, cover, evaluating, reader

    network, read = _network_for(path, request), reader(_output(path, request))
    found = _map_of(network, image[None], path, request)[0]
    with evaluating(network), torch.no_grad():
        parts = Parts(network, "captum")
        prepared = parts.prepare(torch.from_numpy(image)[None].float().to(parts.device))
        empty = cover(prepared, request["baseline"], 16) if request["method"] == INTEGRATED_GRADIENTS else prepared
        clean, base = read(parts.rest(torch.cat([prepared, empty]))).tolist()
    return found, clean, base if request["method"] == INTEGRATED_GRADIENTS else np.nan


def changed(path: str, image: np.ndarray, request: dict[str, Any]) -> np.ndarray:
    """Return the contribution map of one image, clean minus occluded output, shape (1 or B, H, W)."""
    return _map_of(_network_for(path, request), image[None], path, request)[0]


def sane(path: str, image: np.ndarray, request: dict[str, Any]) -> float:
    """Return the rank correlation of a map with that of the same network with shuffled weights. Near 0 is good."""
    from galviz.nn.explain.gradients import sanity

    def explain(network: "nn.Module", images: np.ndarray) -> np.ndarray:
        return _map_of(network, images, path, request)

    return sanity(_network_for(path, request), image[None], explain)


def _map_of(network: "nn.Module", images: np.ndarray, path: str, request: dict[str, Any]) -> np.ndarray:
    """Return the contribution maps of images by the method of a request, float32 (N, 1 or B, H, W)."""
    from galviz.nn.explain.occlusion import grad_cam, integrated_gradients, occlude

    output = _output(path, request)
    if request["method"] == INTEGRATED_GRADIENTS:
        found = integrated_gradients(network, images, output=output, baseline=request["baseline"])
        return found if request["bands"] == "each" else found.sum(1, keepdims=True)
    if request["method"] == GRAD_CAM:
        return grad_cam(network, images, output=output, bands=request["bands"])
    if request["method"] == SUPERPIXELS:
        return np.stack([_segment_map(network, image, output, request) for image in images])
    if request["method"] == SHAPLEY:
        return np.stack([_shapley_map(network, image, output, request) for image in images])
    more = {name: request[name] for name in ("patch", "stride", "baseline", "bands", "engine")}
    return occlude(network, images, output=output, value="change", **more).map


def _segment_map(network: "nn.Module", image: np.ndarray, output: Any, request: dict[str, Any]) -> np.ndarray:
    from galviz.nn.explain.regions import outputs_without

    part = superpixels(image, request["segments"])
    masks = part_masks(part)
    more = {name: request[name] for name in ("patch", "baseline", "bands")}
    outputs, clean = outputs_without(network, image, masks, output=output, **more)
    return (clean - outputs)[:, part]


def _shapley_map(network: "nn.Module", image: np.ndarray, output: Any, request: dict[str, Any]) -> np.ndarray:
    from galviz.nn.explain.regions import shapley_values

    more = {name: request[name] for name in ("patch", "baseline", "bands")}
    return shapley_values(network, image, request["parts"], output=output, **more)[0][:, request["parts"]]


def _output(path: str, request: dict[str, Any]) -> Any:
    """Return the column, or the function, that selects the requested number from the outputs of a network."""
    from galviz.nn.explain.occlusion import in_its_unit, probability, shifted

    (how, column), offset = request["output"], request.get("offset", 0.0)
    if how == "probability":
        return probability(column)
    if how == "shown":
        return in_its_unit(Run.open(path).target, column, offset)
    return shifted(column, offset) if offset else column


def _stamp(path: str) -> int:
    return (Path(path) / "model.safetensors").stat().st_mtime_ns


def _network_for(path: str, request: dict[str, Any]) -> "nn.Module":
    """Return the network of a run, with the columns of the requested object if it takes any."""
    network = _network(path, _stamp(path))
    if request.get("columns") is not None:
        network.head.give(request["columns"])
    return network


@lru_cache(maxsize=_KEPT)
def _network(path: str, _stamp: int) -> "nn.Module":
    """Return the network of a run on the best device. `_stamp` renews the cached network when its weights change."""
    from galviz.nn.inference.predict import network_of

    return network_of(Run.open(path)).eval().to(_device())


def fitted(
    path: str, images: np.ndarray, observed: np.ndarray, options: dict[str, Any], state: "FitState | None" = None
) -> "tuple[FitState, np.ndarray, np.ndarray]":
    """Take a few more steps of best fits by a run of the inpainting study; see `galviz.nn.gan.repair.go_on`."""
    from galviz.nn.gan.repair import go_on

    return go_on(_trained(path, _stamp(path)), images, observed, state, **options)


@lru_cache(maxsize=_KEPT)
def _trained(path: str, _stamp: int) -> "Trained":
    from galviz.nn.gan.repair import open_trained

    return open_trained(Run.open(path)).to(_device())


def baselines(path: str, only: str = "") -> "dict[str, pd.DataFrame]":
    """Return the metrics of the network of a run, and of baselines for the same held-out objects.

    Parameters
    ----------
    path : str
        A finished run. Its sky is read.
    only : str
        Name of a single baseline: ``"constant"``, ``"catalogue columns"``, ``"pixel statistics"``, or one of the study.
        Empty: all.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``"network"`` and each baseline of `galviz.nn.baselines.general` → the metrics of the task with intervals, as
        from `galviz.runs.predictions.Predictions.summary`; of redshifts also those of `galviz.measure.photoz`. Empty if
        there are no baselines.
    """
    from galviz.nn.baselines.general import baselines as predictions_of
    from galviz.runs.predictions import Predictions
    from galviz.sky.cutouts import CutoutSet
    from galviz.studies import named, open_study, study_names

    run = Run.open(path)
    of_study = open_study(run.info["study"]).baselines if run.info["study"] in study_names() else {}
    more = {name: named(baseline.make) for name, baseline in of_study.items()}
    found = predictions_of(run, CutoutSet.open(run.data), only, more)
    if not found:
        return {}
    network, ids = run.predictions(), next(iter(found.values())).table.index
    table = network.table[network.table.index.isin(ids)]
    every = {"network": Predictions(table, network.target)} | found
    return {name: _measures(predictions) for name, predictions in every.items()}


def _measures(predictions: "Predictions") -> "pd.DataFrame":
    import pandas as pd

    table, target = predictions.summary(), predictions.target
    if target.task != "regression" or not is_redshift(target.columns[0]):
        return table
    known = predictions.truth > -1  # False for NaN
    if known.sum() < 2:
        return table
    more = photoz_summary(predictions.truth[known], predictions.estimate[known]).drop(index="r2")
    return pd.concat([table, more.rename(index=of_dz)[table.columns]])


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
