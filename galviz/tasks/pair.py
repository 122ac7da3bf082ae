"""Pairs of columns: a truth and its prediction in any table, found by their names or named by the user."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from galviz.tasks.class_words import class_words
from galviz.tasks.classification import FEW, class_labels, positive_class
from galviz.tasks.target import Target, class_text

_ESTIMATES = ("prediction", "predicted", "estimate", "estimated", "pred")
_TRUTHS = ("truth", "true", "label", "class", "target")
_SPECTROSCOPIC = ("z_spec", "zspec", "specz", "spec_z", "z_spectroscopic")
_PHOTOMETRIC = ("z_phot", "zphot", "photoz", "photo_z", "z_photo", "zphoto", "z_phot_best", "z_photometric", "z_pred")
_WORDS = "prob|proba|probability|score"
_CHANCE = re.compile(rf"^(?:p|{_WORDS})(?:_(.+))?$|^(.+)_(?:{_WORDS})$", re.IGNORECASE)
_ERRORS = ("{}_sigma", "{}_err", "{}_error", "sigma_{}", "e_{}", "err_{}")
_OPPOSITE = {"0": "1", "1": "0", "False": "True", "True": "False", "no": "yes", "yes": "no"}
_GLANCE = 1000  # rows that mostly show that a column has many values
_MOST = 1000  # classes


@dataclass(frozen=True)
class Pair:
    """The columns of a table that hold a truth and its prediction.

    Parameters
    ----------
    truth, estimate : str
        The columns. For two classes, `estimate` may be the probability of the positive one.
    label, unit : str
        Name and unit of the quantity, for axes; the label is the column of the truth by default.
    sigma : str
        Column of the prediction's own error (1 σ), if there is one.
    classes : tuple of str
        Names of the classes; empty for numbers.
    chances : mapping of str to str
        Class → column of its probability, where there is one.
    positive : str
        The positive one of two classes.
    words : mapping of str to str
        Class → what it is called on pages, where its name does not say it.
    """

    truth: str
    estimate: str
    label: str = ""
    unit: str = ""
    sigma: str = ""
    classes: tuple[str, ...] = ()
    chances: Mapping[str, str] = field(default_factory=dict)
    positive: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return what a class is called: ``"spiral"``, or ``"member = 1"`` where its name is a number or a flag."""
        return self.words.get(name) or class_text(name, self.label or self.truth.removesuffix("_true"))

    @property
    def name(self) -> str:
        """Label and unit, for an axis: ``"oh_p50 (dex)"``."""
        return f"{self.label or self.truth} ({self.unit})" if self.unit else self.label or self.truth

    def true(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the truths: float64 (N,), NaN where not known, or class names (N,), None where not known."""
        return _classes(rows[self.truth]) if self.classes else _numbers(rows[self.truth])

    def given(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the predictions, in the form of `true`. A probability of 0.5 or more is the positive class."""
        if not self.classes:
            return _numbers(rows[self.estimate])
        if self.estimate not in self.chances.values():
            return _classes(rows[self.estimate])
        chance = _numbers(rows[self.estimate])
        other = next(name for name in self.classes if name != self.positive)
        return np.where(np.isnan(chance), None, np.where(chance >= 0.5, self.positive, other).astype(object))

    def chance(self, rows: pd.DataFrame, name: str) -> np.ndarray:
        """Return the probability of a class, float64 (N,). Of two classes, one may be 1 less the other's."""
        if name in self.chances:
            return _numbers(rows[self.chances[name]])
        (other,) = self.chances
        return 1 - _numbers(rows[self.chances[other]])

    @property
    def called(self) -> str:
        """Name of the prediction as `given` returns it: of a probability, that of the predicted class."""
        return f"predicted_{self.truth}" if self.estimate in self.chances.values() else self.estimate

    @property
    def judged(self) -> list[str]:
        """The classes whose probability is known, the positive one first."""
        known = self.classes if len(self.classes) == 2 and self.chances else tuple(self.chances)
        return sorted(known, key=lambda name: name != self.positive)


def pair_of_target(target: Target, truth: str, estimate: str, table: pd.DataFrame) -> Pair:
    """Return the pair of a run's target, in a table from `galviz.runs.predictions.joined`."""
    if not target.numeric:
        chances = {name: f"p_{name}" for name in target.classes if f"p_{name}" in table}
        words = {name: target.class_text(name) for name in target.classes}
        about = {"chances": chances, "positive": target.positive, "words": words}
        return Pair(truth, estimate, target.label, classes=target.classes, **about)
    sigma = f"{estimate}_sigma"
    return Pair(truth, estimate, target.label_learned, target.unit_learned, sigma if sigma in table else "")


def pair_of(
    table: pd.DataFrame, truth: str, estimate: str, *, sigma: str | None = None, positive: str = "", unit: str = ""
) -> Pair:
    """Return the pair of two columns of any table. Their values say whether they are numbers or classes.

    Texts, true and false, and whole numbers with at most 20 values in both columns are classes. A truth with two
    classes beside numbers from 0 to 1 is classification with a probability.

    Parameters
    ----------
    table : pandas.DataFrame
    truth, estimate : str
        Columns.
    sigma : str, optional
        Column of the prediction's own error; ``""`` for none. By default it is found by its name.
    positive, unit : str
        As in `Pair`; without a positive class, the usual name or the rarer class is taken.

    Raises
    ------
    KeyError
        If a column does not exist.
    ValueError
        If the two do not fit together, or nothing is known of one.
    """
    true, given = _columns(table, truth, estimate, sigma)
    whole = _whole(true) and _whole(given)
    if _is_number(given) and not whole:
        if _is_number(true) and not (_flags(true) and _fractions(given)):
            return Pair(truth, estimate, unit=unit, sigma=error_column(table, estimate) if sigma is None else sigma)
        return _with_probability(table, truth, estimate, positive)
    if _is_number(true) != _is_number(given) and not whole:
        raise ValueError(
            f"{estimate}: expected values as in {truth}, got classes in one and numbers in the other. "
            "Choose two columns of numbers, two of classes, or the probability of one of two classes."
        )
    names = pd.concat([class_labels(column).dropna() for column in (true, given)]).unique()
    if len(names) > _MOST:
        raise ValueError(f"{truth}: expected at most {_MOST} classes, got {len(names):,}. Choose another column.")
    classes = Target(truth, "classification", (truth,), truth).fitted(pd.DataFrame({truth: names})).classes
    chances = {name: f"p_{name}" for name in classes if f"p_{name}" in table and _fractions(table[f"p_{name}"])}
    two = len(classes) == 2
    positive = "" if not two else positive if positive in classes else _positive(true, classes)
    more = {"chances": chances, "positive": positive, "words": class_words(table, truth)}
    return Pair(truth, estimate, classes=classes, **more)


def error_column(table: pd.DataFrame, name: str) -> str:
    """Return the column with the error (1 σ) of another one, found by its name; "" if there is none."""
    return next((made for pattern in _ERRORS if (made := pattern.format(name)) in table), "")


def guess_pair(table: pd.DataFrame) -> tuple[str, str] | None:
    """Guess the columns of the truth and of its prediction from their names; None if there is no such pair.

    Pairs are ``name_true`` and ``name``; a column named like an estimate and ``truth``, or the column before it;
    ``p_name``, ``name_prob`` … and ``name``, ``is_name``, a column named like a truth, or one with the class ``name``;
    ``z_spec`` and ``z_phot``, or other usual names of a spectroscopic and a photometric redshift.
    """
    names = [str(name) for name in table.columns]
    for name in names:
        if f"{name}_true" in names:
            return f"{name}_true", name
    low = {name.lower(): name for name in names}
    guess = next((name for name in names if name.lower() in _ESTIMATES), None)
    if guess is not None and len(names) > 1:
        near = [name for name in names if _is_number(table[name]) == _is_number(table[guess])]
        truth = next((low[name] for name in _TRUTHS if name in low), near[max(near.index(guess) - 1, 0)])
        return (truth, guess) if truth != guess else None
    for name in names:
        found = _CHANCE.match(name)
        if found and _is_number(table[name]) and _fractions(table[name]):
            of = (found[1] or found[2] or "").lower()
            truths = [low[each] for each in (of, f"is_{of}", *_TRUTHS) if each in low]
            truths += [other for other in names if of and not _is_number(table[other]) and of in _first(table[other])]
            if truths:
                return truths[0], name
    z = [next((low[name] for name in names if name in low), "") for names in (_SPECTROSCOPIC, _PHOTOMETRIC)]
    return (z[0], z[1]) if all(z) else None


def _columns(table: pd.DataFrame, truth: str, estimate: str, sigma: str | None) -> tuple[pd.Series, pd.Series]:
    """Return the columns of truth and prediction, checked."""
    for name in filter(None, (truth, estimate, sigma)):
        if name not in table:
            raise KeyError(f"columns: expected a column of the table, got {name!r}. Choose another.")
    if truth == estimate:
        raise ValueError(f"columns: expected two different columns, got {truth!r} twice. Choose another prediction.")
    if sigma in {truth, estimate}:
        raise ValueError(f"sigma: expected a column of its own for the error, got {sigma!r}. Choose another.")
    true, given = table[truth], table[estimate]
    for column in (true, given):
        if column.isna().all():
            raise ValueError(f"{column.name}: expected some known values, got none. Choose another column.")
    return true, given


def _with_probability(table: pd.DataFrame, truth: str, estimate: str, positive: str) -> Pair:
    labels = sorted(class_labels(table[truth]).dropna().unique())
    if len(labels) > 2 or not _fractions(table[estimate]):
        raise ValueError(
            f"{estimate}: expected class names as in {truth}, or for two classes the probability of one, from 0 to 1; "
            f"got numbers for {len(labels)} classes. Choose another prediction."
        )
    if len(labels) == 1:  # objects of one class: the other one has the opposite name
        named = _CHANCE.match(estimate)
        of = (named[1] or named[2]) if named else ""
        other = of if of and of.lower() != labels[0].lower() else f"not {labels[0]}"
        labels = sorted([*labels, _OPPOSITE.get(labels[0], other)])
    if positive not in labels:
        named = [name for name in labels if name.lower() in estimate.lower().split("_")]
        plain = [name for name in labels if not name.startswith("not ")]
        positive = named[0] if named else plain[0] if len(plain) == 1 else _positive(table[truth], tuple(labels))
    more = {"chances": {positive: estimate}, "positive": positive, "words": class_words(table, truth)}
    return Pair(truth, estimate, classes=tuple(labels), **more)


def _positive(column: pd.Series, classes: tuple[str, ...]) -> str:
    return positive_class(class_labels(column).value_counts().reindex(list(classes), fill_value=0))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _whole(column: pd.Series) -> bool:
    """Return whether a column has whole numbers with few values, or true and false."""
    if pd.api.types.is_bool_dtype(column):
        return True
    if column.iloc[:_GLANCE].nunique() > FEW:  # else different values of 10⁷ rows are counted
        return False
    values = column.dropna()
    return _is_number(column) and values.nunique() <= FEW and all(float(one).is_integer() for one in values.unique())


def _first(column: pd.Series) -> set[str]:
    """Return the first values of a column, in lower case."""
    return set(column.head(1000).dropna().astype(str).str.lower())


def _flags(column: pd.Series) -> bool:
    return bool(column.dropna().isin((0, 1)).all())


def _fractions(column: pd.Series) -> bool:
    return _is_number(column) and bool(column.dropna().between(0, 1).all())


def _numbers(column: pd.Series) -> np.ndarray:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)


def _classes(column: pd.Series) -> np.ndarray:
    labels = class_labels(column)
    return labels.where(labels.notna(), None).to_numpy(object)
