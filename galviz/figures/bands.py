"""Which band was taken for which."""

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.figures.style import frame


def confusion(truth: np.ndarray, estimate: np.ndarray, classes: tuple[str, ...]) -> hv.Overlay:
    """Draw the confusion matrix: of all images of a true class, the share that was given each class.

    Parameters
    ----------
    truth, estimate : numpy.ndarray of str
        (N,) class names.
    classes : tuple of str
        In the order of the axes.

    Returns
    -------
    holoviews.Overlay
        A heat map whose cells also bear share and number.
    """
    counts = pd.crosstab(
        pd.Categorical(truth, categories=classes), pd.Categorical(estimate, categories=classes), dropna=False
    ).to_numpy()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = [
        (given, true, share[i, j], int(counts[i, j]), f"{share[i, j]:.0%}\n{counts[i, j]:,}")
        for i, true in enumerate(classes)
        for j, given in enumerate(classes)
    ]
    axes = [hv.Dimension("estimate", label="Estimated band"), hv.Dimension("truth", label="True band")]
    shares = [hv.Dimension("share", label="Share of the true band"), hv.Dimension("number", label="Images")]
    table = pd.DataFrame(cells, columns=["estimate", "truth", "share", "number", "text"])
    heat = hv.HeatMap(table, axes, shares).opts(
        cmap="cividis",
        clim=(0, 1),
        colorbar=True,
        tools=["hover"],
        nonselection_alpha=1.0,
        clabel="Share of the true band",
        colorbar_opts={"background_fill_alpha": 0},
    )
    light = hv.Labels(table[table["share"] <= 0.5], axes, "text").opts(text_color="white", text_font_size="9pt")
    dark = hv.Labels(table[table["share"] > 0.5], axes, "text").opts(text_color="black", text_font_size="9pt")
    title = "Which band was taken for which"
    return frame(heat * light * dark, invert_yaxis=True, show_grid=False, title=title, toolbar=None)
