"""Objects counted in the pixels of a window: every one of 10⁷, in a tenth of a second."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_AT_ONCE = 1 << 16  # objects: their pixels fit into the processor's cache


@dataclass(frozen=True)
class Window:
    """The part of a plane that is shown, in pixels.

    Parameters
    ----------
    x, y : (float, float)
        Its ends; objects on them are inside.
    size : (int, int)
        Number of pixels along x and along y.
    log : (bool, bool)
        Whether the axes x and y are logarithmic; their ends must then be above 0.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[int, int]
    log: tuple[bool, bool] = (False, False)

    def counts(self, x: np.ndarray, y: np.ndarray, codes: np.ndarray | None = None, kinds: int = 0) -> np.ndarray:
        """Return the number of objects in each pixel.

        Parameters
        ----------
        x, y : numpy.ndarray of float, shape (n,)
            Places; one with a NaN is in no pixel.
        codes : numpy.ndarray of int, shape (n,), optional
            Category of each object, below `kinds`; -1 for none.
        kinds : int
            Number of categories.

        Returns
        -------
        numpy.ndarray of int, shape (H, W, kinds + 1)
            Lowest y first; last the objects without a category.
        """
        shape = (self.size[1], self.size[0], kinds + 1)
        total = np.zeros(np.prod(shape), dtype=np.int64)
        for part, inside, pixel in self._pixels(x, y):
            if codes is not None:
                pixel = pixel * (kinds + 1) + codes[part][inside] % (kinds + 1)  # noqa: PLW2901
            total += np.bincount(pixel, minlength=len(total))
        return total.reshape(shape)

    def means(self, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of objects in each pixel (H, W), and the mean of their values: NaN where none is finite."""
        pixels = self.size[0] * self.size[1]
        every, known, total = np.zeros((3, pixels))
        for part, inside, pixel in self._pixels(x, y):
            some = values[part][inside]
            finite = np.isfinite(some)
            every += np.bincount(pixel, minlength=pixels)
            known += np.bincount(pixel[finite], minlength=pixels)
            total += np.bincount(pixel[finite], some[finite], minlength=pixels)
        mean = np.divide(total, known, out=np.full(pixels, np.nan), where=known > 0)
        return every.reshape(self.size[::-1]), mean.reshape(self.size[::-1])

    def _pixels(self, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray | slice, np.ndarray]]:
        """Yield some objects, which of them are inside, as an index, and the pixel of each of these."""
        for first in range(0, len(x), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            within = [(one >= low) & (one <= end) for one, (low, end) in ((x[part], self.x), (y[part], self.y))]
            inside: np.ndarray | slice = within[0] & within[1]
            inside = slice(None) if inside.all() else inside
            across, along = (
                _steps(one[part][inside], ends, pixels, log=log)
                for one, ends, pixels, log in zip((x, y), (self.x, self.y), self.size, self.log, strict=True)
            )
            along *= self.size[0]
            along += across
            yield part, inside, along


def _steps(places: np.ndarray, ends: tuple[float, float], pixels: int, *, log: bool) -> np.ndarray:
    """Return in which pixel between two ends places are: int32."""
    (low, high), places = (np.log10(ends), np.log10(places)) if log else (ends, places)
    scale = pixels / (high - low)
    steps = (places * scale - low * scale).astype(np.int32)
    return np.minimum(steps, pixels - 1, out=steps)


def spread(counts: np.ndarray) -> np.ndarray:
    """Return counts (H, W) to which those of the eight pixels around are added."""
    high, wide = counts.shape
    padded = np.pad(counts, 1)
    return sum(padded[i : i + high, k : k + wide] for i in range(3) for k in range(3))
