"""Recipes: how a network is trained, as plain data.

A study declares recipes, a page shows them as a form, and `galviz.nn` trains with them.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, Self, get_type_hints

from galviz.io.records import check_fields

CHOICES: dict[str, tuple[str, ...]] = {
    "optimiser": ("sgd", "adamw"),
    "schedule": ("constant", "cosine", "one_cycle"),
    "loss": ("mse", "mse_std", "gaussian_nll", "cross_entropy", "lsgan", "lsgan_masked"),
    "normalise": ("asinh", "asinh_global", "noise", "minmax", "none"),
    "keep": ("last", "best"),
    "precision": ("32-true", "bf16-mixed"),
    "network.stem": ("imagenet", "small", "fine"),
    "network.head": ("compact", "as_published"),
    "network.architecture": ("resnet18", "wide_resnet50", "paper_cnn", "paper_resnet50", "paper_resnet50_dense"),
    "network.votes": ("tree", "dieleman", "sigmoid"),
}
_AUGMENTATIONS = ("d4", "turn", "mirror", "seeing")
_NUMBERS = ("momentum", "weight_decay", "factor", "alpha", "average", "calibration", "label_fraction", "joint")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of a training.

    Parameters
    ----------
    name : str
        Name of the recipe: ``"quick"``, ``"paper"``, ``"best"``.
    epochs : int
        Passes over the training objects.
    batch : int
        Objects per step.
    optimiser : {"sgd", "adamw"}
        Stochastic gradient descent with momentum, or AdamW.
    learning_rates : mapping of str to float
        Highest learning rate of each layer group: ``{"encoder": 1e-3, "head": 1e-2}``.
    momentum : float
        Momentum of ``"sgd"``.
    weight_decay : float
        Weight decay of the optimiser.
    schedule : {"constant", "cosine", "one_cycle"}
        Learning rate as a function of the step (`galviz.nn.training.module.rate`).
    patience : int
        Multiply the learning rate by `factor` after this many epochs without a new lowest validation loss. 0: never.
    factor : float
        See `patience`. In (0, 1].
    stop_after : int
        End the training after this many epochs without a new lowest validation loss. 0: never.
    keep : {"last", "best"}
        Weights that are saved: the last ones, or those with the lowest validation loss. That loss is biased low, since
        it selected the weights.
    average : float
        Decay per step of the moving average of the weights, in [0, 1); 0.99 averages about the last 100 steps. The
        averaged weights are validated, saved and used for predictions. 0: no average.
    loss : {"mse", "mse_std", "gaussian_nll", "cross_entropy", "lsgan", "lsgan_masked"}
        ``"mse_std"`` is Liang et al. (2020), eq. 1, with weight `alpha`. With ``"gaussian_nll"`` the network also
        estimates its own error (`galviz.nn.training.losses.gaussian_nll`). The GAN losses are described in
        `galviz.nn.gan.adversaries.Adversaries`.
    alpha : float
        Weight of the scatter in ``"mse_std"`` (0 gives the MSE), weight of the hidden bands in ``"lsgan_masked"``, or
        β of ``"gaussian_nll"``.
    calibration : float
        Fraction of the training objects that is reserved for calibration, in [0, 1). ``"gaussian_nll"`` scales its
        intervals until they contain the truth of these objects at the nominal rate.
    augment : tuple of str
        ``"d4"``: one of the eight rotations and flips, drawn for every image; ``"turn"``: any angle, flips and zoom;
        ``"mirror"``: random left–right flips, for pictures with an upright direction; ``"seeing"``: random blur of up
        to 0.3 pixels, slightly different in each band.
    normalise : {"asinh", "asinh_global", "noise", "minmax", "none"}
        Pixel scaling: asinh with constants per band; asinh with the same constants for all bands; asinh in units of
        the noise of each image; each image scaled to 0…1; or none (pictures).
    precision : {"32-true", "bf16-mixed"}
        Floating-point precision. ``"bf16-mixed"`` is faster on a GPU.
    tta : int
        Test-time augmentation: number of D4 views averaged in a prediction, 1 to 8.
    offset : str
        A catalogue column for a linear baseline. A straight line through the training objects predicts the target from
        this column first; the network learns the remainder, and predictions are the sum. ``""``: none. A cutout of a
        fixed size in Mpc needs a redshift anyway: with ``"z"`` the network need not infer it from the pixel size.
    folds : int
        Number of folds to which objects are assigned by their ids, or by their groups. 1: nothing is held out. 0:
        objects whose catalogue column ``split`` is ``"test"`` are held out.
    fold : int
        The fold that is held out, counted from 0.
    label_fraction : float
        Fraction of the training objects whose labels are used, in (0, 1].
    repeat : bool
        If True, labelled objects are repeated up to the number of objects with all labels, so that every
        `label_fraction` takes the same number of steps.
    joint : float
        Weight of the band classification that is learned together with the target, from the same encoder. 0: the
        target alone. Images without labels, and those beyond `label_fraction`, are used as well.
    frozen : bool
        If True, the encoder keeps its initial weights.
    seed : int
        Seed of the initial weights, the order of the objects, and all other random numbers.
    network : mapping
        How the network is built: width, head, … (`galviz.nn.networks.cutout_network.build`).
    """

    name: str
    epochs: int
    batch: int
    learning_rates: Mapping[str, float]
    optimiser: str = "adamw"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    patience: int = 0
    factor: float = 0.5
    stop_after: int = 0
    keep: str = "last"
    average: float = 0.0
    loss: str = "mse"
    alpha: float = 0.0
    calibration: float = 0.0
    augment: tuple[str, ...] = ()
    normalise: str = "asinh"
    precision: str = "32-true"
    tta: int = 1
    offset: str = ""
    folds: int = 5
    fold: int = 0
    label_fraction: float = 1.0
    repeat: bool = False
    joint: float = 0.0
    frozen: bool = False
    seed: int = 0
    network: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rates = {group: float(rate) for group, rate in self.learning_rates.items()}
        numbers = {key: float(getattr(self, key)) for key in _NUMBERS}
        own = {"augment": tuple(self.augment), "learning_rates": rates, "network": dict(self.network), **numbers}
        for key, value in own.items():
            object.__setattr__(self, key, value)
        for key, choices in CHOICES.items():
            value = own["network"].get(key.partition(".")[2], choices[0]) if "." in key else getattr(self, key)
            _expect(value in choices, key, f"one of {', '.join(choices)}", value)
        for key in ("epochs", "batch", "tta"):
            _expect(getattr(self, key) >= 1, key, "at least 1", getattr(self, key))
        for key in ("patience", "stop_after"):
            _expect(getattr(self, key) >= 0, key, "0 or more", getattr(self, key))
        _expect(0 < self.factor <= 1, "factor", "a number in (0, 1]", self.factor)
        watched = self.keep == "best" or self.patience or self.stop_after
        _expect(self.folds >= 0, "folds", "0 or more", self.folds)
        _expect(not watched or self.folds != 1, "folds", "at least 2", self.folds)
        _expect(0 <= self.average < 1, "average", "a number in [0, 1)", self.average)
        _expect(0 <= self.calibration < 1, "calibration", "a number in [0, 1)", self.calibration)
        gaussian = self.loss == "gaussian_nll"
        _expect(not self.calibration or gaussian, "calibration", f"0 with the loss {self.loss}", self.calibration)
        _expect(self.joint >= 0, "joint", "0 or more", self.joint)
        _expect(0 <= self.fold < max(self.folds, 1), "fold", f"0 to {max(self.folds, 1) - 1}", self.fold)
        _expect(self.tta <= 8, "tta", "1 to 8 views", self.tta)
        _expect(0 < self.label_fraction <= 1, "label_fraction", "a number in (0, 1]", self.label_fraction)
        for how in self.augment:
            _expect(how in _AUGMENTATIONS, "augment", f"some of {', '.join(_AUGMENTATIONS)}", how)
        _expect(1 <= own["network"].get("stages", 1) <= 4, "network.stages", "1 to 4", own["network"].get("stages"))
        _expect(own["network"].get("clip", 0) >= 0, "network.clip", "0 or more", own["network"].get("clip"))
        for group, rate in rates.items():
            _expect(rate > 0, f"learning_rates.{group}", "a positive number", rate)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed. The new values are checked."""
        return replace(self, **changes)

    def with_settings(self, settings: Iterable[str]) -> Self:
        """Return a copy with fields changed by texts from the command line.

        Parameters
        ----------
        settings : iterable of str
            ``"epochs=3"``, ``"network.width=8"``, ``"learning_rates.head=1e-3"``, ``"augment=d4"`` (comma separated).

        Returns
        -------
        Recipe

        Raises
        ------
        ValueError
            If a key does not exist or a value is not of its type; the message names near keys.
        """
        changes: dict[str, Any] = {}
        for setting in settings:
            key, found, text = setting.partition("=")
            _expect(bool(found), "set", "key=value", setting)
            top, value = self._changed(key.strip(), text.strip(), changes)
            changes[top] = value
        return self.replace(**changes)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the recipe that `to_json` described.

        Raises
        ------
        ValueError
            If a field is missing, has the wrong type, or is not known to this version.
        """
        strange = sorted(content.keys() - {f.name for f in fields(cls)})
        known = "only fields that this version knows (a newer one may have made it: start anew what is running)"
        _expect(not strange, "recipe", known, strange)
        missing = sorted({f.name for f in fields(cls) if f.default is f.default_factory is MISSING} - content.keys())
        _expect(not missing, "recipe", "all fields without a default", f"none of {missing}")
        check_fields(content, get_type_hints(cls), "recipe")
        return cls(**content)

    def _changed(self, key: str, text: str, changes: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the field that a dotted key belongs to, and its new value on top of earlier `changes`."""
        top, _, inner = key.partition(".")
        names, old = [f.name for f in fields(self)], changes.get(top, getattr(self, top, None))
        if top not in names or (inner not in old if isinstance(old, Mapping) else inner):
            dotted = [f"{n}.{k}" for n in names if isinstance(getattr(self, n), Mapping) for k in getattr(self, n)]
            known = [n for n in names if not isinstance(getattr(self, n), Mapping)] + dotted
            near = difflib.get_close_matches(key, known, n=3) or known
            raise ValueError(f"set: expected a field of the recipe, got {key!r}. Near it: {', '.join(near)}.")
        return top, {**old, inner: _parse(key, text, old[inner])} if inner else _parse(key, text, old)


def _parse(key: str, text: str, like: Any) -> Any:
    """Parse `text` as a value with the type of `like`."""
    if isinstance(like, bool):
        _expect(text.lower() in {"true", "false"}, key, "true or false", text)
        return text.lower() == "true"
    if isinstance(like, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(like, int | float):
        kind = int if isinstance(like, int) else float
        try:
            return kind(text)
        except ValueError as error:
            wanted = "a whole number" if kind is int else "a number"
            raise ValueError(f"{key}: expected {wanted}, got {text!r}.") from error
    return text


def _expect(ok: bool, key: str, expected: str, got: Any) -> None:  # noqa: FBT001 - reads as a sentence
    if not ok:
        raise ValueError(f"{key}: expected {expected}, got {got!r}.")
