"""Baselines for missing bands: linear methods on the pixels, which a best fit has to beat."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge


@dataclass(frozen=True, eq=False)
class BandRegression:
    """Ridge regression from the other bands, in a window around a pixel, to the missing band. Same for all pixels.

    Parameters
    ----------
    band : int
        Index of the missing band.
    window : int
        Side of the window, pixels. With 1, only the same pixel of the other bands is used.
    model : sklearn.linear_model.Ridge
    """

    band: int
    window: int
    model: Ridge

    @classmethod
    def fit(cls, images: np.ndarray, band: int, *, window: int = 1, pixels: int = 200_000, seed: int = 0) -> Self:
        """Return a regression fitted to images with all bands.

        Parameters
        ----------
        images : numpy.ndarray, shape (N, B, H, W)
        band : int
            0 … B − 1.
        window : int
            Odd.
        pixels : int
            Largest number of pixels to use, drawn at random with `seed`.
        seed : int

        Raises
        ------
        ValueError
            If `band` is not one of at least two, or `window` is not odd.
        """
        _check(images, band)
        if window < 1 or window % 2 == 0:
            raise ValueError(f"window: expected an odd number of pixels, got {window}.")
        truth = images[:, band].reshape(-1)
        sample = np.random.default_rng(seed).permutation(truth.size)[:pixels]
        return cls(band, window, Ridge(alpha=1e-3).fit(_around(images, band, window, sample), truth[sample]))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the missing band (N, H, W) of images (N, B, H, W). Their own pixels in that band are not used."""
        size = images[:, 0].size
        parts = [
            self.model.predict(_around(images, self.band, self.window, np.arange(start, min(start + 2**18, size))))
            for start in range(0, size, 2**18)
        ]
        return np.concatenate(parts).reshape(images[:, 0].shape).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PCAInpainting:
    """Principal components of whole images. Their weights are fitted to the observed bands by least squares.

    ẑ = (Σ + Aᵀ A / σ²)⁻¹ Aᵀ (x − μ) / σ² with A the observed rows of the components, Σ⁻¹ the variances of their weights
    and σ² the residual variance. These are the most probable weights if all is Gaussian (probabilistic PCA).

    Parameters
    ----------
    model : sklearn.decomposition.PCA

    References
    ----------
    Tipping & Bishop (1999), J. R. Stat. Soc. B 61, 611.
    """

    model: PCA

    @classmethod
    def fit(cls, images: np.ndarray, *, components: int = 64, seed: int = 0) -> Self:
        """Return the components of images (N, B, H, W). By default as many as a latent has numbers."""
        flat = images.reshape(len(images), -1)
        return cls(PCA(min(components, *flat.shape), svd_solver="randomized", random_state=seed).fit(flat))

    def predict(self, images: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return whole images, reconstructed from the observed bands.

        Parameters
        ----------
        images : numpy.ndarray, shape (N, B, H, W)
        observed : numpy.ndarray of bool, shape (B,)
            True for the observed bands.

        Returns
        -------
        numpy.ndarray of float32, shape (N, B, H, W)
            All bands, as linear combinations of the components.
        """
        known_pixels = np.repeat(np.asarray(observed, dtype=bool), images[0, 0].size)
        noise = self.model.noise_variance_
        # the variances of scikit-learn include the noise
        spread = np.maximum(self.model.explained_variance_ - noise, 1e-6 * self.model.explained_variance_)
        rows = self.model.components_[:, known_pixels]
        centred = images.reshape(len(images), -1)[:, known_pixels] - self.model.mean_[known_pixels]
        curve = rows @ rows.T / max(noise, 1e-12) + np.diag(1 / spread)
        weights = np.linalg.solve(curve, rows @ centred.T / max(noise, 1e-12)).T
        return (weights @ self.model.components_ + self.model.mean_).reshape(images.shape).astype(np.float32)


def _around(images: np.ndarray, band: int, window: int, sample: np.ndarray) -> np.ndarray:
    """Return the other bands in the window around n pixels, shape (n, (B − 1) window²). Edges are repeated."""
    bands, height, width = images.shape[1:]
    reach = window // 2
    image, place = np.divmod(sample, height * width)
    y, x = np.divmod(place, width)
    others = [b for b in range(bands) if b != band]
    shifts = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    columns = [
        images[image, b, np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
        for b in others
        for dy, dx in shifts
    ]
    return np.stack(columns, axis=1)


def _check(images: np.ndarray, band: int) -> None:
    if images.ndim != 4 or images.shape[1] < 2 or not 0 <= band < images.shape[1]:
        shape = images.shape
        raise ValueError(f"band: expected one of at least two bands of images (N, B, H, W), got {band} of {shape}.")
