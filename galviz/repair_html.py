"""What a repair says, as HTML for a page or a widget: rows of pictures, fluxes that were filled in, how far it is."""

from base64 import b64encode
from html import escape

import numpy as np
import pandas as pd

from galviz.figures.repair import NOISES, strips
from galviz.repair import ROWS, UNLIKE, Repair

_NOT_KNOWN = "–"
_SIDE = 64  # pixels of the screen that a cutout is shown at

_ROW_WORDS = {
    "observed": "observed",
    "embedder only": "embedder's guess alone",
    "from random": "optimised from random",
    "best fit": "best fit from the guess",
    "residual": "observed − best fit",
}


def pictures_html(found: Repair) -> str:
    """Draw each object: a column a band, a row for each of `galviz.repair.ROWS`."""
    pictures, beyond = found.pictures(), found.beyond()
    hidden = [band in found.off for band in found.bands]
    parts = []
    for k, object_id in enumerate(found.ids):
        rows = strips({name: pictures[name][k] for name in ROWS}, hidden)
        parts.append(_object_html(object_id, found, rows, float(beyond[k])))
    return f"<p class='note'>{_legend(found)}</p><div class='repairs'>{''.join(parts)}</div>"


def _legend(found: Repair) -> str:
    wide = np.unique(np.round(found.images.shape[3] * found.pixel_scale, 1))
    parts = [
        f"Cutouts {' to '.join(f'{end:g}' for end in wide[[0, -1]][: len(wide)])}″ wide",
        "Grey: asinh of the flux, in a band the same for all rows",
        f"Residual: from −{NOISES:g} (blue) to +{NOISES:g} noises (red)",
        "Lined: hidden from the fit",
    ]
    return ". ".join(parts) + "."


def _object_html(object_id: str, found: Repair, rows: dict[str, bytes], beyond: float) -> str:
    width = (found.images.shape[3] + 1) * len(found.bands) * _SIDE // found.images.shape[3]
    named = [f"<s>{band}</s>" if band in found.off else band for band in map(escape, found.bands)]
    head = "".join(f"<span style='width:{width / len(named):.1f}px'>{band}</span>" for band in named)
    lines = "".join(
        f"<tr><th>{_ROW_WORDS[name]}</th><td><img width='{width}' alt='{escape(object_id)}, {_ROW_WORDS[name]}' "
        f"src='data:image/png;base64,{b64encode(png).decode()}'></td></tr>"
        for name, png in rows.items()
    )
    warning = ""
    if beyond > UNLIKE:
        share = f"{beyond:.0%} of known images were fitted better"
        warning = f"<p class='bad' role='status'>Unlike what the generator knows: {share}. Do not trust the fit.</p>"
    return (
        f"<section><h3>{escape(object_id)}</h3><table><tr><th></th><td class='bands'>{head}</td></tr>{lines}</table>"
        f"{warning}</section>"
    )


def fluxes_html(table: pd.DataFrame) -> str:
    """Write the fluxes that were filled in, as `galviz.repair.Repair.table` gives them."""
    if table.empty:
        return "<p class='note'>All bands are fitted. Switch one off to see it filled in.</p>"
    head = (
        "<th>object</th><th>band</th><th>mag (68 %)</th><th>observed</th><th>Δ mag</th><th>colour</th><th>Δ colour</th>"
    )
    rows = "".join(_flux_row(row) for row in table.itertuples())
    about = "AB magnitudes inside 3″ of the centre. The interval is that of known images whose band was hidden."
    return f"<table class='measures'><caption>{about}</caption><tr>{head}</tr>{rows}</table>"


def _flux_row(row: object) -> str:
    limits = _mag(row.mag_bright), _mag(row.mag_faint) if np.isfinite(row.low) and row.low > 0 else "fainter"
    mag = f"<b>{_mag(row.mag)}</b>" + ("" if np.isnan(row.low) else f" ({limits[0]} – {limits[1]})")
    colour = f"{escape(row.colour)} {_mag(row.colour_value)}"
    cells = [escape(row.object_id), escape(row.band), mag, _mag(row.mag_true), _signed(row.mag_error), colour]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in [*cells, _signed(row.colour_error)]) + "</tr>"


def progress_html(found: Repair) -> str:
    """Say how far the fits are."""
    words = {"done": f"done: {found.step} steps", "cancelled": f"cancelled after {found.step} of {found.steps} steps"}
    words |= {"failed": "failed", "running": f"step {found.step} of {found.steps}" if found.step else "starting …"}
    bar = f"<progress value='{found.step}' max='{max(found.steps, 1)}'></progress>"
    return f"<div role='status'>{bar} {words[found.status]}</div>"


def _mag(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else _NOT_KNOWN


def _signed(value: float) -> str:
    return f"{value:+.2f}" if np.isfinite(value) else _NOT_KNOWN
