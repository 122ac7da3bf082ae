"""What is explained: an output of a run for one object, by which settings. It is sent to the workers; no torch here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from galviz.measure.attribution_regions import source_parts, sources_of
from galviz.measure.linear_baseline import Offset, columns_of
from galviz.measure.occluders import ENGINES, GRAD_CAM, METHODS, OCCLUSION, SHAPLEY, SUPERPIXELS
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

BASELINES = ("mean", "zero", "blur")
ALL_BANDS = "all bands"
"""Name of the map for which all bands are covered at once."""

MOST_SOURCES = 60
"""Sources that share an output by Shapley values. Of more, the others count as the rest of the image."""


@dataclass(frozen=True)
class OcclusionSettings:
    """Settings of a map.

    Parameters
    ----------
    output : (str, int)
        The output that is explained, as returned by `outputs`.
    bands : {"together", "each"}
        Whether the occluder covers all bands at once, or each band in turn.
    patch, stride : int
        Side of the occluder and distance between its positions, pixels.
    baseline : {"mean", "zero", "blur"}
        Values inside the occluder, after normalisation: the mean of each band, zero, or the blurred image. Integrated
        gradients begin at an image of these values; Grad-CAM has no baseline.
    method : {"occlusion", "superpixels", "Shapley values", "integrated gradients", "Grad-CAM"}
        Only occlusion has a stride. By Shapley values, a source is a disc as wide as the patch.
    segments : int
        Number of superpixels that is aimed at.
    engine : {"auto", "fast", "captum"}
        What computes a map by patches, as in `galviz.nn.explain.occlusion.occlude`.
    """

    output: tuple[str, int] = ("learned", 0)
    bands: str = "together"
    patch: int = 8
    stride: int = 4
    baseline: str = "mean"
    method: str = OCCLUSION
    segments: int = 60
    engine: str = "auto"

    @property
    def radius(self) -> float:
        """Radius of a source, pixels."""
        return max(2.0, self.patch / 2)

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise ValueError(f"baseline: expected one of {', '.join(BASELINES)}, got {self.baseline!r}.")
        if self.method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {self.method!r}.")
        if self.engine not in ENGINES:
            raise ValueError(f"engine: expected one of {', '.join(ENGINES)}, got {self.engine!r}.")
        if self.patch < 1 or self.stride < 1:
            raise ValueError(f"patch, stride: expected at least 1 pixel, got {self.patch} and {self.stride}.")


def outputs(target: Target, bands: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the outputs that can be explained, as labels for a page and the values that `OcclusionSettings` takes.

    Parameters
    ----------
    target : Target
    bands : sequence of str
        Bands of the cutouts.
    """
    return target.rules.outputs(target, tuple(bands))


@dataclass(frozen=True, eq=False)
class Question:
    """What a map, or the effect of regions or columns, is about.

    Parameters
    ----------
    run : Run
        A finished run.
    cutouts : CutoutSet
    object_id : str
    settings : OcclusionSettings
    shown_band : str
        The band that is shown to a network for single bands.
    """

    run: Run
    cutouts: CutoutSet
    object_id: str
    settings: OcclusionSettings
    shown_band: str = ""

    @cached_property
    def image(self) -> np.ndarray:
        """The image as the network takes it: (B, H, W), or (1, H, W) of the band `shown_band`.

        Raises
        ------
        ValueError
            If the network takes single bands and `shown_band` is not a band of the cutouts.
        """
        bands = self.cutouts.bands
        image = self.cutouts.images[int(self.cutouts.row_of([self.object_id])[0])]
        if not self.run.target.one_band(bands):
            return image
        if self.shown_band not in bands:
            raise ValueError(f"shown_band: expected one of the bands {', '.join(bands)}, got {self.shown_band!r}.")
        return image[[bands.index(self.shown_band)]]

    @cached_property
    def request(self) -> dict[str, Any]:
        """The fields of the settings, and what the network knows of the object beside its picture.

        ``offset`` is the linear baseline of the object, 0 without one; ``columns`` (C,) are those of the catalogue, if
        any; ``parts`` (H, W) the sources among which the output is shared, only for Shapley values.

        Raises
        ------
        ValueError
            If Shapley values are to be computed for an image without sources.
        """
        settings, row = self.settings, self.cutouts.catalogue.iloc[self.cutouts.row_of([self.object_id])]
        offset = Offset.from_json(self.run.info.get("offset"))
        columns = columns_of(row, self.run.recipe.data.columns)
        return asdict(settings) | {
            "offset": 0.0 if offset is None else float(offset.of(row)[0]),
            "columns": None if columns is None else columns[0],
            "parts": self._parts() if settings.method == SHAPLEY else None,
        }

    def _parts(self) -> np.ndarray:
        sources = sources_of(self.cutouts, self.object_id).head(MOST_SOURCES)
        if sources.empty:
            raise ValueError(
                "method: expected an image with sources for Shapley values, got none in that of "
                f"{self.object_id}. Use superpixels."
            )
        return source_parts(self.cutouts.images.shape[2:], sources, self.settings.radius)

    @property
    def given(self) -> tuple[str, np.ndarray, dict[str, Any]]:
        """What the functions of `galviz.work.worker` take: folder of the run, image, request."""
        return str(self.run.path), self.image, self.request

    @property
    def text(self) -> str:
        """The settings as a text: the output, the occluder, its baseline, and the band of the image."""
        names = {given: name for name, given in outputs(self.run.target, self.cutouts.bands).items()}
        how = {
            OCCLUSION: f"occluder {self.settings.patch} px every {self.settings.stride} px",
            SUPERPIXELS: f"{self.settings.segments} superpixels",
            SHAPLEY: f"Shapley values of sources {2 * self.settings.radius:g} px wide",
        }.get(self.settings.method, self.settings.method)
        text = f"{names.get(self.settings.output, self.settings.output)}, {how}"
        baseline = "" if self.settings.method == GRAD_CAM else f", baseline {self.settings.baseline}"
        return text + baseline + (f", of the {self.shown_band} image" if self.shown_band else "")
