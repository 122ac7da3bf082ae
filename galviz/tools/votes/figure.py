"""Figures of Galaxy Zoo's 37 answers: histograms, correlations, predictions against truth, prototypes.

References
----------
Goh (2022), Lab 3: Galaxy Image Classification and the Galaxy Merger Rate, figs. 2, 3, 4, 10 and 11.
"""

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, NAMES, SLICES, checked
from galviz.tools.display import Stretch, default_stretch
from galviz.tools.gallery.figure import Sheet, contact_sheet
from galviz.tools.occlusion.figure import colour_scale
from galviz.tools.style import BLUE, GREY, ORANGE, frame
from galviz.tools.votes.panels import PLACES, density, in_panels, points

MOST_POINTS = 1000
"""Above this number of objects their density is drawn: one image, whose size does not depend on their number."""

SIDE = 97
"""Size of a prototype on the page, px."""


def vote_histograms(labels: np.ndarray, predictions: np.ndarray | None = None, *, bins: int = 25) -> hv.Overlay:
    """Draw histograms of the vote fractions, one panel per answer, with the same logarithmic axis.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N, 37)
        Vote fractions, drawn as blue bars; NaN is ignored.
    predictions : numpy.ndarray, shape (M, 37), optional
        Drawn as an orange line. Use the same objects if the two are to be compared.
    bins : int
        Number of bins from 0 to 1.

    Returns
    -------
    holoviews.Overlay
    """
    given = [checked(votes) for votes in (labels, predictions) if votes is not None]
    edges = np.linspace(0, 1, bins + 1)
    counts = [np.stack([np.histogram(column, edges)[0] for column in votes.T]) for votes in given]
    top = np.log10(2 * max(10, *map(len, given))) * 1.04

    def height(count: np.ndarray) -> np.ndarray:
        return np.log10(np.maximum(count, 0.5) * 2) / top  # a logarithmic axis has no zero: it starts at half an object

    x, y = PLACES[:, :1], PLACES[:, 1:]
    bars = {"x0": x + edges[:-1], "y0": y + 0 * counts[0], "x1": x + edges[1:], "y1": y + height(counts[0])}
    hover_columns = {"Answer": np.array(NAMES, dtype=object)[:, None], "From": edges[:-1], "To": edges[1:]}
    hover_columns |= dict(zip(("Labels", "Predictions"), counts, strict=False))
    table = pd.DataFrame(
        {name: np.broadcast_to(v, counts[0].shape).ravel() for name, v in (bars | hover_columns).items()}
    )
    drawn = hv.Rectangles(table, list(bars), list(hover_columns)).opts(color=BLUE, line_width=0, tools=["hover"])
    both = "" if predictions is None else "; blue: labels, orange line: predictions"
    for count in counts[1:]:
        steps = [np.repeat(edges, 2)[1:-1] + x, np.repeat(height(count), 2, axis=1) + y]
        drawn = drawn * hv.Path(list(np.stack(steps, axis=2))).opts(color=ORANGE, line_width=1.5)
    decades = [10**k for k in range(1 + int(np.log10(max(10, *map(len, given)))))]
    title = f"Objects (logarithmic) against vote fraction{both}"
    return in_panels(drawn, title, ticks=[(float(height(n)), f"{n:,}") for n in decades])


def truth_panels(truth: np.ndarray, estimate: np.ndarray, mean: np.ndarray | None = None) -> hv.Overlay:
    """Draw predicted against true vote fractions, one panel per answer, with the 1:1 line.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (N, 37)
        Objects with NaN in an answer are left out of its panel. Above `MOST_POINTS` objects, their number is shown by
        colour, on a logarithmic scale.
    mean : numpy.ndarray, shape (37,), optional
        Constant guess whose RMSE is given for comparison; by default the mean of the truth.

    Returns
    -------
    holoviews.Overlay
    """
    truth, estimate = checked(truth), checked(estimate)
    errors = answer_rmse(truth, estimate, mean)
    drawn = (density if len(truth) > MOST_POINTS else points)(truth, estimate)
    x, y = PLACES.T
    line = hv.Segments((x, y, x + 1, y + 1)).opts(color=GREY, line_dash="dashed", line_width=1.5)
    judged = [f"RMSE {e.rmse:.3f}, guess {e.guess:.3f}" if e.n else "no labels" for e in errors.itertuples()]
    title = "Predicted (up) against true (across) vote fraction; dashed: equal"
    return in_panels(drawn * line, title, judged, ticks=[(0.0, "0"), (1.0, "1")])


def answer_rmse(truth: np.ndarray, estimate: np.ndarray, mean: np.ndarray | None = None) -> pd.DataFrame:
    """Return the RMSE of each answer, √⟨(ŷ − y)²⟩ over objects, and that of a guess that is the same for all objects.

    Parameters
    ----------
    truth, estimate, mean
        As in `truth_panels`.

    Returns
    -------
    pandas.DataFrame
        Index answer (Kaggle's names); columns name, n (objects without NaN), rmse, guess (its RMSE); NaN where n is 0.
    """
    truth, estimate = checked(truth), checked(estimate)
    known = np.isfinite(truth) & np.isfinite(estimate)
    n = known.sum(axis=0)
    some = np.where(n > 0, n, np.nan)
    held = np.where(known, truth, 0)
    mean = held.sum(axis=0) / some if mean is None else np.asarray(mean, dtype=np.float64)
    squares = [np.where(known, (values - truth) ** 2, 0).sum(axis=0) for values in (estimate, mean)]
    ours, guess = (np.sqrt(one / some) for one in squares)
    columns = {"name": NAMES, "n": n, "rmse": ours, "guess": guess}
    return pd.DataFrame(columns, index=pd.Index(COLUMNS, name="answer"))


def correlation(votes: np.ndarray) -> pd.DataFrame:
    """Return Pearson's correlation between all pairs of answers.

    Parameters
    ----------
    votes : numpy.ndarray, shape (N, 37)
        Objects with a NaN are left out.

    Returns
    -------
    pandas.DataFrame
        37 × 37, by Kaggle's names. NaN for an answer that does not vary, also on the diagonal.

    References
    ----------
    Goh (2022), eq. 1 and fig. 4. Answers to one question share its votes, so they are *anti*-correlated.
    """
    votes = checked(votes)
    votes = votes[np.isfinite(votes).all(axis=1)]
    varies = np.ptp(votes, axis=0) > 0 if len(votes) else np.zeros(len(COLUMNS), dtype=bool)
    found = np.full((len(COLUMNS), len(COLUMNS)), np.nan)
    if varies.any():
        found[np.ix_(varies, varies)] = np.corrcoef(votes[:, varies], rowvar=False)
    return pd.DataFrame(found, index=COLUMNS, columns=COLUMNS)


def correlation_matrix(matrix: pd.DataFrame, what: str = "Correlation of the labels") -> hv.Overlay:
    """Draw a matrix of 37 × 37 answers, from blue over white (zero) to red, with lines between the questions.

    Parameters
    ----------
    matrix : pandas.DataFrame
        From `correlation`, or the difference of two. NaN is grey, and the title gives the number of such answers.
    what : str
        Beginning of the title.

    Returns
    -------
    holoviews.Overlay
    """
    values = matrix.to_numpy(dtype=np.float64)
    (low, high), palette = colour_scale(values, "change")
    rows, columns = np.indices(values.shape)
    cells = {"x0": columns - 0.5, "y0": rows - 0.5, "x1": columns + 0.5, "y1": rows + 0.5, "r": values}
    table = pd.DataFrame({name: each.ravel() for name, each in cells.items()})
    names = np.array(NAMES, dtype=object)
    table = table.assign(one=names[rows.ravel()], other=names[columns.ravel()])
    dims = [hv.Dimension("r", label="r"), hv.Dimension("one", label="Answer"), hv.Dimension("other", label="and")]
    drawn = hv.Rectangles(table, ["x0", "y0", "x1", "y1"], dims).opts(
        color="r", cmap=list(palette), clim=(low, high) if high > low else (-1, 1), line_width=0, colorbar=True,
        clipping_colors={"NaN": GREY}, tools=["hover"], colorbar_opts={"background_fill_alpha": 0, "width": 12},
    )  # fmt: skip
    borders = [part.stop - 0.5 for part in SLICES[:-1]]
    ends = (-0.5, len(COLUMNS) - 0.5)
    lines = [(at, ends[0], at, ends[1]) for at in borders] + [(ends[0], at, ends[1], at) for at in borders]
    lines = hv.Segments(lines).opts(color="black", line_width=1)
    silent = int(np.isnan(np.diag(values)).sum())
    title = f"{what}; grey: {silent} of {len(COLUMNS)} answers do not vary and have none" if silent else what
    ticks = list(enumerate(NAMES))
    options = {"xticks": ticks, "yticks": ticks, "xrotation": 90, "invert_yaxis": True, "default_tools": []}
    options |= {"xlim": ends, "ylim": ends, "xlabel": "", "ylabel": "", "show_grid": False, "show_legend": False}
    return frame(
        drawn * lines,
        title=title,
        height=760,
        max_width=900,
        fontsize={"title": "10pt", "xticks": "8pt", "yticks": "8pt"},
        **options,
    )


def prototypes(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the prototype of each answer: the object with the largest vote fraction, the first of equal ones.

    Parameters
    ----------
    votes : pandas.DataFrame, N rows
        Indexed by `object_id`, with the 37 columns `galviz.sky.galaxy_zoo.COLUMNS`. NaN is ignored.

    Returns
    -------
    pandas.DataFrame
        Index answer (Kaggle's names); columns name, object_id (str), fraction. Answers without any vote above 0 are
        left out.
    """
    given = votes[list(COLUMNS)].to_numpy(dtype=np.float64)
    given = np.where(np.isfinite(given), given, -np.inf)
    if not len(given):
        given = np.full((1, len(COLUMNS)), -np.inf)
    row, most = given.argmax(axis=0), given.max(axis=0)
    there = most > 0
    columns = {"name": np.array(NAMES, dtype=object)[there], "object_id": votes.index.take(row[there])}
    return pd.DataFrame(columns | {"fraction": most[there]}, index=pd.Index(np.array(COLUMNS)[there], name="answer"))


def prototype_sheet(cutouts: CutoutSet, found: pd.DataFrame, stretch: Stretch | None = None) -> Sheet:
    """Draw prototypes on one contact sheet.

    Parameters
    ----------
    cutouts : CutoutSet
        Images of all prototypes.
    found : pandas.DataFrame, K rows
        From `prototypes`.
    stretch : Stretch, optional
        Display settings; by default those of the set.

    Returns
    -------
    Sheet
        Picture k is that of row k.

    Raises
    ------
    KeyError
        If an object has no image.
    """
    rows = cutouts.catalogue.index.get_indexer(found["object_id"])
    if (rows < 0).any():
        missing = found["object_id"].iloc[int((rows < 0).argmax())]
        raise KeyError(f"object_id: expected objects of the sky, got {missing!r}. Leave out what has no picture.")
    once, back = np.unique(rows, return_inverse=True)
    coverage = None if cutouts.coverage is None else cutouts.coverage[once][back]
    stretch = default_stretch(cutouts.bands, cutouts.unit) if stretch is None else stretch
    return contact_sheet(cutouts.images[once][back], coverage, cutouts.bands, stretch, side=SIDE)
