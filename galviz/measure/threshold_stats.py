"""Statistics of a threshold on a score: fraction above it, purity, completeness, corrections and intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.io.lazy_array import spaced
from galviz.measure.metrics import Interval

Method = Literal["isotonic", "platt"]
_CHUNKS = 4096  # number of bins of sorted scores that are resampled instead of single objects


@dataclass(frozen=True)
class AtThreshold:
    """Statistics at a threshold. Floats, or arrays (T,) for T thresholds; NaN where the denominator is 0.

    Parameters
    ----------
    threshold : float
    above, n : int
        Objects of the sample with score > threshold, and all of them.
    fraction : Interval
        above / n.
    true_positives, false_positives : int
        Labelled objects above the threshold, by their label.
    purity, completeness, false_positive_rate : Interval
        Of the labelled objects: share of positives among those above; share of the positives, and of the negatives,
        that are above. This is the purity of the *labelled* objects. It is lower in a sample with fewer positives.
    corrected : float
        The Rogan–Gladen estimate of the fraction of positives, (fraction − fpr) / (completeness − fpr), clipped to
        0…1. NaN if completeness ≤ false-positive rate, because such a cut is no better than chance.
    """

    threshold: float | np.ndarray
    above: int | np.ndarray
    n: int
    fraction: Interval
    true_positives: int | np.ndarray
    false_positives: int | np.ndarray
    purity: Interval
    completeness: Interval
    false_positive_rate: Interval
    corrected: float | np.ndarray


class ThresholdCurve:
    """Scores that are sorted once, O(N log N), so that statistics at a threshold take only O(log N).

    Parameters
    ----------
    scores : array_like, shape (N,)
        Scores of the sample, for example merger vote fractions. float32 stays float32.
    truth : array_like of bool or float, optional
        1 or 0, NaN where not known; for the sample, shape (N,), or for the objects `labelled`, shape (M,).
    labelled : array_like, shape (M,), optional
        Scores of labelled objects that are not in the sample, for example of held-out objects.

    Raises
    ------
    ValueError
        If a score is NaN or infinite, a truth is not 0, 1 or NaN, or shapes differ.

    References
    ----------
    Rogan & Gladen (1978), American Journal of Epidemiology 107, 71. Wilson (1927), JASA 22, 209.
    """

    def __init__(self, scores: ArrayLike, truth: ArrayLike | None = None, *, labelled: ArrayLike | None = None) -> None:
        scores, self.joint = _finite(scores, "scores"), truth is not None and labelled is None
        known = scores if labelled is None else _finite(labelled, "labelled").astype(scores.dtype)
        truth = np.full(len(known), np.nan) if truth is None else np.asarray(truth, dtype=np.float64)
        if truth.shape != known.shape or not np.isin(truth[~np.isnan(truth)], (0, 1)).all():
            raise ValueError(f"truth: expected 0, 1 or NaN for each of {len(known)} scores, got {truth.shape} others.")
        self._yes, self._no = np.sort(known[truth == 1]), np.sort(known[truth == 0])
        self._rest = np.sort(scores[np.isnan(truth)] if self.joint else scores)
        self.n = len(scores)

    def at(self, threshold: ArrayLike, level: float = 0.95) -> AtThreshold:
        """Return the statistics at one threshold, or at T thresholds, with Wilson intervals at a confidence `level`."""
        above, hit, false = (_above(scores, threshold) for scores in (self._rest, self._yes, self._no))
        above = above + hit + false if self.joint else above
        yes, no = len(self._yes), len(self._no)
        return AtThreshold(
            threshold=threshold,
            above=above,
            n=self.n,
            fraction=wilson(above, self.n, level),
            true_positives=hit,
            false_positives=false,
            purity=wilson(hit, hit + false, level),
            completeness=wilson(hit, yes, level),
            false_positive_rate=wilson(false, no, level),
            corrected=rogan_gladen(_ratio(above, self.n), _ratio(hit, yes), _ratio(false, no)),
        )

    def resampled(self, threshold: float, *, n: int = 1000, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
        """Return bootstrap intervals of fraction, purity, completeness and corrected, over labelled objects and sample.

        These four depend only on counts, and counts of objects drawn with replacement are multinomial. So the cost of n
        resamples does not depend on N. Resamples in which a quantity is NaN are left out of its interval.
        """
        rng, now = np.random.default_rng(seed), self.at(threshold)
        hit, false, yes, no = now.true_positives, now.false_positives, len(self._yes), len(self._no)
        rest = _above(self._rest, threshold)
        known, other = [hit, yes - hit, false, no - false], [rest, len(self._rest) - rest]
        cells = [known + other] if self.joint else [known, other]
        draws = [rng.multinomial(sum(c), np.array(c) / max(sum(c), 1), size=n) for c in cells]
        tp, fn, fp, tn, above, _ = np.concatenate(draws, axis=1).T
        above = above + tp + fp if self.joint else above
        drawn = {
            "fraction": _ratio(above, self.n),
            "purity": _ratio(tp, tp + fp),
            "completeness": _ratio(tp, tp + fn),
            "corrected": rogan_gladen(_ratio(above, self.n), _ratio(tp, tp + fn), _ratio(fp, fp + tn)),
        }
        found = {name: getattr(now, name) for name in drawn}
        return {name: _interval(getattr(found[name], "value", found[name]), drawn[name], level) for name in drawn}

    def expected(self, method: Method = "isotonic", *, n: int = 200, level: float = 0.95, seed: int = 0) -> Interval:
        """Return the fraction of positives without a threshold: the mean calibrated score, with a bootstrap interval.

        The calibration (see `calibrate`) is repeated for each resample of the labelled objects.
        """
        rng = np.random.default_rng(seed)
        known, truth = np.concatenate([self._yes, self._no]), np.repeat([1.0, 0.0], [len(self._yes), len(self._no)])
        chunks = np.array_split(self._rest, min(len(self._rest), _CHUNKS)) if len(self._rest) else []
        centres, sizes = np.array([c.mean() for c in chunks]), np.array([len(c) for c in chunks])

        def mean(rest: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> float:
            drawn = labels > 0
            probability = calibrate(known[drawn], truth[drawn], method, weights=labels[drawn])
            total = probability(known) @ labels if self.joint else 0.0
            return float(total + (probability(rest) @ weights if len(rest) else 0.0)) / self.n

        value, drawn = mean(self._rest, np.ones(len(self._rest)), np.ones(len(known))), []
        for _ in range(n):
            labels = np.bincount(rng.integers(len(known), size=len(known)), minlength=len(known))
            if 0 < labels @ truth < len(known):
                weights = rng.multinomial(sizes.sum(), sizes / sizes.sum()) if len(sizes) else sizes
                drawn.append(mean(centres, weights, labels))
        return _interval(value, np.array(drawn), level)

    def curve(self, points: int = 200) -> pd.DataFrame:
        """Return purity and completeness against threshold.

        Index threshold (ascending); columns purity, completeness, fraction, corrected. The thresholds lie just below up
        to `points` positive objects, evenly spaced in rank.
        """
        found = self.at(_below(spaced(self._yes, points)))
        columns = {name: getattr(found, name).value for name in ("purity", "completeness", "fraction")}
        columns |= {"threshold": found.threshold.astype(np.float64), "corrected": found.corrected}
        return pd.DataFrame(columns).set_index("threshold")

    def threshold_for(self, *, completeness: float | None = None, purity: float | None = None) -> float:
        """Return the highest threshold with this completeness, or the lowest one with this purity.

        ``at(threshold_for(completeness=0.8)).purity`` is the purity at 80 % completeness. NaN if no threshold does.
        """
        if (completeness is None) == (purity is None):
            raise ValueError("threshold_for: expected completeness or purity, got both or none. Give one of them.")
        found = self.at(_below(self._yes))
        reached = found.completeness.value >= completeness if purity is None else found.purity.value >= purity
        return float(found.threshold[reached][-1 if purity is None else 0]) if reached.any() else np.nan


class BinnedFractions:
    """The fraction above a threshold in bins of a column, such as redshift or colour. Sorted once, as `ThresholdCurve`.

    Parameters
    ----------
    values : array_like, shape (N,)
        The column. Objects with NaN or outside the edges are left out.
    edges : array_like, shape (K + 1,)
        Ascending. Bin k holds edges[k] ≤ value < edges[k + 1]; the last bin includes its upper edge.
    scores, truth : array_like, shape (N,)
        As in `ThresholdCurve`.
    """

    def __init__(self, values: ArrayLike, edges: ArrayLike, scores: ArrayLike, truth: ArrayLike | None = None) -> None:
        values, self.edges, scores = np.asarray(values), np.asarray(edges, dtype=np.float64), np.asarray(scores)
        if values.shape != scores.shape or not (np.diff(self.edges) > 0).all():
            raise ValueError(f"edges, values: expected rising edges and {scores.shape} values, got {values.shape}.")
        place = np.searchsorted(self.edges, values, side="right") - 1
        place = np.where(values == self.edges[-1], len(self.edges) - 2, place)
        truth = np.full(len(scores), np.nan) if truth is None else np.asarray(truth, dtype=np.float64)
        self.curves = [ThresholdCurve(scores[place == k], truth[place == k]) for k in range(len(self.edges) - 1)]

    def at(self, threshold: float, level: float = 0.95) -> pd.DataFrame:
        """Return one row per bin: edges, n, above, fraction, low, high (Wilson), corrected, purity, completeness."""
        names = ["left", "right", "n", "above", "fraction", "low", "high", "corrected", "purity", "completeness"]
        rows = []
        for left, right, curve in zip(self.edges[:-1], self.edges[1:], self.curves, strict=True):
            f = curve.at(threshold, level)
            share = (f.fraction.value, f.fraction.low, f.fraction.high)
            rows.append((left, right, f.n, f.above, *share, f.corrected, f.purity.value, f.completeness.value))
        return pd.DataFrame(rows, columns=names)


def wilson(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> Interval:
    """Return the Wilson score interval of a share k / n, elementwise; NaN where n is 0.

    It always contains the share: its ends are exactly 0 where k is 0, and 1 where k is n. (Those of
    `astropy.stats.binom_conf_interval` are rounded for a third of all n, and it takes no n of 0.)
    """
    from scipy.special import ndtri  # late: a page must not wait for SciPy before it shows

    k, n, z = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64), ndtri((1 + level) / 2)
    share, safe = _ratio(k, n), np.maximum(n, 1)
    centre, spread = 1 + z**2 / safe, z * np.sqrt(share * (1 - share) / safe + z**2 / (4 * safe**2))
    low, high = (share + z**2 / (2 * safe) - spread) / centre, (share + z**2 / (2 * safe) + spread) / centre
    return Interval(share[()], np.where(k == 0, low * 0, low)[()], np.where(k == n, high * 0 + 1, high)[()], level)


def rogan_gladen(fraction: ArrayLike, completeness: ArrayLike, false_positive_rate: ArrayLike) -> float | np.ndarray:
    """Return a fraction above a threshold, corrected for missed and false objects; see `AtThreshold.corrected`."""
    gain = np.asarray(completeness, dtype=np.float64) - false_positive_rate
    return np.clip((fraction - np.asarray(false_positive_rate)) / np.where(gain > 0, gain, np.nan), 0, 1)[()]


def calibrate(
    scores: np.ndarray, truth: np.ndarray, method: Method = "isotonic", *, weights: np.ndarray | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from scores to the probability of being positive, fitted to labelled objects.

    Parameters
    ----------
    scores : numpy.ndarray, shape (M,)
        Scores of labelled objects. With ``"platt"`` in 0…1.
    truth : numpy.ndarray, shape (M,)
        1 or 0. Both must occur.
    method : {"isotonic", "platt"}
        An increasing step function, or 1 / (1 + exp(−a logit(score) − b)).
    weights : numpy.ndarray, shape (M,), optional

    Returns
    -------
    callable
        Scores, shape (n,) -> probabilities, shape (n,).

    References
    ----------
    Zadrozny & Elkan (2002), KDD; Platt (1999), Advances in Large Margin Classifiers.
    """
    from scipy.special import logit
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(truth)) < 2:
        raise ValueError(f"truth: expected labels 0 and 1, got {len(truth)} equal ones. Label objects of both kinds.")
    if method == "isotonic":
        return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, truth, weights).predict

    def stretched(values: np.ndarray) -> np.ndarray:
        return logit(np.clip(np.asarray(values, dtype=np.float64), 1e-6, 1 - 1e-6))[:, None]

    fitted = LogisticRegression(C=np.inf).fit(stretched(scores), truth, weights)
    return lambda values: fitted.predict_proba(stretched(values))[:, 1]


def reliability(scores: ArrayLike, truth: ArrayLike, bins: int = 10, level: float = 0.95) -> pd.DataFrame:
    """Return the observed share of positives against the score, in bins of equal width over 0…1.

    Returns
    -------
    pandas.DataFrame
        One row per bin: left, right, n, score (its mean), observed (share of positives), low, high (Wilson). NaN where
        n is 0.
    """
    scores, truth = _finite(scores, "scores").astype(np.float64), np.asarray(truth, dtype=np.float64)
    edges, place = np.linspace(0, 1, bins + 1), np.clip((scores * bins).astype(int), 0, bins - 1)
    n, total, yes = (np.bincount(place, weights, bins) for weights in (None, scores, truth))
    share = wilson(yes, n, level)
    rows = {"left": edges[:-1], "right": edges[1:], "n": n, "score": _ratio(total, n)}
    return pd.DataFrame(rows | {"observed": share.value, "low": share.low, "high": share.high})


def _finite(scores: ArrayLike, name: str) -> np.ndarray:
    scores = np.asarray(scores)
    scores = scores if scores.dtype == np.float32 else scores.astype(np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError(f"{name}: expected finite numbers of shape (N,), got {scores.shape} or NaN. Leave those out.")
    return scores


def _above(scores: np.ndarray, threshold: ArrayLike) -> int | np.ndarray:
    """Return the number of sorted scores > threshold. In another dtype than theirs, NumPy would cast all scores."""
    return len(scores) - np.searchsorted(scores, np.asarray(threshold, dtype=scores.dtype), side="right")


def _below(scores: np.ndarray) -> np.ndarray:
    return np.nextafter(scores, np.array(-np.inf, dtype=scores.dtype))


def _ratio(k: ArrayLike, n: ArrayLike) -> np.ndarray:
    n = np.asarray(n, dtype=np.float64)
    return np.asarray(k, dtype=np.float64) / np.where(n > 0, n, np.nan)


def _interval(value: float, drawn: np.ndarray, level: float) -> Interval:
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if len(drawn) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high), level)
