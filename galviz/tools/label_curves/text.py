"""Text of a sweep over label fractions: progress, the gain from pre-training, and the paper's numbers."""

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.markup import Markup
from galviz.measure.label_efficiency import CLASS_CLAIMS, MEASURES, Gain, gain_words, published
from galviz.runs.run import Run
from galviz.tools.formatting import shown_seconds
from galviz.work.sweep import Plan, Sweep

NAMES = {"mae": "MAE", "sigma": "Sigma", "accuracy": "Accuracy"}
"""Measure → displayed name."""

LOGARITHMS = {"ln": 1.0, "dex": 1 / np.log(10)}
"""Units to which the paper's errors (in ln) can be converted → conversion factor."""

_PAPER = "The paper's: 24,596 clusters of SDSS, full width, ten folds, three runs; not the same experiment."
NO_SWEEP = Markup("<p class='note'>No sweep to show yet: start one above, or with <code>galviz sweep</code>.</p>")
_WHO = "Base starts from random weights. Ours starts from an encoder that was pre-trained without labels."
_HEAD = ("Labels", "Base", "Ours", "Change [95 % interval]", "The paper's, in ln λ")


def gains_html(gains: Mapping[str, Gain | str], *, logarithmic: bool) -> Markup:
    """Return the label fraction from which Ours is as good as Base with all labels, as text.

    Parameters
    ----------
    gains : mapping of str to Gain or str
        Measure → gain, or the reason why there is none.
    logarithmic : bool
        Whether the paper's errors can be converted to the unit shown.
    """
    lines = [
        Markup("<b>{}</b>: {}").format(NAMES[measure], gain if isinstance(gain, str) else gain_words(gain))
        for measure, gain in gains.items()
    ]
    known = next((gain for gain in gains.values() if isinstance(gain, Gain)), None)
    if known is not None:
        one = "1 trial: the scatter between trials is not known"
        trials = one if known.trials == 1 else f"{known.trials} trials"
        lines.append(_note(f"Intervals from {known.objects:,} held-out objects, taken as independent, and {trials}."))
    tail = "" if logarithmic else " Its errors are of logarithms and cannot be drawn in this unit."
    paper = _classes_words() if "accuracy" in gains else _PAPER + tail
    return Markup("").join(Markup("<p>{}</p>").format(line) for line in [*lines, _note(_WHO), _note(paper)])


PLAIN = Markup("<p>{}</p>").format(
    Markup("<span class='note'>{}</span>").format(
        "Each training is measured on the objects of its fold, which it did not learn from. Points are means over "
        "folds, then seeds; bars are the scatter of the seeds."
    )
)
"""What the figures of a sweep without a pre-training show."""


def _classes_words() -> str:
    """Return what the paper found for classes."""
    claims = [
        f"{percent:g} % more accurate on {name}, as good as Base at 100 % from {100 * part:g} % of the labels on"
        for name, (percent, part) in CLASS_CLAIMS.items()
    ]
    return (
        f"The paper's Ours: {'; '.join(claims)}. Its curves are not in its text, and this is not the same experiment."
    )


def compared_html(measure: str, gain: Gain | str, unit: str) -> Markup:
    """Return a table of Base, Ours and the change at each fraction, next to the paper's; empty without a gain.

    Parameters
    ----------
    measure : str
    gain : Gain or str
    unit : str
        Unit for the caption, such as ``"ln λ"``.
    """
    if isinstance(gain, str):
        return Markup("")
    rows = Markup("").join(_row(measure, gain, k) for k in range(len(gain.fractions)))
    heads = _HEAD if measure in MEASURES else _HEAD[:-1]
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in heads)
    caption = f"{NAMES[measure]} in {unit}" if unit else NAMES[measure]
    whole = Markup("<table class='measures'><caption>{}</caption><tr>{}</tr>{}</table>")
    return whole.format(caption, head, rows)


def _row(measure: str, gain: Gain, k: int) -> Markup:
    fraction, change = float(gain.fractions[k]), gain.change
    by = "%" if measure in MEASURES else "points"
    sure = f"{change.value[k]:+.1f} {by} [{change.low[k]:+.1f}, {change.high[k]:+.1f}]"
    cells = [f"{100 * fraction:g} %", f"{gain.base[k]:.4g}", f"{gain.ours[k]:.4g}", sure]
    cells += [_theirs(measure, fraction)] if measure in MEASURES else []
    return Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells))


def _theirs(measure: str, fraction: float) -> str:
    paper = published().pivot_table(index="fraction", columns="method", values=measure)
    if fraction not in paper.index:
        return "–"
    base, ours = paper.loc[fraction, "base"], paper.loc[fraction, "ours"]
    return f"{base:.4f} → {ours:.4f} ({100 * (ours / base - 1):+.1f} %)"


def made_words(plan: Plan, table: pd.DataFrame) -> str:
    """Return how the trainings of a sweep were made: folds, numbers of labels, pre-training and seeds.

    Parameters
    ----------
    plan : Plan
    table : pandas.DataFrame
        As returned by `galviz.work.sweep.Sweep.table`.
    """
    count, held_out = plan.recipe.validation.folds, plan.folds
    if count > 1:
        numbers = ", ".join(map(str, held_out))
        which = "each held out in turn" if len(held_out) == count else f"held out: {numbers}, counted from 0"
        folds = f"{count} folds, {which}."
    else:
        folds = "Held out: the objects whose split is test." if count == 0 else "Nothing is held out."
    labels = table.groupby("fraction")["labels"].median()
    sizes = ", ".join(f"{number:,.0f} ({100 * fraction:g} %)" for fraction, number in labels.items())
    drawn = f"Labels, drawn from the training objects of each fold: {sizes}."
    seeds = sorted({plan.recipe.seed + trial for trial in range(plan.trials)})
    last = f"Seeds: {', '.join(map(str, seeds))}, one per trial."
    return " ".join(filter(None, (folds, drawn, _pretraining_words(plan, table), last)))


def _pretraining_words(plan: Plan, table: pd.DataFrame) -> str:
    """Return what the pre-training of a sweep learned from; empty without one."""
    if plan.pretraining is None:
        return ""
    sizes = table.loc[table["method"] == "ours", "pretraining_objects"].dropna()
    objects = f" ({sizes.median():,.0f} objects)" if len(sizes) else ""
    if plan.fold_wise:
        return f"Pre-training: one per fold, on its training objects{objects}."
    folds = plan.pretraining.validation.folds
    on = {0: "the objects whose split is not test", 1: "all objects, also those held out here"}
    part = f"{folds - 1} of {folds} parts of the sky, with most of the objects held out here"
    return f"Pre-training: one for all, on {on.get(folds, part)}, without their labels{objects}."


def _note(words: str) -> Markup:
    return Markup("<span class='note'>{}</span>").format(words)


def progress_html(sweep: Sweep, done: int, *, going: bool, stopping: bool = False) -> Markup:
    """Return the progress of a sweep, and the command that resumes it if it is not running."""
    total = len(sweep.tasks)
    bar = Markup("<progress value='{0}' max='{1}'></progress> {0} of {1} trainings done")
    first, status = bar.format(done, total), Markup("<div role='status'>{}</div>")
    if done == total:
        return status.format(first + ".")
    if going:
        states = {name: Run(sweep.run_path(name)).state() for name in sweep.going() if _begun(sweep, name)}
        now = [f"{name} ({_stand(state)})" for name, state in states.items()]
        stop = " It stops after a step of what is going on." if stopping else ""
        return status.format(first + f"; now {', '.join(now) or 'starting the next'}.{stop}")
    each = Markup("<p>{} failed: {}</p>")
    failed = Markup("").join(each.format(name, why) for name, why in sweep.failed().items())
    command = f"galviz sweep {sweep.plan.study} --out {shlex.quote(str(sweep.path))} --resume"
    return status.format(first + Markup(". To go on: <code>{}</code>").format(command)) + failed


def _begun(sweep: Sweep, name: str) -> bool:
    return (sweep.run_path(name) / "state.json").exists()


def _stand(state: dict[str, Any]) -> str:
    epochs = f"epoch {state.get('epoch', 0)} of {state['epochs']}, " if "epochs" in state else ""
    return f"{epochs}{shown_seconds(state['eta_s'])} left" if state.get("eta_s") else epochs + state["status"]
