"""How best fits are drawn: an object in rows of bands, and how the fits converge."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle

import holoviews as hv
import numpy as np
from PIL import Image

from galviz.figures.occlusion import look_of, rgb_of
from galviz.figures.style import BLUE, FOCUS, GREY, ORANGE, PINK, SKY, frame
from galviz.sky.photometry import stretch, stretch_limits

RESIDUAL = "residual"
"""The row that is drawn about zero, in units of the noise; the others share the grey of what was observed."""

_NOISES = 6.0  # the residual's colours end at so many
_LINES = 5  # pixels between two lines over a band that was hidden
_LOOKS = {"best fit": "solid", "from random": "dotted"}
_SOLID, _CLEAR = 255, 0


def strips(pictures: Mapping[str, np.ndarray], hidden: Sequence[bool]) -> dict[str, bytes]:
    """Draw each row of pictures of an object as a PNG: its bands side by side, an empty column after each.

    Parameters
    ----------
    pictures : mapping of str to numpy.ndarray
        (B, H, W) each, ``"observed"`` and ``"best fit"`` among them; NaN is left empty. Row 0 is drawn at the bottom.
    hidden : sequence of bool, length B
        Bands that no fit has seen: lines are drawn over what was observed there.

    Returns
    -------
    dict of str to bytes
    """
    drawn = {}
    for name, images in pictures.items():
        parts = []
        for image, seen, fitted, off in zip(images, pictures["observed"], pictures["best fit"], hidden, strict=True):
            like = seen if np.isfinite(seen).any() else fitted
            part = _about_zero(image, like) if name == RESIDUAL else _grey(image, like)
            parts.append(_lined(part) if off and name == "observed" else part)
        row = np.concatenate([np.pad(p, ((0, 0), (0, 1), (0, 0)), constant_values=_CLEAR) for p in parts], axis=1)
        drawn[name] = _png(row)
    return drawn


def loss_curves(losses: Mapping[str, np.ndarray], ids: Sequence[str]) -> hv.Overlay:
    """Draw the loss of each object against the step: best fits solid, those from random latents dotted.

    Parameters
    ----------
    losses : mapping of str to numpy.ndarray
        By start, (N, S) each; NaN where an object was done.
    ids : sequence of str, length N

    Returns
    -------
    holoviews.Overlay
    """
    axes = [hv.Dimension("step", label="Step")], [hv.Dimension("loss", label="Mean square residual")]
    lines = [hv.Curve([], *axes)]
    colours = dict(zip(ids, cycle((BLUE, ORANGE, PINK, SKY, FOCUS, GREY)), strict=False))
    for start, values in losses.items():
        for name, one in zip(ids, values, strict=True):
            known = np.isfinite(one)
            data = (np.flatnonzero(known), one[known])
            label = name if start == "best fit" else f"{name}, {start}"
            look = {"color": colours[name], "line_dash": _LOOKS[start], "line_width": 2, "tools": ["hover"]}
            lines.append(hv.Curve(data, *axes, label=label).opts(**look))
    return frame(
        hv.Overlay(lines), logy=True, height=260, show_legend=False, title="Best fits solid, from random dotted"
    )


def _grey(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    level = stretch(image, "asinh", limits=stretch_limits(like, "asinh", percentile=99.5))
    return _solid(np.repeat(np.round(np.nan_to_num(level) * 255)[..., None], 3, axis=2), image)


def _about_zero(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    known = like[np.isfinite(like)]
    noise = 1.4826 * float(np.median(np.abs(known - np.median(known)))) if known.size else 0.0
    colours = np.array(rgb_of(look_of(image, "change")[1]))
    level = np.clip(np.nan_to_num(image) / (2 * _NOISES * noise or 1.0) + 0.5, 0, 1)
    return _solid(colours[np.round(level * (len(colours) - 1)).astype(int)], image)


def _solid(colours: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Give colours (H, W, 3) with opacity, none where a pixel is not known, row 0 at the bottom."""
    opacity = np.where(np.isfinite(image), _SOLID, _CLEAR)[..., None]
    return np.concatenate([colours, opacity], axis=2).astype(np.uint8)[::-1]


def _lined(drawn: np.ndarray) -> np.ndarray:
    y, x = np.indices(drawn.shape[:2])
    line, faint = np.array([*rgb_of([FOCUS])[0], _SOLID]), drawn // 2 + np.array([100, 100, 100, 128])
    return np.where(((x + y) % _LINES == 0)[..., None], line, faint).astype(np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
