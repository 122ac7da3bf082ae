"""Figures of best fits: image strips of all bands, and the convergence of the loss."""

import io
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle

import holoviews as hv
import numpy as np
from PIL import Image

from galviz.sky.photometry import stretch, stretch_limits
from galviz.tools.occlusion.figure import colour_scale, rgb_of
from galviz.tools.style import BLUE, FOCUS, GREY, ORANGE, PINK, SKY, frame

RESIDUAL = "residual"
"""The row drawn symmetric about zero, in units of the noise; the others use the grey scale of the observed image."""

NOISES = 6.0
"""Colour limit of the residual in units of the noise: blue negative, red positive."""

_LINES = 5  # spacing in px of the hatching over a hidden band
_STYLES = {"best fit": "solid", "from random": "dotted"}
_COLOURS = (BLUE, ORANGE, PINK, SKY, FOCUS, GREY)
_SOLID, _CLEAR = 255, 0


def strips(pictures: Mapping[str, np.ndarray], hidden: Sequence[bool]) -> dict[str, bytes]:
    """Draw each row of pictures of an object as a PNG: its bands side by side, each followed by an empty column.

    Parameters
    ----------
    pictures : mapping of str to numpy.ndarray
        (B, H, W) each, including ``"observed"`` and ``"best fit"``; NaN is transparent. Row 0 is drawn at the bottom.
    hidden : sequence of bool, length B
        Bands hidden from the fits; their observed image is hatched.

    Returns
    -------
    dict of str to bytes
    """
    drawn = {}
    for name, images in pictures.items():
        parts = []
        for image, observed, fitted, off in zip(
            images, pictures["observed"], pictures["best fit"], hidden, strict=True
        ):
            like = observed if np.isfinite(observed).any() else fitted
            part = _about_zero(image, like) if name == RESIDUAL else _grey(image, like)
            parts.append(_lined(part) if off and name == "observed" else part)
        row = np.concatenate([np.pad(p, ((0, 0), (0, 1), (0, 0)), constant_values=_CLEAR) for p in parts], axis=1)
        drawn[name] = _png(row)
    return drawn


def loss_curves(found: hv.streams.Pipe) -> hv.Overlay:
    """Draw the loss of each object against the step: best fits solid, those from random latents dotted.

    Parameters
    ----------
    found : holoviews.streams.Pipe
        Its ``data`` is a mapping of start to losses (N, S), NaN where an object was done, and a list of N ids. Sending
        new data updates the existing plot: redrawing it at each step would keep the browser busy.

    Returns
    -------
    holoviews.Overlay
    """
    maps = [hv.DynamicMap(partial(_losses_of, start), streams=[found]) for start in _STYLES]
    title = "Best fits solid, from random dotted"
    return frame(maps[0] * maps[1], logy=True, height=260, show_legend=False, title=title)


def _losses_of(start: str, data: tuple[Mapping[str, np.ndarray], Sequence[str]]) -> hv.Contours:
    losses, ids = data
    paths = []
    for name, one, colour in zip(ids, losses.get(start, ()), cycle(_COLOURS), strict=False):
        steps = np.flatnonzero(np.isfinite(one))
        if steps.size:
            paths.append({"step": steps, "loss": one[steps], "object_id": name, "colour": colour})
    axes = [hv.Dimension("step", label="Step"), hv.Dimension("loss", label="Mean square residual")]
    lines = hv.Contours(paths, axes, ["object_id", "colour"])
    return lines.opts(color="colour", line_dash=_STYLES[start], line_width=2, tools=["hover"], framewise=True)


def _grey(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    level = stretch(image, "asinh", limits=stretch_limits(like, "asinh", percentile=99.5))
    return _solid(np.repeat(np.round(np.nan_to_num(level) * 255)[..., None], 3, axis=2), image)


def _about_zero(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    known = like[np.isfinite(like)]
    noise = 1.4826 * float(np.median(np.abs(known - np.median(known)))) if known.size else 0.0
    colours = np.array(rgb_of(colour_scale(image, "change")[1]))
    level = np.clip(np.nan_to_num(image) / (2 * NOISES * noise or 1.0) + 0.5, 0, 1)
    return _solid(colours[np.round(level * (len(colours) - 1)).astype(int)], image)


def _solid(colours: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) with an alpha channel, transparent for unknown pixels; row 0 at the bottom."""
    opacity = np.where(np.isfinite(image), _SOLID, _CLEAR)[..., None]
    return np.concatenate([colours, opacity], axis=2).astype(np.uint8)[::-1]


def _lined(drawn: np.ndarray) -> np.ndarray:
    y, x = np.indices(drawn.shape[:2])
    line, faint = np.array([*rgb_of([FOCUS])[0], _SOLID]), drawn // 2 + np.array([100, 100, 100, 128])
    return np.where(((x + y) % _LINES == 0)[..., None], line, faint).astype(np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)  # twice as fast, for small and short-lived images
    return out.getvalue()
