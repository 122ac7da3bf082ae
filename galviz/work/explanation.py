"""Maps of one object for pages, divided into chunks for the workers, and filled as results arrive. No torch here."""

import io
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from galviz.measure.image_regions import part_masks, superpixels
from galviz.measure.occluders import GRAD_CAM, INTEGRATED_GRADIENTS, OCCLUSION, SHAPLEY, SUPERPIXELS, places, spread
from galviz.runs.run import Run
from galviz.work import chunks
from galviz.work.question import ALL_BANDS, Question

_ORDERS, _ORDERS_AT_ONCE = 50, 5  # random orders of the sources: their standard error falls with the square root
_PIXELS = 2**18  # pixels of the occluded images of one chunk, which takes a fraction of a second


class Explanation:
    """A map of one object by occlusion, which fills as results arrive. `explanation` makes it by any method.

    Parameters
    ----------
    question : Question
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

    def __init__(self, question: Question, *, on_change: Callable[[], None] | None = None) -> None:
        self.question, self.image = question, question.image
        self.run, self.cutouts, self.object_id = question.run, question.cutouts, question.object_id
        self.settings, self.shown_band = question.settings, question.shown_band
        bands, self.height, self.width = self.image.shape
        self.bands = [ALL_BANDS]
        if self.settings.bands == "each":
            self.bands = [self.shown_band] if self.shown_band else list(self.cutouts.bands)
        self.clean = np.nan
        # Small images get many places a chunk, large ones few: each chunk takes about as long, so progress is even.
        self._size = max(8, _PIXELS // (self.height * self.width * (bands if self.settings.bands == "each" else 1)))
        function, parts = self._chunks()
        self.work = chunks.Work(
            f"galviz.work.worker:{function}", [(*question.given, *chunk) for chunk in parts], on_change
        )

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

    def sane(self) -> chunks.Work:
        """Request the sanity check of Adebayo et al. (2018): rank correlation with the map of shuffled weights.

        It is a single chunk.
        """
        return chunks.Work("galviz.work.worker:sane", [self.question.given])

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
        header["COMMENT"] = _ascii(self.question.text)
        header["OUTPUT"] = (_ascii(self.question.text.partition(", ")[0])[:60], "what the map is about")
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
        self.parts = self.question.request["parts"]
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


def explanation(question: Question, *, on_change: Callable[[], None] | None = None) -> Explanation:
    """Return the explanation of an object by the method of the settings; arguments as in `Explanation`."""
    return _KINDS[question.settings.method](question, on_change=on_change)


def warm(run: Run) -> None:
    """Start the worker and let it load the network of a run, in the background; once for each run."""
    if run.path not in _warmed and run.weights.exists():
        _warmed.add(run.path)
        chunks.Work("galviz.work.worker:warmed", [(str(run.path),)])


_warmed: set[Path] = set()


def _ascii(text: str) -> str:
    """Return a text in ASCII, as FITS headers require."""
    named = text.replace("λ", "lambda").replace("₁₀", "10")
    return named.encode("ascii", "backslashreplace").decode()
