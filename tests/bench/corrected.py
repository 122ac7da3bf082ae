"""How often the 95 % interval of a corrected merger fraction covers the truth, over surveys of known fraction.

``python tests/bench/corrected.py`` draws 1,000 surveys: a merger fraction in 0.02…0.3, a network's confusion between
good and poor, a threshold in 0.2…0.7, and labels for some galaxies, and prints one JSON line per way of labelling.
"""

import argparse
import json

import numpy as np

from galviz.measure.threshold_stats import ThresholdCurve

HOW = {
    "a tenth of the survey is labelled": (0.1, ""),
    "as many beside the survey, of the same sky": (0.1, "alike"),
    "beside the survey, a sky of half mergers": (0.1, "half"),
}


def draw(rng: np.random.Generator, n: int, fraction: float, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth of n galaxies: a score follows a Beta distribution of its own for each kind."""
    truth = rng.random(n) < fraction
    return np.where(truth, rng.beta(1 + skill, 2, n), rng.beta(1, 1 + 2 * skill, n)), truth


def survey(rng: np.random.Generator, n: int, part: float, beside: str) -> dict[str, float]:
    """One survey: what was true, counted, corrected, and whether the intervals hold the truth."""
    fraction, skill, threshold = rng.uniform(0.02, 0.3), rng.uniform(1.5, 5), rng.uniform(0.2, 0.7)
    scores, truth = draw(rng, n, fraction, skill)
    few = int(n * part)
    if beside:
        labelled, known = draw(rng, few, 0.5 if beside == "half" else fraction, skill)
        curve = ThresholdCurve(scores, known, labelled=labelled)
    else:
        curve = ThresholdCurve(scores, np.where(np.arange(n) < few, truth, np.nan))
    raw, corrected = curve.at(threshold).fraction, curve.resampled(threshold)["corrected"]
    found = {"raw": raw.value - fraction, "corrected": corrected.value - fraction}
    covers = {f"{name} covers": one.low <= fraction <= one.high for name, one in (("raw", raw), ("ours", corrected))}
    return found | covers | {"width": corrected.high - corrected.low}


def main() -> None:
    """Draw them and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surveys", type=int, default=1000)
    parser.add_argument("--galaxies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for how, (part, beside) in HOW.items():
        rng = np.random.default_rng(given.seed)
        found = [survey(rng, given.galaxies, part, beside) for _ in range(given.surveys)]
        of = {name: np.array([one[name] for one in found], dtype=float) for name in found[0]}
        received = {"labels": how, "coverage": round(of["ours covers"].mean(), 3)}
        received |= {"coverage of raw counting": round(of["raw covers"].mean(), 3)}
        received |= {f"{one} bias": round(of[one].mean(), 4) for one in ("corrected", "raw")}
        received |= {f"{one} mean |error|": round(np.abs(of[one]).mean(), 4) for one in ("corrected", "raw")}
        print(json.dumps(received | {"median width": round(float(np.median(of["width"])), 4)}), flush=True)


if __name__ == "__main__":
    main()
