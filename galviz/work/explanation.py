"""Occlusion maps for pages: the request, its chunks for the Dask workers, and the map as it fills. No torch here."""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from astropy.io import fits

from galviz.measure.linear_baseline import Offset
from galviz.measure.occluders import places, spread
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.work.chunks import Work

BASELINES = ("mean", "zero", "blur")
ALL_BANDS = "all bands"
"""Name of the map for which all bands are covered at once."""

_PIXELS = 2**18  # pixels of the occluded images of one chunk, which takes a fraction of a second


@dataclass(frozen=True)
class OcclusionSettings:
    """Settings of an occlusion map.

    Parameters
    ----------
    output : (str, int)
        The output that is explained, as returned by `outputs`.
    bands : {"together", "each"}
        Whether the occluder covers all bands at once, or each band in turn.
    patch, stride : int
        Side of the occluder and distance between its positions, pixels.
    baseline : {"mean", "zero", "blur"}
        Values inside the occluder, after normalisation: the mean of each band, zero, or the blurred image.
    """

    output: tuple[str, int] = ("learned", 0)
    bands: str = "together"
    patch: int = 8
    stride: int = 4
    baseline: str = "mean"

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise ValueError(f"baseline: expected one of {', '.join(BASELINES)}, got {self.baseline!r}.")
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
    """An occlusion map of one object, which fills as results arrive.

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
        self.places = places(self.height, self.width, settings.patch, settings.stride)
        self.clean = np.nan
        self.outputs = np.full((len(self.bands), len(self.places)), np.nan, dtype=np.float32)
        # Small images get many places a chunk, large ones few: each chunk takes about as long, so progress is even.
        size = max(8, _PIXELS // (self.height * self.width * (bands if settings.bands == "each" else 1)))
        self._parts = [slice(start, start + size) for start in range(0, len(self.places), size)]
        given = (str(run.path), self.image, _request(run, cutouts, object_id, settings))
        self.work = Work(
            "galviz.work.worker:occluded", [(*given, self.places[part]) for part in self._parts], on_change
        )

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
        value : {"change", "output"}
            ``"change"``: the contribution, that is the output of the unoccluded image minus that of the occluded one.
            Positive where the covered pixels raise the output. ``"output"``: the output of the occluded image, as in
            Liang et al. (2020).
        """
        values = self.clean - self.outputs if value == "change" else self.outputs
        # Places without a result are left out, not counted as 0: the map of what has come is right, only coarser.
        come = np.isfinite(values).all(axis=0)
        if not come.any():
            return np.full((len(self.bands), self.height, self.width), np.nan, dtype=np.float32)
        return spread(values[:, come], self.places[come], self.settings.patch, (self.height, self.width))

    def sane(self) -> Work:
        """Request the sanity check of Adebayo et al. (2018): rank correlation with the map of shuffled weights.

        It is a single chunk.
        """
        request = _request(self.run, self.cutouts, self.object_id, self.settings)
        return Work("galviz.work.worker:sane", [(str(self.run.path), self.image, request)])

    @property
    def settings_text(self) -> str:
        """The settings of the map as a text."""
        return settings_text_of(self.run, self.cutouts, self.settings, self.shown_band)

    def to_fits(self) -> bytes:
        """Return a FITS file with the maps (R, H, W) of contribution and output, with the WCS of the cutout."""
        header = fits.Header()
        if self.cutouts.wcs is not None:
            header.update(self.cutouts.wcs_of(self.object_id).to_header())
        header["OBJECT"] = self.object_id.encode("ascii", "backslashreplace").decode()
        if not np.isfinite(self.outputs).all():
            raise ValueError("to_fits: expected a whole map, got one of which parts have not come yet. Wait for it.")
        cards = {"GVRUN": self.run.name[:60], "GVVER": version("galviz"), "CLEAN": float(self.clean)}
        cards |= {"PATCH": self.settings.patch, "STRIDE": self.settings.stride, "BASELINE": self.settings.baseline}
        header.update(cards | {f"BAND{k}": name for k, name in enumerate(self.bands, start=1)})
        header["COMMENT"] = _ascii(self.settings_text)
        header["OUTPUT"] = (_ascii(self.settings_text.partition(", occluder")[0])[:60], "what the map is about")
        images = [fits.ImageHDU(self.map(value), header, name=value.upper()) for value in ("change", "output")]
        out = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), *images]).writeto(out)
        return out.getvalue()


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
    """Return the fields of the settings, and the linear baseline of the object (0 without one) as ``offset``."""
    offset, value = Offset.from_json(run.info.get("offset")), 0.0
    if offset is not None:
        value = float(offset.of(cutouts.catalogue.iloc[cutouts.row_of([object_id])])[0])
    return asdict(settings) | {"offset": value}


def settings_text_of(run: Run, cutouts: CutoutSet, settings: OcclusionSettings, shown_band: str = "") -> str:
    """Return the settings of a map as a text: the output, the occluder, its baseline, and the band of the image."""
    names = {given: name for name, given in outputs(run.target, cutouts.bands).items()}
    text = f"{names.get(settings.output, settings.output)}, occluder {settings.patch} px every {settings.stride} px"
    return f"{text}, baseline {settings.baseline}" + (f", of the {shown_band} image" if shown_band else "")


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
