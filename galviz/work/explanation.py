"""Explanations for pages: the request, its chunks for the Dask workers, and the map as it fills. No torch here."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galviz.measure.attribution_regions import source_parts, sources_of
from galviz.measure.image_regions import Effect, elsewhere, part_masks, superpixels
from galviz.measure.linear_baseline import Offset, columns_of
from galviz.measure.occluders import (
    ENGINES,
    GRAD_CAM,
    INTEGRATED_GRADIENTS,
    METHODS,
    OCCLUSION,
    SHAPLEY,
    SUPERPIXELS,
    places,
    spread,
)
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.work.chunks import Work

BASELINES = ("mean", "zero", "blur")
ALL_BANDS = "all bands"
"""Name of the map for which all bands are covered at once."""

ALL_COLUMNS = "all together"
"""Name of the contribution of all columns of the catalogue."""

MOST_SOURCES = 60
"""Sources that share an output by Shapley values. Of more, the others count as the rest of the image."""

_ORDERS, _ORDERS_AT_ONCE = 50, 5  # random orders of the sources: their standard error falls with the square root
_PIXELS = 2**18  # pixels of the occluded images of one chunk, which takes a fraction of a second


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


class Explanation:
    """A map of one object by occlusion, which fills as results arrive. `explanation` makes it by any method.

    Parameters
    ----------
    run : Run
        A finished run.
    cutouts : CutoutSet
    object_id : str
    settings : OcclusionSettings
    shown_band : str, optional
        The band that is shown to a network for single bands.
    on_change : callable, optional
        Passed to `galviz.work.chunks.Work`.

    Attributes
    ----------
    work : Work
        Progress, ETA, cancel.
    places : numpy.ndarray of int, shape (P, 2)
        Top and left pixel of each position of the occluder.
    outputs : numpy.ndarray of float32, shape (R, P)
        The output with the occluder at each position. R is 1, or one row per band. NaN until a result arrives.
    clean : float
        The output for the unoccluded image. NaN until the first result arrives.

    Raises
    ------
    ValueError
        If the occluder is larger than the image.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        object_id: str,
        settings: OcclusionSettings,
        *,
        shown_band: str = "",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.run, self.cutouts, self.object_id = run, cutouts, object_id
        self.settings, self.shown_band = settings, shown_band
        self.image = image_for(run, cutouts, object_id, shown_band)
        bands, self.height, self.width = self.image.shape
        self.bands = [ALL_BANDS]
        if settings.bands == "each":
            self.bands = [shown_band] if shown_band else list(cutouts.bands)
        self.clean = np.nan
        # Small images get many places a chunk, large ones few: each chunk takes about as long, so progress is even.
        self._size = max(8, _PIXELS // (self.height * self.width * (bands if settings.bands == "each" else 1)))
        self._given = (str(run.path), self.image, _request(run, cutouts, object_id, settings))
        function, chunks = self._chunks()
        self.work = Work(f"galviz.work.worker:{function}", [(*self._given, *chunk) for chunk in chunks], on_change)

    def _chunks(self) -> tuple[str, list[tuple]]:
        """Return the name of the worker's function, and what each call takes besides run, image and request."""
        self.places = places(self.height, self.width, self.settings.patch, self.settings.stride)
        return "occluded", [(self.places[part],) for part in self._divide(len(self.places))]

    def _divide(self, count: int) -> list[slice]:
        """Divide the outputs into chunks."""
        self.outputs = np.full((len(self.bands), count), np.nan, dtype=np.float32)
        self._parts = [slice(start, start + self._size) for start in range(0, count, self._size)]
        return self._parts

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new = self.work.new_results()
        for number, (outputs, clean) in new:
            self.outputs[:, self._parts[number]] = outputs
            self.clean = clean
        return bool(new)

    def map(self, value: str = "change") -> np.ndarray:
        """Return the map, float32, shape (R, H, W).

        A pixel is the mean over the positions that cover it, NaN if no result has arrived for them.

        Parameters
        ----------
        value : {"change", "effect", "output"}
            ``"change"``: the contribution, that is the output of the unoccluded image minus that of the occluded one.
            Positive where the covered pixels raise the output. ``"effect"``: the same with the other sign, that is by
            how much hiding raises the output. ``"output"``: the output of the occluded image, as in Liang et al.
            (2020).
        """
        values = self._values(value)
        # Places without a result are left out, not counted as 0: the map of the results so far is right, only coarser.
        come = np.isfinite(values).all(axis=0)
        if not come.any():
            return np.full((len(self.bands), self.height, self.width), np.nan, dtype=np.float32)
        return spread(values[:, come], self.places[come], self.settings.patch, (self.height, self.width))

    def _values(self, value: str) -> np.ndarray:
        change = self.clean - self.outputs
        return {"change": change, "effect": -change, "output": self.outputs}[value]

    def sane(self) -> Work:
        """Request the sanity check of Adebayo et al. (2018): rank correlation with the map of shuffled weights.

        It is a single chunk.
        """
        return Work("galviz.work.worker:sane", [self._given])

    @property
    def values(self) -> tuple[str, ...]:
        """What `map` can show."""
        return ("change", "effect", "output")

    @property
    def whole(self) -> bool:
        """Whether all of the map is there."""
        return bool(np.isfinite(self.outputs).all())

    def of_bands(self) -> np.ndarray:
        """Return the mean absolute effect of each row of the map, shape (R,)."""
        return np.abs(self._values("change")).mean(1)

    @property
    def settings_text(self) -> str:
        """The settings of the map as a text."""
        return settings_text_of(self.run, self.cutouts, self.settings, self.shown_band)

    def to_fits(self) -> bytes:
        """Return a FITS file with the maps (R, H, W) of contribution and output, with the WCS of the cutout."""
        from astropy.io import fits  # it takes long to import, and a page opens without it

        header = fits.Header()
        if self.cutouts.wcs is not None:
            header.update(self.cutouts.wcs_of(self.object_id).to_header())
        header["OBJECT"] = self.object_id.encode("ascii", "backslashreplace").decode()
        if not self.whole:
            raise ValueError(
                "to_fits: expected a finished map, got one that is still being computed. Wait until it is done."
            )
        cards = {"GVRUN": self.run.name[:60], "GVVER": version("galviz"), "CLEAN": float(self.clean)}
        cards |= {
            "METHOD": self.settings.method,
            "PATCH": self.settings.patch,
            "STRIDE": self.settings.stride,
            "BASELINE": self.settings.baseline,
        }
        header.update(cards | {f"BAND{k}": name for k, name in enumerate(self.bands, start=1)})
        header["COMMENT"] = _ascii(self.settings_text)
        header["OUTPUT"] = (_ascii(self.settings_text.partition(", ")[0])[:60], "what the map is about")
        images = [fits.ImageHDU(self.map(value), header, name=value.upper()) for value in self._stored]
        out = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), *images]).writeto(out)
        return out.getvalue()

    _stored = ("change", "output")  # the maps of a file


class SuperpixelExplanation(Explanation):
    """A map of one object from hiding superpixels, one at a time; a pixel has the effect of its superpixel."""

    def _chunks(self) -> tuple[str, list[tuple]]:
        self.places = np.zeros((0, 2), dtype=int)
        self.parts = superpixels(self.image, self.settings.segments)
        masks = part_masks(self.parts)
        return "without", [(masks[part],) for part in self._divide(len(masks))]

    def map(self, value: str = "change") -> np.ndarray:
        """Return the map, float32, shape (R, H, W), as `Explanation.map` does."""
        return self._values(value).astype(np.float32)[:, self.parts]


class GradientExplanation(Explanation):
    """A map of one object by integrated gradients or by Grad-CAM. It comes as a whole.

    Attributes
    ----------
    base : float
        The output for the baseline of integrated gradients, else NaN.
    """

    base = np.nan
    _stored = ("change",)

    def _chunks(self) -> tuple[str, list[tuple]]:
        self.places = np.zeros((0, 2), dtype=int)
        self.outputs = np.full((len(self.bands), self.height * self.width), np.nan, dtype=np.float32)
        return "attributed", [()]

    def poll(self) -> bool:
        """Collect the result if it is new. Return whether it was."""
        new = self.work.new_results()
        for _, (found, clean, base) in new:
            self.outputs, self.clean, self.base = found.reshape(len(found), -1), clean, base
        return bool(new)

    @property
    def values(self) -> tuple[str, ...]:
        """What `map` can show: the other sign too, but no output, as nothing is hidden."""
        return ("change", "effect") if self.settings.method == INTEGRATED_GRADIENTS else ("change",)

    def _values(self, value: str) -> np.ndarray:
        return -self.outputs if value == "effect" else self.outputs  # they are contributions already

    def map(self, value: str = "change") -> np.ndarray:
        """Return the map, float32, shape (R, H, W): the part of each pixel in the output."""
        return self._values(value).reshape(-1, self.height, self.width)


class ShapleyExplanation(GradientExplanation):
    """A map of one object by Shapley values of its sources, and of the rest of the image.

    The more random orders have arrived, the more precise the values are.

    Attributes
    ----------
    outputs : numpy.ndarray of float32, shape (R, S + 1)
        Values of S sources and of the rest.
    parts : numpy.ndarray of int, shape (H, W)
        The source of each pixel; S for the rest.
    base : float
        The output for the baseline. The values of all bands add up to `clean` − `base`.
    """

    def _chunks(self) -> tuple[str, list[tuple]]:
        self.parts = self._given[2]["parts"]
        super()._chunks()
        self.outputs = np.full((len(self.bands), int(self.parts.max()) + 1), np.nan, dtype=np.float32)
        self._come: list[np.ndarray] = []
        return "shared", [(_ORDERS_AT_ONCE, seed) for seed in range(_ORDERS // _ORDERS_AT_ONCE)]

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new = self.work.new_results()
        for _, (values, clean, base) in new:
            self._come.append(values)
            self.clean, self.base = clean, base
        if new:
            self.outputs = np.mean(self._come, axis=0, dtype=np.float32)
        return bool(new)

    @property
    def whole(self) -> bool:
        """Whether all random orders are done."""
        return len(self._come) == self.work.total

    @property
    def values(self) -> tuple[str, ...]:
        """What `map` can show."""
        return ("change",)

    def map(self, value: str = "change") -> np.ndarray:
        """Return the map, float32, shape (R, H, W): the value of the source of each pixel, NaN in the rest.

        The rest is large, and its value is not that of any pixel.
        """
        return np.where(self.parts < self.outputs.shape[1] - 1, self._values(value)[:, self.parts], np.nan)


_KINDS = {
    OCCLUSION: Explanation,
    SUPERPIXELS: SuperpixelExplanation,
    SHAPLEY: ShapleyExplanation,
    INTEGRATED_GRADIENTS: GradientExplanation,
    GRAD_CAM: GradientExplanation,
}


def explanation(
    run: Run,
    cutouts: CutoutSet,
    object_id: str,
    settings: OcclusionSettings,
    *,
    shown_band: str = "",
    on_change: Callable[[], None] | None = None,
) -> Explanation:
    """Return the explanation of an object by the method of the settings; arguments as in `Explanation`."""
    kind = _KINDS[settings.method]
    return kind(run, cutouts, object_id, settings, shown_band=shown_band, on_change=on_change)


class RegionEffects:
    """What an output loses when regions are hidden, each beside the same shape at random places.

    Parameters
    ----------
    run, cutouts, object_id, settings, shown_band, on_change
        As in `Explanation`; patch and stride do not matter.
    masks : mapping of str to numpy.ndarray of bool, shape (H, W)
        Name → pixels of a region.
    band : str
        The band in which they are hidden; all bands by default.

    Attributes
    ----------
    work : Work
    effects : dict of str to galviz.measure.image_regions.Effect
        Of the regions whose result has arrived.
    clean : float
        The output for the whole image.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        object_id: str,
        settings: OcclusionSettings,
        masks: Mapping[str, np.ndarray],
        *,
        band: str = ALL_BANDS,
        shown_band: str = "",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.object_id, self.settings, self.band = object_id, settings, band
        self.masks, self.effects, self.clean = dict(masks), {}, np.nan
        self._row = cutouts.bands.index(band) if band in cutouts.bands else 0
        image = image_for(run, cutouts, object_id, shown_band)
        request = _request(run, cutouts, object_id, settings)
        request["bands"] = "each" if band in cutouts.bands and not shown_band else "together"
        if request["bands"] == "together":
            self._row = 0
        chunks = [
            (str(run.path), image, request, np.concatenate([mask[None], elsewhere(mask)]))
            for mask in self.masks.values()
        ]
        self.work = Work("galviz.work.worker:without", chunks, on_change)

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new, names = self.work.new_results(), list(self.masks)
        for number, (outputs, clean) in new:
            change = clean - outputs[self._row].astype(np.float64)
            name = names[number]
            self.effects[name] = Effect(float(change[0]), change[1:], float(self.masks[name].mean()))
            self.clean = clean
        return bool(new)


class ColumnEffects:
    """How much the columns of the catalogue that a network takes beside the picture contribute to an output.

    Parameters
    ----------
    run, cutouts, object_id, settings, shown_band, on_change
        As in `Explanation`; only the output of the settings matters. The run has `data.columns`.

    Attributes
    ----------
    work : Work
    table : pandas.DataFrame or None
        Once the result has arrived: index ``column``; columns value (of the object, NaN where missing), mean (of the
        training objects) and contribution, the output less that with the mean in place of the value.
    together : float
        The contribution of all columns, replaced at once. It is not the sum, where the network combines them.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        object_id: str,
        settings: OcclusionSettings,
        *,
        shown_band: str = "",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.table: pd.DataFrame | None = None
        self.together = np.nan
        request, self._names = _request(run, cutouts, object_id, settings), run.recipe.data.columns
        self._values = request["columns"]
        chunk = (str(run.path), image_for(run, cutouts, object_id, shown_band), request)
        self.work = Work("galviz.work.worker:at_means", [chunk], on_change)

    def poll(self) -> bool:
        """Collect the result if it is new. Return whether it was."""
        new = self.work.new_results()
        for _, (outputs, clean, means) in new:
            change = clean - outputs.astype(np.float64)
            columns = {"value": self._values, "mean": means, "contribution": change[:-1]}
            self.table = pd.DataFrame(columns, index=pd.Index(self._names, name="column"))
            self.together = float(change[-1])
        return bool(new)

    def contributions(self) -> dict[str, float]:
        """Return column → contribution, with that of ``"all together"`` last if there are several; empty until then."""
        if self.table is None:
            return {}
        every = {ALL_COLUMNS: self.together} if len(self.table) > 1 else {}
        return self.table["contribution"].to_dict() | every


def warm(run: Run) -> None:
    """Start the worker and let it load the network of a run, in the background; once for each run."""
    if run.path not in _warmed and run.weights.exists():
        _warmed.add(run.path)
        Work("galviz.work.worker:warmed", [(str(run.path),)])


_warmed: set[Path] = set()


def _ascii(text: str) -> str:
    """Return a text in ASCII, as FITS headers require."""
    named = text.replace("λ", "lambda").replace("₁₀", "10")
    return named.encode("ascii", "backslashreplace").decode()


class MeanExplanation:
    """The mean occlusion map of many objects, averaged in the pixels of their cutouts.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    ids : sequence of str
    settings : OcclusionSettings
    shown_band, on_change
        As in `Explanation`.

    Attributes
    ----------
    work : Work
    count : int
        Number of maps in the mean. Objects with non-finite pixels are left out.
    mean : numpy.ndarray of float32, shape (R, H, W)
        Mean contribution (see `Explanation.map`). NaN until the first map arrives.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        ids: Sequence[str],
        settings: OcclusionSettings,
        *,
        shown_band: str = "",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        rows = len(cutouts.bands) if settings.bands == "each" and not shown_band else 1
        self.count, self._sum = 0, np.zeros((rows, *cutouts.images.shape[2:]))
        self.shown_band, self.settings_text = shown_band, settings_text_of(run, cutouts, settings, shown_band)
        chunks = [
            (str(run.path), image_for(run, cutouts, name, shown_band), _request(run, cutouts, name, settings))
            for name in ids
        ]
        self.work = Work("galviz.work.worker:changed", chunks, on_change)

    @property
    def mean(self) -> np.ndarray:
        """Mean of the maps that have arrived."""
        with np.errstate(invalid="ignore"):
            return (self._sum / self.count if self.count else self._sum * np.nan).astype(np.float32)

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new = self.work.new_results()
        whole = [change for _, change in new if np.isfinite(change).all()]
        self._sum += sum(whole, np.zeros_like(self._sum))
        self.count += len(whole)
        return bool(new)


def _request(run: Run, cutouts: CutoutSet, object_id: str, settings: OcclusionSettings) -> dict[str, Any]:
    """Return the fields of the settings, and what the network knows of an object beside its picture.

    ``offset`` is the linear baseline of the object, 0 without one; ``columns`` (C,) are those of the catalogue, if any;
    ``parts`` (H, W) the sources among which the output is shared, only for Shapley values.
    """
    row = cutouts.catalogue.iloc[cutouts.row_of([object_id])]
    offset, value = Offset.from_json(run.info.get("offset")), 0.0
    if offset is not None:
        value = float(offset.of(row)[0])
    parts = None
    if settings.method == SHAPLEY:
        sources = sources_of(cutouts, object_id).head(MOST_SOURCES)
        if sources.empty:
            raise ValueError(
                f"method: expected an image with sources for Shapley values, got none in that of {object_id}. Use "
                "superpixels."
            )
        parts = source_parts(cutouts.images.shape[2:], sources, settings.radius)
    columns = columns_of(row, run.recipe.data.columns)
    return asdict(settings) | {
        "offset": value,
        "columns": None if columns is None else columns[0],
        "parts": parts,
    }


def settings_text_of(run: Run, cutouts: CutoutSet, settings: OcclusionSettings, shown_band: str = "") -> str:
    """Return the settings of a map as a text: the output, the occluder, its baseline, and the band of the image."""
    names = {given: name for name, given in outputs(run.target, cutouts.bands).items()}
    how = {
        OCCLUSION: f"occluder {settings.patch} px every {settings.stride} px",
        SUPERPIXELS: f"{settings.segments} superpixels",
        SHAPLEY: f"Shapley values of sources {2 * settings.radius:g} px wide",
    }.get(settings.method, settings.method)
    text = f"{names.get(settings.output, settings.output)}, {how}"
    baseline = "" if settings.method == GRAD_CAM else f", baseline {settings.baseline}"
    return text + baseline + (f", of the {shown_band} image" if shown_band else "")


def image_for(run: Run, cutouts: CutoutSet, object_id: str, shown_band: str = "") -> np.ndarray:
    """Return the image of an object as the network of a run takes it: (B, H, W), or (1, H, W) of the band `shown_band`.

    Raises
    ------
    ValueError
        If the network takes single bands and `shown_band` is not a band of the cutouts.
    """
    image = cutouts.images[int(cutouts.row_of([object_id])[0])]
    if not run.target.one_band(cutouts.bands):
        return image
    if shown_band not in cutouts.bands:
        raise ValueError(f"shown_band: expected one of the bands {', '.join(cutouts.bands)}, got {shown_band!r}.")
    return image[[cutouts.bands.index(shown_band)]]
