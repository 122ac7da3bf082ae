"""What a map means, in sentences: its colours, its baseline, what hiding a region changes, and what is by chance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.markup import Markup
from galviz.measure.attribution_regions import KINDS, shares
from galviz.measure.image_regions import DRAWS, Effect
from galviz.measure.occluders import GRAD_CAM, INTEGRATED_GRADIENTS, OCCLUSION, SHAPLEY, SUPERPIXELS
from galviz.runs.predictions import Predictions
from galviz.tools.selection.polygon import inside
from galviz.work.effects import ColumnEffects
from galviz.work.explanation import Explanation

VALUES = {"contribution": "change", "change when hidden": "effect", "output when hidden": "output"}
"""Displayed name → what a map shows."""

BASELINES = {
    "mean of the image: bright galaxies are hidden": "mean",
    "zero signal: the value 0 after normalisation": "zero",
    "blurred: detail is hidden, light stays": "blur",
}
"""Displayed name → values inside the occluder."""

METHODS = {
    "Occlusion: hide a patch": OCCLUSION,
    "Occlusion: hide superpixels": SUPERPIXELS,
    "Shapley values of sources": SHAPLEY,
    "Integrated gradients": INTEGRATED_GRADIENTS,
    "Grad-CAM": GRAD_CAM,
}
"""Displayed name → method of a map."""

SOURCES, TOGETHER = "marked sources", "all together"
MOST_REGIONS = 20
_CORNERS = 2000  # most corners of a region
_GALAXIES = ("bcg", "member")
_ONE = {"members": "member", "field galaxies": "field galaxy", "stars": "star", "sources found": "source found"}


def signs(method: str, value: str, unit: str) -> str:
    """Return what the colours of a map mean, so that its sign cannot be misread."""
    if method == GRAD_CAM:
        return f"yellow: the last layer of the network raises {unit} here; dark: it does not. The values have no unit."
    if value == "output":
        return f"yellow: {unit} is high when this is hidden; dark: it is low."
    raises, lowers = ("red", "blue") if value == "change" else ("blue", "red")
    if method in (INTEGRATED_GRADIENTS, SHAPLEY):
        words = f"it raises {unit} above that of the baseline", f"it lowers {unit}"
    else:
        words = (
            f"hiding it lowers {unit}, so it raises the prediction",
            f"hiding it raises {unit}, so it lowers the prediction",
        )
    named = sorted([(raises, words[0]), (lowers, words[1])], reverse=True)
    return "; ".join(f"{colour}: {text}" for colour, text in named) + "."


def definition(found: Explanation, unit: str) -> str:
    """Return how a map is made, in one or two sentences."""
    settings = found.settings
    if settings.method == GRAD_CAM:
        return (
            "Grad-CAM: the channels of the network's last layer, weighted by how much they raise the output. It is "
            "coarse, has no baseline, and leaves out what lowers the output (Selvaraju et al. 2017)."
        )
    baseline = next(name for name, kind in BASELINES.items() if kind == settings.baseline).partition(":")[0]
    if settings.method == INTEGRATED_GRADIENTS:
        numbers = ""
        base = getattr(found, "base", np.nan)
        if np.isfinite(base):
            gap, total = found.clean - base, float(found.map()[:].sum())
            numbers = (
                f" {unit} is {_short(found.clean)} for this image and {_short(base)} for the baseline, a difference of "
                f"{_signed(gap)}; the pixels sum to {_signed(total)}."
            )
        return f"Integrated gradients: the part of each pixel in the output, from the baseline ({baseline}).{numbers}"
    if settings.method == SHAPLEY:
        return (
            f"Shapley values: sources of {2 * settings.radius:g} px and the rest of the image appear one by one, in "
            f"random orders, on the baseline ({baseline}). The value of a source is the mean change of the output when "
            "it appears (Castro et al. 2009)."
        )
    what = "superpixel" if settings.method == SUPERPIXELS else f"patch of {settings.patch} px"
    by = {"fast": " by the fast engine", "captum": " by Captum"}.get(settings.engine, "")
    again = f"and the output is computed again{by if settings.method == OCCLUSION else ''}."
    return f"Occlusion: each {what} is hidden in turn (baseline: {baseline}), {again}"


def effect_text(effect: Effect, unit: str) -> str:
    """Return what hiding a region changes: ``"lowers ln λ by 0.12 (chance: 0.02 ± 0.03)"``."""
    if effect.change == 0:
        return change_text(0.0, unit)
    chance = effect.chance * (1 if effect.change > 0 else -1)
    spread = [chance.mean(), chance.std(ddof=1)] if len(chance) else []
    digits = _digits(max(abs(effect.change), *map(abs, spread)) if spread else abs(effect.change))
    text = change_text(effect.change, unit, digits)
    if not spread:
        return f"{text} (the region is too large to compare with chance)"
    return f"{text} (chance: {_fixed(spread[0], digits)} ± {_fixed(spread[1], digits)})"


def change_text(change: float, unit: str, digits: int | None = None) -> str:
    """Return what hiding something that contributes `change` does: ``"lowers ln λ by 0.12"``."""
    if change == 0:
        return f"does not change {unit}"
    size = _fixed(abs(change), _digits(abs(change)) if digits is None else digits)
    return f"{'lowers' if change > 0 else 'raises'} {unit} by {size}"


_AT_MEAN = "Hidden: each number is replaced by the mean of the training objects."


def columns_sentence(found: ColumnEffects, unit: str) -> Markup:
    """Return a sentence about hiding the columns of the catalogue, as HTML; ``""`` until the result has arrived."""
    if found.table is None:
        return Markup("")
    names, parts = list(found.table.index), found.table["contribution"]
    what = f"the catalogue column {names[0]}" if len(names) == 1 else f"the {len(names)} catalogue columns"
    line = Markup("<b>Hiding {} {}</b>").format(what, change_text(found.together, unit))
    most = parts.abs().idxmax()
    if len(names) > 1 and parts[most] != 0:
        line += Markup(" (most of all {}: it alone {})").format(most, change_text(parts[most], unit))
    return Markup("<span title='{}'>{}.</span>").format(_AT_MEAN, line)


def columns_html(found: ColumnEffects, unit: str) -> Markup:
    """Return the contribution of each column of the catalogue as an HTML table; ``""`` until it has arrived."""
    if found.table is None:
        return Markup("")
    line = Markup("<tr><th scope='row'>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>")
    rows = []
    for name, change in found.contributions().items():
        shown = ["", ""]
        if name in found.table.index:
            shown = ["missing" if np.isnan(one) else _short(one) for one in found.table.loc[name, ["value", "mean"]]]
        rows.append(line.format(name, *shown, _signed(change)))
    head = Markup("<tr><th>Column</th><th>Value</th><th>Mean</th><th>Contribution</th></tr>")
    about = Markup("<caption>Catalogue columns: contribution to {}. {}</caption>").format(unit, _AT_MEAN)
    return Markup("<table class='measures'>{}{}{}</table>").format(about, head, Markup("").join(rows))


def verdict(effect: Effect) -> str:
    """Return how the effect of a region compares with that of the same shape at random places."""
    if not len(effect.chance):
        return ""
    if not effect.beyond_chance:
        return "no more than by chance"
    larger = (effect.change > 0) == (effect.change > effect.chance.mean())
    return "more than by chance" if larger else "less than by chance"


def sentence(name: str, effect: Effect, unit: str) -> Markup:
    """Return a sentence about hiding a region, as HTML, and what chance means as its title."""
    about = f"Chance: mean and standard deviation of the same shape at {DRAWS} random places of the image."
    comparison = verdict(effect)
    end = f": {comparison}" if comparison else ""
    line = Markup("<b>Hiding {} {}{}.</b>").format(name, effect_text(effect, unit), end)
    return Markup("<span title='{}'>{}</span>").format(about, line)


def map_verdict(found: Explanation, row: int, sources: pd.DataFrame, unit: str) -> str:
    """Return which regions a finished map points at beyond chance, or that it shows nothing beyond chance."""
    values = found.map()[row]
    if not np.isfinite(values).any():
        return ""
    if np.nanmax(np.abs(values)) <= 1e-7 * max(1.0, abs(found.clean)):
        return f"The map is flat: nothing in this image changes {unit} on its own."
    if found.settings.method == SHAPLEY:
        return shapley_sentence(found, row, sources, unit)
    if sources.empty:
        return "No source is known in this image. Draw a region to compare it with chance."
    table = shares(values, sources, found.settings.radius)
    above = table[table["effect"] > table["high"]]
    if above.empty:
        return "The map shows nothing beyond chance: moved at random, as much of it lies on every kind of source."
    parts = [
        f"{where}: {one.effect:.0%} of it (chance: {one.low:.0%} – {one.high:.0%})" for where, one in above.iterrows()
    ]
    return "The map points at " + ", ".join(parts) + "."


def shapley_sums(found: Explanation, row: int, sources: pd.DataFrame) -> pd.DataFrame:
    """Return the sum of the Shapley values of each kind of source, and their number.

    Index: the kinds, and ``"rest of the image"``. Columns: number, value (their sum), largest (the largest one).
    """
    values = found.outputs[row].astype(float)
    kinds = sources["kind"].iloc[: len(values) - 1].map(lambda kind: KINDS.get(kind, str(kind)))
    known = pd.Series(values[:-1], index=kinds.to_numpy()).groupby(level=0, sort=False)
    table = pd.DataFrame({"number": known.size(), "value": known.sum(), "largest": known.max()})
    table.loc["rest of the image"] = (1, values[-1], values[-1])
    return table.astype({"number": int})


def shapley_sentence(found: Explanation, row: int, sources: pd.DataFrame, unit: str) -> str:
    """Return how the difference between an image and its baseline is shared among the kinds of sources."""
    table = shapley_sums(found, row, sources)
    parts = [
        f"{'the ' if name == 'rest of the image' else f'{int(one.number)} '}{name} {_signed(one.value)}"
        for name, one in table.iterrows()
    ]
    gap = found.clean - getattr(found, "base", np.nan)
    return f"{unit} differs by {_signed(gap)} from the baseline; of this: {', '.join(parts)}."


def marked(sources: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the sources that stand for the object, and what they are called: its members, or else all sources."""
    members = sources[sources["kind"].isin(_GALAXIES)]
    chosen = sources if members.empty else members
    kinds = {KINDS.get(kind, str(kind)) for kind in chosen["kind"]}
    name = kinds.pop() if len(kinds) == 1 else "marked sources"
    return f"the {len(chosen)} {name}" if len(chosen) > 1 else f"the only {_ONE.get(name, name)}", chosen


def discs(sources: pd.DataFrame, radius: float, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels within a radius of any source, bool (H, W)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    found = np.zeros(shape, dtype=bool)
    for source in sources.itertuples():
        found |= (x - source.x) ** 2 + (y - source.y) ** 2 <= radius**2
    return found


def region_masks(regions: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the pixels of regions whose corners are given, bool (H, W), and of several together.

    Raises
    ------
    ValueError
        If there are more than 20 regions, a name occurs twice, or a region has too few or too many corners, or covers
        the centre of no pixel.
    """
    if len(regions) > MOST_REGIONS:
        raise ValueError(f"regions: expected at most {MOST_REGIONS}, got {len(regions)}. Remove some.")
    y, x = np.mgrid[: shape[0], : shape[1]]
    masks: dict[str, np.ndarray] = {}
    for region in regions:
        name, points = region["name"], region["points"]
        if not 3 <= len(points) <= _CORNERS:
            raise ValueError(f"{name}: expected 3 to {_CORNERS} corners, got {len(points)}. Draw it again.")
        if name in masks:
            raise ValueError(f"regions: expected different names, got {name!r} twice.")
        masks[name] = inside(x.ravel(), y.ravel(), points).reshape(shape)
        if not masks[name].any():
            raise ValueError(f"{name}: expected a region with at least one pixel, got none. Draw it larger.")
    if len(masks) > 1:
        masks[TOGETHER] = np.any(list(masks.values()), axis=0)
    return masks


def object_line(predictions: Predictions | None, object_id: str, shown_band: str = "") -> Markup:
    """Return the id of an object, its true and its predicted value, and whether the prediction is wrong, as HTML."""
    head = Markup("<b class='id'>{}</b>").format(object_id)
    return Markup("{} · {}").format(head, _prediction_text(predictions, object_id, shown_band))


def _prediction_text(predictions: Predictions | None, object_id: str, shown_band: str) -> str | Markup:
    if predictions is None:
        return "the run has no predictions"
    table, target = predictions.table, predictions.target
    rows = table[predictions.object_ids == object_id]
    if table.index.nlevels > 1 and shown_band in rows.index.get_level_values(1):
        rows = rows[rows.index.get_level_values(1) == shown_band]
    if rows.empty:
        return "not among the run's predictions"
    estimate, truth = rows[predictions.estimate_column], rows.get(predictions.truth_column)
    seen = " (seen in training)" if (rows["fold"].fillna(0) < 0).all() else ""
    if len(rows) > 1:
        right = int((estimate == truth).sum())
        return f"{right} of {len(rows)} right{seen}"
    predicted, true = estimate.iloc[0], None if truth is None else truth.iloc[0]
    shown = _short if target.numeric else target.class_text
    text = f"predicted {shown(predicted)}"
    if true is None or pd.isna(true):
        return f"{text}; the truth is not known{seen}"
    text = f"true {shown(true)}, {text}"
    if not target.numeric:
        right = predicted == true
        return Markup("{}: <b>{}</b>{}").format(text, "right" if right else "wrong", seen)
    errors = np.abs(np.asarray(predictions.residual, dtype=float))
    errors, error = errors[np.isfinite(errors)], float(predicted) - float(true)
    unit = target.rules.unit(target)
    closer = float((errors > abs(error)).mean())
    rank = (
        f"closer than {closer:.0%} of the objects"
        if closer >= 0.5
        else f"farther off than {1 - closer:.0%} of the objects"
    )
    return Markup("{} {}: <b>off by {}</b>, {}{}").format(text, unit, _signed(error), rank, seen)


def _digits(size: float) -> int:
    return max(0, 1 - int(np.floor(np.log10(size)))) if size > 0 else 0


def _fixed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−") if digits < 6 else f"{value:.2g}".replace("-", "−")


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
