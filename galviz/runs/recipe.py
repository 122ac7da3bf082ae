"""How a network is trained: plain data that a study declares, a page makes a form of, and `galviz.nn` obeys."""

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
    """How a network is trained.

    Parameters
    ----------
    name : str
        Name of the recipe: ``"quick"``, ``"paper"``, ``"best"``.
    epochs : int
        Passes over the training objects.
    batch : int
        Objects a step.
    optimiser : {"sgd", "adamw"}
        How weights follow gradients.
    learning_rates : mapping of str to float
        Highest learning rate of each layer group: ``{"encoder": 1e-3, "head": 1e-2}``.
    momentum : float
        Of ``"sgd"``: how much of the last step goes into the next.
    weight_decay : float
        How strongly weights are drawn to zero.
    schedule : {"constant", "cosine", "one_cycle"}
        Learning rate against step.
    patience : int
        The learning rate is multiplied by `factor` after so many epochs without a new lowest validation loss; 0: never.
    factor : float
        See `patience`.
    stop_after : int
        The training ends after so many epochs without a new lowest validation loss; 0: never.
    keep : {"last", "best"}
        Which weights are kept: those at the end, or those of the lowest validation loss, which then is too good.
    average : float
        Decay of the moving average of the weights, a step, in [0, 1): with 0.99 that of about the last 100 steps. It is
        what is measured, kept and predicted with; 0: the weights themselves.
    loss : {"mse", "mse_std", "gaussian_nll", "cross_entropy", "lsgan", "lsgan_masked"}
        ``"mse_std"`` is Liang et al. (2020), eq. 1, with weight `alpha`; with ``"gaussian_nll"`` a network estimates
        its own error too (`galviz.nn.training.losses.gaussian_nll`); those of GANs are described in
        `galviz.nn.gan.adversaries.Adversaries`.
    alpha : float
        Weight of the scatter in ``"mse_std"``, where 0 gives the MSE, or of hidden bands in ``"lsgan_masked"``; β of
        ``"gaussian_nll"``.
    calibration : float
        Part of the training objects that is not learned from, in [0, 1): ``"gaussian_nll"`` widens its intervals until
        they hold the truth of these as often as they say.
    augment : tuple of str
        ``"d4"``: the eight rotations and flips, drawn anew for every image; ``"turn"``: any angle, flips and zoom;
        ``"mirror"``: left and right exchanged or not, for pictures that have an upper side; ``"seeing"``: blurred by
        up to 0.3 pixels, each band a little differently.
    normalise : {"asinh", "asinh_global", "noise", "minmax", "none"}
        How pixels are scaled: asinh with constants of each band; with the same for all bands; asinh in units of the
        noise of each image; each image to 0…1; or not (pictures).
    precision : {"32-true", "bf16-mixed"}
        Of the arithmetic; ``"bf16-mixed"`` is faster on a GPU.
    tta : int
        Views averaged in a prediction (1, or up to 8 of D4).
    offset : str
        A column of the catalogue from which the target is told first, by a line through the training objects; the
        network learns what is left, and predictions are of both together. ``""``: none. An image that is cut at a size
        in Mpc needs a redshift anyway: then ``"z"`` spares the network to guess it from the size of the pixels.
    folds : int
        Parts into which objects are dealt by their ids, or by their groups; 1: nothing is held out; 0: what the
        catalogue's column ``split`` calls ``"test"`` is.
    fold : int
        Which of the parts is held out, from 0.
    label_fraction : float
        Part of the training objects whose labels are used, in (0, 1].
    repeat : bool
        True where objects with labels are repeated up to the number there is with all labels: then every
        `label_fraction` takes the same steps.
    joint : float
        Weight of naming the band in a loss that is learned at once with the target from one encoder; 0: the target
        alone. The images of objects without labels, and of those beyond `label_fraction`, are used too.
    frozen : bool
        True where the encoder keeps the weights that it starts with.
    seed : int
        Of the first weights, the order of the objects, and all other random numbers.
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
        """Give the same recipe with some fields changed, checked anew."""
        return replace(self, **changes)

    def with_settings(self, settings: Iterable[str]) -> Self:
        """Change fields as the command line gives them.

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
        """Give the fields as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Make a recipe from what `to_json` gave.

        Raises
        ------
        ValueError
            If a field is missing or has another type, or one is there that this version does not know.
        """
        strange = sorted(content.keys() - {f.name for f in fields(cls)})
        known = "only fields that this version knows (a newer one may have made it: start anew what is running)"
        _expect(not strange, "recipe", known, strange)
        missing = sorted({f.name for f in fields(cls) if f.default is f.default_factory is MISSING} - content.keys())
        _expect(not missing, "recipe", "all fields without a default", f"none of {missing}")
        check_fields(content, get_type_hints(cls), "recipe")
        return cls(**content)

    def _changed(self, key: str, text: str, changes: Mapping[str, Any]) -> tuple[str, Any]:
        """Give the field that a key belongs to, and its new value after other `changes`."""
        top, _, inner = key.partition(".")
        names, old = [f.name for f in fields(self)], changes.get(top, getattr(self, top, None))
        if top not in names or (inner not in old if isinstance(old, Mapping) else inner):
            dotted = [f"{n}.{k}" for n in names if isinstance(getattr(self, n), Mapping) for k in getattr(self, n)]
            known = [n for n in names if not isinstance(getattr(self, n), Mapping)] + dotted
            near = difflib.get_close_matches(key, known, n=3) or known
            raise ValueError(f"set: expected a field of the recipe, got {key!r}. Near it: {', '.join(near)}.")
        return top, {**old, inner: _parse(key, text, old[inner])} if inner else _parse(key, text, old)


def _parse(key: str, text: str, like: Any) -> Any:
    """Read `text` as a value of the type of `like`."""
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
