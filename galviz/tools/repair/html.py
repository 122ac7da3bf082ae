"""Best fits as HTML, for a page or a widget: rows of images, filled-in fluxes, progress."""

from base64 import b64encode

import numpy as np
import pandas as pd

from galviz.io.markup import Markup
from galviz.sky.photometry import POGSON
from galviz.tools.repair.core import ROWS, UNLIKE, Repair
from galviz.tools.repair.figure import NOISES, strips

_NOT_KNOWN = "–"
_SIDE = 64  # width of a cutout on the screen, px

_ROW_WORDS = {
    "observed": "observed",
    "embedder only": "embedder's guess alone",
    "from random": "optimised from random",
    "best fit": "best fit from the guess",
    "residual": "observed − best fit",
}


def pictures_html(found: Repair) -> Markup:
    """Return the pictures of all objects: one column per band, one row for each of `galviz.tools.repair.core.ROWS`."""
    pictures, beyond = found.pictures(), found.beyond()
    hidden = [band in found.off for band in found.bands]
    parts = []
    for k, object_id in enumerate(found.ids):
        rows = strips({name: pictures[name][k] for name in ROWS}, hidden)
        parts.append(_object_html(object_id, found, rows, float(beyond[k])))
    whole = Markup("<p class='note'>{}</p><div class='repairs'>{}</div>")
    return whole.format(_legend(found), Markup("").join(parts))


def _legend(found: Repair) -> str:
    wide = np.unique(np.round(found.images.shape[3] * found.pixel_scale, 1))
    parts = [
        f"Cutouts {' to '.join(f'{end:g}' for end in wide[[0, -1]][: len(wide)])}″ wide",
        "Grey: asinh of the flux, in a band the same for all rows",
        f"Residual: from −{NOISES:g} (blue) to +{NOISES:g} noises (red)",
        "Lined: hidden from the fit",
    ]
    return ". ".join(parts) + "."


def _object_html(object_id: str, found: Repair, rows: dict[str, bytes], beyond: float) -> Markup:
    width = (found.images.shape[3] + 1) * len(found.bands) * _SIDE // found.images.shape[3]
    named = [Markup("<s>{}</s>").format(band) if band in found.off else band for band in found.bands]
    each = Markup("<span style='width:{:.1f}px'>{}</span>")
    head = Markup("").join(each.format(width / len(named), band) for band in named)
    line = Markup("<tr><th>{0}</th><td><img width='{1}' alt='{2}, {0}' src='data:image/png;base64,{3}'></td></tr>")
    restarts = found.fit.restarts
    words = _ROW_WORDS | ({"best fit": f"best of {restarts} fits"} if restarts > 1 else {})
    lines = Markup("").join(
        line.format(words[name], width, object_id, b64encode(png).decode()) for name, png in rows.items()
    )
    warning = ""
    if beyond > UNLIKE:
        share = f"{beyond:.0%} of known images were fitted better"
        warning = Markup(
            "<p class='bad' role='status'>Unlike what the generator knows: {}. Do not trust the fit.</p>"
        ).format(share)
    whole = Markup("<section><h3>{}</h3><table><tr><th></th><td class='bands'>{}</td></tr>{}</table>{}</section>")
    return whole.format(object_id, head, lines, warning)


def fluxes_html(table: pd.DataFrame) -> Markup:
    """Return the filled-in fluxes, from `galviz.tools.repair.core.Repair.table`, as an HTML table."""
    if table.empty:
        return Markup("<p class='note'>All bands are fitted. Switch one off to see it filled in.</p>")
    spread = "spread" in table
    names = ["object", "band", "mag (68 %)", *(["between fits"] if spread else []), "observed", "Δ mag", "colour"]
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in (*names, "Δ colour"))
    rows = Markup("").join(_flux_row(row, spread=spread) for row in table.itertuples())
    about = "AB magnitudes inside 3″ of the centre. The interval is that of known images whose band was hidden."
    if count := table["calibrated_on"].min():
        about += f" Fluxes are calibrated on {count} training objects; the images show the fits themselves."
    if spread:
        about += " Between fits: standard deviation of the fits from all starting points."
    return Markup("<table class='measures'><caption>{}</caption><tr>{}</tr>{}</table>").format(about, head, rows)


def _flux_row(row: object, *, spread: bool) -> Markup:
    limits = _mag(row.mag_bright), _mag(row.mag_faint) if np.isfinite(row.low) and row.low > 0 else "fainter"
    interval = "" if np.isnan(row.low) else f" ({limits[0]} – {limits[1]})"
    mag = Markup("<b>{}</b>{}").format(_mag(row.mag), interval)
    colour = f"{row.colour} {_mag(row.colour_value)}"
    cells = [
        row.object_id,
        row.band,
        mag,
        *([f"± {_mag(POGSON * row.spread / row.flux if row.flux > 0 else np.nan)}"] if spread else []),
        _mag(row.mag_true),
        _signed(row.mag_error),
        colour,
        _signed(row.colour_error),
    ]
    return Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells))


def progress_html(found: Repair) -> Markup:
    """Return the step and the status of the fits as HTML, with a bar."""
    words = {"done": f"done: {found.step} steps", "cancelled": f"cancelled after {found.step} of {found.steps} steps"}
    words |= {"failed": "failed", "running": f"step {found.step} of {found.steps}" if found.step else "starting …"}
    whole = Markup("<div role='status'><progress value='{}' max='{}'></progress> {}</div>")
    return whole.format(found.step, max(found.steps, 1), words[found.status])


def _mag(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else _NOT_KNOWN


def _signed(value: float) -> str:
    return f"{value:+.2f}" if np.isfinite(value) else _NOT_KNOWN
