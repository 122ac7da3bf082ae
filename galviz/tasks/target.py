"""Targets: the catalogue columns that are learned, as which task, and with which transform."""

from dataclasses import asdict, dataclass, field, replace
from types import ModuleType
from typing import Any, Literal, Self, get_type_hints

import numpy as np
import pandas as pd

from galviz.io.records import check_fields
from galviz.tasks import task, task_names

Transform = Literal["identity", "ln", "log10", "zscore"]

_FORWARD = {"identity": np.positive, "ln": np.log, "log10": np.log10, "zscore": np.positive}
_INVERSE = {"identity": np.positive, "ln": np.exp, "log10": lambda values: np.power(10.0, values)}
_TASKS = {"scalar": "regression", "class": "classification", "votes": "votes", "band": "pretext", "order": "pretext"}
"""The kind of a target in files of the first versions → its task."""
_SHOWN = {"identity": "{}", "ln": "ln {}", "log10": "log₁₀ {}", "zscore": "z-score of {}"}


def class_text(name: str, label: str) -> str:
    """Return a class in words: its name, or ``"spiral = 1"`` where that is a number or a flag; `label` is of what."""
    says = any(map(str.isalpha, name)) and name.lower() not in {"true", "false", "yes", "no"}
    return name if says else f"{label} = {name}"


@dataclass(frozen=True)
class Target:
    """The catalogue columns that a network learns.

    Parameters
    ----------
    name : str
        Name of the estimate in `Predictions`, as learned: ``"ln_richness"``. For ``"pretext"``: ``"band"`` of a
        one-band image, or ``"order"`` of the bands in an image. For ``"votes"``: the main answer.
    task : {"regression", "classification", "votes", "pretext"}
        What kind of thing is learned; the name of a file in `galviz.tasks`.
    columns : tuple of str
        Columns of the catalogue. None for ``"pretext"``, where the image is its own label.
    label : str
        Axis label before the transform: ``"λ"``.
    unit : str
        Unit of the untransformed value, or ``""``.
    transform : {"identity", "ln", "log10", "zscore"}
        Transform of the values before they are learned. ``"zscore"`` is (value − `centre`) / `scale`.
    centre, scale : float, optional
        Constants of ``"zscore"``, set by `fitted`. Targets that differ only in these are equal.
    classes : tuple of str
        Names of the classes, also set by `fitted`. The truth of an object is the index of its class.
    positive : str
        The positive one of two classes, if any.
    words : tuple of str
        What the classes are called on pages, in the order of `classes`, where their names do not say it.
    questions : tuple of tuple of str
        For votes: the columns of the answers to each question, in the order of `columns`. The answers of a question sum
        to their parent. Empty: all fractions are independent.
    parents : tuple of str
        The answer that leads to each question; ``""`` for a question that everyone is asked.
    counts : bool
        For votes: whether the columns hold numbers of votes instead of fractions. The estimates are fractions of the
        votes for each question, and so is `truth`; only `learned` holds the numbers.
    total : str
        For votes that are fractions: column with the number of volunteers, by which `learned` multiplies them.
    """

    name: str
    task: str
    columns: tuple[str, ...]
    label: str
    unit: str = ""
    transform: Transform = "identity"
    centre: float | None = field(default=None, compare=False)
    scale: float | None = field(default=None, compare=False)
    classes: tuple[str, ...] = field(default=(), compare=False)
    positive: str = field(default="", compare=False)
    words: tuple[str, ...] = field(default=(), compare=False)
    questions: tuple[tuple[str, ...], ...] = field(default=(), compare=False)
    parents: tuple[str, ...] = field(default=(), compare=False)
    counts: bool = field(default=False, compare=False)
    total: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.task not in task_names():
            raise ValueError(f"task: expected one of {', '.join(task_names())}, got {self.task!r}.")
        if isinstance(self.columns, str):
            raise ValueError(f"columns: expected a tuple of names, got {self.columns!r}. Write ({self.columns!r},).")  # noqa: TRY004 - as every other bad field
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "words", tuple(self.words))
        object.__setattr__(self, "questions", tuple(map(tuple, self.questions)))
        object.__setattr__(self, "parents", tuple(self.parents))
        if self.transform not in _FORWARD:
            raise ValueError(f"transform: expected one of {', '.join(_FORWARD)}, got {self.transform!r}.")
        self.rules.check(self)

    @classmethod
    def of(cls, cutouts: Any, *columns: str, task: str = "", positive: str = "") -> Self:
        """Return the target of any columns of a catalogue. The task is guessed if it is not given.

        Parameters
        ----------
        cutouts : CutoutSet or pandas.DataFrame
        *columns : str
            One column, or several that are learned together.
        task, positive
            As in `galviz.tasks.guess.guess`, which also says why.
        """
        from galviz.tasks.guess import guess

        return guess(getattr(cutouts, "catalogue", cutouts), columns, task, positive).target

    @property
    def rules(self) -> ModuleType:
        """The file of the task in `galviz.tasks`."""
        return task(self.task)

    @property
    def self_labelled(self) -> bool:
        """Whether the image is its own label, so that no catalogue column is needed."""
        return self.rules.SELF_LABELLED

    @property
    def numeric(self) -> bool:
        """Whether estimates are numbers. Otherwise they are names of classes."""
        return self.rules.NUMERIC

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def variants(self, bands: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """Return name → band indices of the variants of an image that a pretext task tells apart; else empty."""
        return self.rules.variants(self, bands)

    def class_names(self, bands: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the classes for images in `bands`; empty for numbers."""
        return self.rules.classes(self, bands)

    def class_text(self, name: str) -> str:
        """Return what a class is called: its name, or ``"spiral = 1"`` where that is a number or a flag."""
        return self.class_words.get(name) or class_text(name, self.label)

    @property
    def class_words(self) -> dict[str, str]:
        """Class → what it is called on pages; empty where the names say it."""
        return dict(zip(self.classes, self.words, strict=False))

    def one_band(self, bands: tuple[str, ...]) -> bool:
        """Return whether the network takes a single band of an image at a time."""
        return any(len(variant) == 1 for variant in self.variants(bands).values())

    @property
    def label_learned(self) -> str:
        """Axis label of the values as learned: ``"ln λ"``."""
        return _SHOWN[self.transform].format(self.label)

    @property
    def unit_learned(self) -> str:
        """Unit of the values as learned: that of the column, or ``""`` where it is transformed."""
        return self.unit if self.transform == "identity" and self.task == "regression" else ""

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Transform catalogue values to learned values, float64, any shape. NaN stays NaN.

        Raises
        ------
        ValueError
            If the transform is a logarithm and a value is not positive, or if the z-score has no constants yet.
        """
        values = np.asarray(values, dtype=np.float64)
        if self.transform == "zscore":
            centre, scale = self._constants()
            return (values - centre) / scale
        if self.transform != "identity" and (values <= 0).any():
            bad = values[values <= 0][0]
            raise ValueError(
                f"{', '.join(self.columns)}: expected positive values for the transform {self.transform!r}, got {bad}. "
                "Leave those objects out, or learn the value itself (transform='identity')."
            )
        return _FORWARD[self.transform](values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Transform learned values back to catalogue values, float64, any shape. NaN and errors are as in `forward`."""
        values = np.asarray(values, dtype=np.float64)
        if self.transform == "zscore":
            centre, scale = self._constants()
            return centre + scale * values
        return _INVERSE[self.transform](values)

    def fitted(self, catalogue: pd.DataFrame) -> Self:
        """Return the target with the constants of its z-score, or the names of its classes, from a catalogue.

        The constants are the mean and the standard deviation of the known values. Class names are sorted. A target that
        needs neither, or already has them, is returned unchanged. Using held-out objects here leaks nothing into the
        training: the constants are a shift and a scale that `inverse` undoes.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            One row per object. Without the column, or with fewer than two different values, nothing is set.
        """
        return self.rules.fitted(self, catalogue)

    def _constants(self) -> tuple[float, float]:
        if self.centre is None or self.scale is None:
            raise ValueError(f"{self.name}: expected the constants of its z-score, got none. Use fitted(catalogue).")
        return self.centre, self.scale

    def truth(self, catalogue: pd.DataFrame) -> np.ndarray | None:
        """Return the true values from a catalogue, transformed for learning.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            One row per object.

        Returns
        -------
        numpy.ndarray of float64, shape (N, K), or None
            The K columns, transformed. NaN where the catalogue has no value. A z-score without constants uses those of
            this catalogue. For classes: the class index, counted from 0; NaN also if a class is not in `classes`. None
            for a pretext task, where the image is its own label.

        Raises
        ------
        KeyError
            If the catalogue lacks a column.
        """
        missing = [name for name in self.columns if name not in catalogue.columns]
        if missing:
            raise KeyError(
                f"catalogue: expected the column {missing[0]!r} to learn {self.name}, "
                f"got {', '.join(map(str, catalogue.columns)) or 'no columns'}. Add it, or choose another target."
            )
        return self.rules.truth(self, catalogue)

    def learned(self, catalogue: pd.DataFrame) -> np.ndarray | None:
        """Return what a network learns: `truth`, or the numbers of votes where they are known; see `counts`."""
        return getattr(self.rules, "learned", self.rules.truth)(self, catalogue)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        lists = {name: list(getattr(self, name)) for name in ("columns", "classes", "words", "parents")}
        return asdict(self) | lists | {"questions": [list(answers) for answers in self.questions]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the target that `to_json` described.

        Raises
        ------
        ValueError
            If a field is missing, has the wrong type, or is not known to this version.
        """
        if "kind" in fields and "task" not in fields:  # as the first versions wrote it
            fields = {**fields, "task": _TASKS.get(fields["kind"], str(fields["kind"]))}
            del fields["kind"]
        types = get_type_hints(cls)
        strange = sorted(fields.keys() - types.keys())
        if strange:
            raise ValueError(f"target: expected {', '.join(types)}, got also {strange[0]!r}. Restore or remove it.")
        check_fields(fields, types, "target", frozenset({"name", "task", "columns", "label"}))
        return cls(**fields)
