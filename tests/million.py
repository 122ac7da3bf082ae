"""A sky of a million objects that takes no memory: each image is computed from its row, its id burned in."""

import numpy as np
import pandas as pd

from galviz.sky.cutouts import CutoutSet

FIRST = 1237658493878337640  # 19 digits: neighbours differ in the last
BANDS = ("u", "g", "r", "i", "z")


class BurnedRows:
    """Images (N, 5, size, size): a galaxy that follows its row, its id as bits in the first 8×8 pixels."""

    dtype = np.dtype(np.float32)

    def __init__(self, rows, size=32):
        self.shape = (rows, len(BANDS), size, size)
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        self._grid = x[None], y[None]

    def __getitem__(self, key):
        rows = np.atleast_1d(np.arange(self.shape[0])[key] if isinstance(key, slice) else np.asarray(key))
        x, y = self._grid
        width, angle, flat, colour = ((rows * prime % 997 / 997)[:, None, None] for prime in (7, 31, 101, 523))
        u = x * np.cos(3 * angle) + y * np.sin(3 * angle)
        v = (y * np.cos(3 * angle) - x * np.sin(3 * angle)) / (0.35 + 0.65 * flat)
        light = np.exp(-np.sqrt(u**2 + v**2) / (1.5 + 3 * width))
        tints = [
            0.1 + 0.2 * (1 - colour),
            0.5 - 0.2 * colour,
            0.6 + 0 * colour,
            0.6 + 0.35 * colour,
            0.6 + 0.5 * colour,
        ]
        images = np.stack([tint * light for tint in tints], axis=1).astype(np.float32)
        noise = np.random.default_rng(int(rows[0]) if len(rows) else 0)
        images += noise.normal(0, 0.01, images.shape).astype(np.float32)
        bits = (np.uint64(FIRST) + rows.astype(np.uint64))[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
        images[:, :, :8, :8] = bits.reshape(-1, 1, 8, 8)
        return images


def burned_table(rows):
    """A table of N objects: z, richness and kind, some of them missing."""
    rng = np.random.default_rng(1)
    richness = np.exp(rng.normal(3.57, 0.4, rows))
    richness[::97] = np.nan
    table = {"z": rng.uniform(0.01, 0.6, rows), "richness": richness, "kind": rng.choice(["a", "b", "ß"], rows)}
    index = pd.Index([str(FIRST + k) for k in range(rows)], name="object_id", dtype=object)
    return pd.DataFrame(table, index=index)


def burned_sky(rows, size=32):
    """The same as a set of cutouts; nothing is drawn until it is looked at."""
    return CutoutSet(
        images=BurnedRows(rows, size),
        bands=BANDS,
        catalogue=burned_table(rows),
        pixel_scale=0.396,
        unit="nanomaggy",
        origin="synthetic sky",
        checked=True,
    )


def read_id(picture):
    """Read the id out of a picture (H, W) as shown: row 0 at the bottom, bright pixels are set bits."""
    corner = np.asarray(picture, dtype=float)[::-1][:8, :8].reshape(-1)
    bits = corner > (corner.min() + corner.max()) / 2
    return str(sum(1 << k for k in range(64) if bits[k]))
