"""The metrics of photometric redshifts, on Δz = (z_phot − z_spec) / (1 + z_spec), beside those of a paper."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.photoz import PUBLISHED, of_dz, photoz_summary

NAMES = {
    "r2": "R²",
    "bias": "bias",
    "sigma_nmad": "σ_NMAD",
    "sigma_mad_median": "σ_MAD, median",
    "sigma_mad_mean": "σ_MAD, mean",
    "sigma_nmad_zero": "σ_NMAD about 0",
    "eta_5_sigma": "η, 5 σ_NMAD",
    "eta_0.05": "η, 0.05",
    "eta_0.15": "η, 0.15",
}
"""Names of `galviz.measure.photoz.MEASURES` on a page."""


@pn.cache(max_items=32)
def redshift_table(truth: np.ndarray, estimate: np.ndarray) -> pd.DataFrame:
    """Return `photoz_summary` of the objects with a known redshift above −1 and a prediction, cached per process.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    known = np.isfinite(truth) & np.isfinite(estimate) & (truth > -1)
    if known.sum() < 2:
        raise ValueError(f"Undefined: {known.sum()} objects have a known redshift and a prediction.")
    table = photoz_summary(truth[known], estimate[known])
    table.attrs["n"] = int(known.sum())
    return table


def redshifts_html(table: pd.DataFrame) -> Markup:
    """Return the metrics of `redshift_table` with 95 % intervals and definitions, and those of the paper, as HTML."""
    line = Markup("<tr><th scope='row'>{}</th><td>{:.4f}</td><td>{:.4f} – {:.4f}</td><td class='note'>{}</td></tr>")
    rows = Markup("").join(
        line.format(NAMES[name], one.value, one.low, one.high, one.definition) for name, one in table.iterrows()
    )
    about = "definition; Δz = (z_phot − z_spec) / (1 + z_spec)"
    head = Markup("<tr><th></th><td>value</td><td>95 %</td><td>{}</td></tr>").format(about)
    ours = Markup("<table class='measures'><caption>{:,} objects</caption>{}{}</table>")
    about = (
        "Murray, Fabbro & Yi (2019), table 1: other galaxies (COSMOS, CLAUDS). σ_MAD is not defined there; η has each "
        "method's own cut at 5 σ_MAD, so that a wide scatter has no outliers."
    )
    names = Markup("").join(Markup("<td>{}</td>").format(name) for name in PUBLISHED)
    theirs = Markup("").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            method, Markup("").join(Markup("<td>{:.3g}</td>").format(value) for value in values)
        )
        for method, *values in PUBLISHED.itertuples()
    )
    beside = Markup("<table class='measures'><caption>{}</caption><tr><th></th>{}</tr>{}</table>")
    return ours.format(table.attrs["n"], head, rows) + beside.format(about, names, theirs)


def methods_html(found: Mapping[str, pd.DataFrame]) -> Markup:
    """Return the metrics of Δz of a network and of baselines, as the worker gives them, as HTML."""
    names = {of_dz(name): words for name, words in NAMES.items()}
    listed = [name for name in names if found and all(name in table.index for table in found.values())]
    if not listed:
        return Markup("<p class='note'>“Compare with baselines”, on the tab Baselines, shows them here too.</p>")
    head = Markup("").join(Markup("<td>{}</td>").format(names[name]) for name in listed)
    rows = Markup("").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            method, Markup("").join(Markup("<td>{:.4f}</td>").format(table.loc[name, "value"]) for name in listed)
        )
        for method, table in found.items()
    )
    caption = "Network and baselines, for the same held-out objects"
    whole = Markup("<table class='measures'><caption>{}</caption><tr><th></th>{}</tr>{}</table>")
    return whole.format(caption, head, rows)
