"""Recipes: how a network is trained, as plain data.

A study declares recipes, a page shows them as a form, and `galviz.nn` trains with them. ``docs/recipe.md`` and
``galviz recipe`` list all settings.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import Field, field, fields
from typing import Any, Self

from galviz.runs.settings import Group, about, declared, parsed, setting, settings

_RATES = Mapping[str, float]
IMAGES = ("regression", "classification", "pretext")
ARCHITECTURES = {  # the tasks of each; a GAN is only trained by the study that has one
    "resnet18": (*IMAGES, "votes"),
    "wide_resnet50": IMAGES,
    "paper_cnn": ("votes",),
    "paper_resnet50": ("votes",),
    "paper_resnet50_dense": ("votes",),
    "lsgan": (),
}
_TIMM, _GAN = "timm", "lsgan"
_TASKS_OF_TIMM = (*IMAGES, "votes")
NORMALISE = ("asinh", "asinh_global", "noise", "minmax", "standard", "pretrained", "none")
SCHEDULES = ("constant", "cosine", "one_cycle", "sgdr", "exponential")
_RESNET18, _OURS = ("resnet18",), ("resnet18", "wide_resnet50")
_PAPERS = ("paper_cnn", "paper_resnet50", "paper_resnet50_dense")
_VOTES = tuple(name for name, tasks in ARCHITECTURES.items() if "votes" in tasks)


@settings
class Network(Group):
    """How the network is built. Each architecture has its own options; others are refused."""

    architecture: str = setting(
        "resnet18",
        "Encoder: ResNet-18 of any width; torchvision's wide ResNet-50; the networks of Goh (2022) for votes; a GAN "
        "with its embedder; or any architecture of timm, such as convnext_tiny or timm/resnet18.",
        choices=tuple(ARCHITECTURES),
        pattern=r"(timm/)?[a-z][a-z0-9_]*",
    )
    pretrained: str = setting(
        "",
        "Initial weights of an architecture of timm, or of Goh's ResNet-50: a file, a run folder, a tag or model of "
        "the Hugging Face hub, or imagenet. Empty: random weights.",
        architectures=("paper_resnet50", "paper_resnet50_dense", _TIMM),
    )
    pooling: str = setting(
        "last",
        "Features that the head gets. last: those of the last layer, the mean over each map; mean_max: mean and "
        "maximum of each map; blocks: mean and scatter of the maps of all blocks, for a frozen timm encoder.",
        choices=("last", "mean_max", "blocks"),
        architectures=(*_OURS, _TIMM),
        tasks=IMAGES,
    )
    pixels: int = setting(
        0,
        "Images are resized to this many pixels on a side before the encoder, after the augmentation. An architecture "
        "of timm only shrinks larger ones. 0: they are not resized.",
        low=0,
        architectures=("resnet18", *_PAPERS, _TIMM),
    )
    views: int = setting(
        1,
        "Rotations and flips of an image whose features are averaged in the network.",
        low=1,
        high=8,
        architectures=(_TIMM,),
        tasks=IMAGES,
    )
    centre: float = setting(
        0.0,
        "Add the features of the middle of the image, this share of its width, to those of the whole. 0: they are not.",
        low=0,
        below=1,
        architectures=(_TIMM,),
        tasks=IMAGES,
    )
    width: int = setting(
        64,
        "Channels of the first stage; ResNet-18 has 64. In a GAN: channels of the smallest feature map.",
        low=1,
        architectures=("resnet18", "lsgan"),
    )
    stem: str = setting(
        "imagenet",
        "First layers. imagenet: stride 4, as published; small: stride 2, for images up to about 64 pixels; fine: "
        "stride 1, for galaxies of about one pixel.",
        choices=("imagenet", "small", "fine"),
        architectures=_RESNET18,
    )
    stages: int = setting(
        4,
        "Stages of the encoder. Fewer stages have a smaller receptive field and need fewer images.",
        low=1,
        high=4,
        architectures=_RESNET18,
        tasks=IMAGES,
    )
    replicate: bool = setting(
        default=False,
        help="Repeat a single band to three equal channels, as published.",
        architectures=_RESNET18,
        tasks=IMAGES,
    )
    apart: bool = setting(
        default=True,
        help="True: the encoder takes each band alone. False: it takes all bands as channels.",
        architectures=(*_OURS, _TIMM),
        tasks=IMAGES,
    )
    head: str = setting(
        "compact",
        "Layers from features to the predicted number. compact: one hidden layer; dropout: 512 hidden numbers with "
        "batch norm and dropout, as Wu & Boada (2019) have after pooling=mean_max; as_published: those of Liang et al. "
        "(2020). Not used for classes, which have one linear layer.",
        choices=("compact", "dropout", "as_published"),
        architectures=(*_OURS, _TIMM),
        tasks=IMAGES,
    )
    standardise: bool = setting(
        default=True,
        help="True: the head predicts a number in units of its scatter, from its mean on. False: it predicts the "
        "number itself, so learning rates mean what they mean in a paper. The head as_published always does.",
        architectures=(*_OURS, _TIMM),
        tasks=("regression",),
    )
    clip: float = setting(
        0.0,
        "Clip scaled pixels to −clip … clip, so that a very bright star does not dominate. 0: no clipping.",
        low=0,
        architectures=(*_OURS, _TIMM),
        tasks=IMAGES,
    )
    votes: str = setting(
        "tree",
        "How vote fractions are made to obey the question tree: exactly; as Dieleman et al. (2015) do; or not at all "
        "(independent sigmoids).",
        choices=("tree", "dieleman", "sigmoid"),
        architectures=(*_VOTES, _TIMM),
        tasks=("votes",),
    )
    clipped: int = setting(
        0,
        "Number of images at the start of the training for which votes=dieleman only clips each answer to 0…1. Divided "
        "by their sum from the first step, some questions do not learn.",
        low=0,
        architectures=(*_VOTES, _TIMM),
        tasks=("votes",),
    )
    dropout: float = setting(
        0.0,
        "Fraction of the features that is dropped at random before the last layers in training.",
        low=0,
        below=1,
        architectures=("resnet18", "paper_resnet50_dense", _TIMM),
        tasks=("votes",),
    )
    latent: int = setting(64, "Numbers in the latent vector of an image.", low=1, architectures=("lsgan",))
    groups: int = setting(
        4, "Groups of the group norm in discriminator and embedder. 0: no norm.", low=0, architectures=("lsgan",)
    )
    softening: float = setting(
        0.0,
        "Softening of the asinh that scales the pixels, in units of their noise. 0: a linear scale, as published.",
        low=0,
        architectures=("lsgan",),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        used = self.used_fields()
        for one in fields(self):
            if one not in used and getattr(self, one.name) != one.default:
                raise ValueError(self._refusal(one, f"the architecture {self.architecture}"))

    @property
    def is_timm(self) -> bool:
        """Whether the encoder is an architecture of timm."""
        return self.architecture not in ARCHITECTURES

    @property
    def timm_name(self) -> str:
        """Name of the architecture in timm."""
        return self.architecture.removeprefix("timm/")

    def used_fields(self) -> tuple[Field, ...]:
        """Return the fields that the architecture has."""
        return _fields_of(self.architecture)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some options changed. With another architecture, options that it lacks are left out."""
        architecture = changes.get("architecture", self.architecture)
        used = _fields_of(architecture)
        lost = {one.name: one.default for one in fields(self) if one not in used}
        if architecture in ARCHITECTURES and self.is_timm and self.pooling == "blocks":
            lost["pooling"] = "last"
        return super().replace(**lost | changes)

    def check_task(self, task: str) -> None:
        """Raise a ValueError if the architecture, or an option that was changed, does not fit a task.

        Parameters
        ----------
        task : str
            ``"regression"``, ``"classification"``, ``"votes"`` or ``"pretext"``.
        """
        if task not in {name for tasks in ARCHITECTURES.values() for name in tasks}:
            return  # a task of someone else, who knows what fits it
        if task not in ARCHITECTURES.get(self.architecture, _TASKS_OF_TIMM):
            fitting = ", ".join(name for name, tasks in ARCHITECTURES.items() if task in tasks)
            raise ValueError(f"network.architecture: expected one of {fitting} for {task}, got {self.architecture}.")
        for one in self.used_fields():
            if task not in (about(one).tasks or (task,)) and getattr(self, one.name) != one.default:
                raise ValueError(self._refusal(one, task))
        blocks = self.pooling == "blocks" and not self.is_timm
        _expect(not blocks, "network.pooling", f"last or mean_max for {self.architecture}", self.pooling)

    def _refusal(self, one: Field, whose: str) -> str:
        return f"{self.key(one.name)}: expected none for {whose}, got {getattr(self, one.name)!r}. Leave it out."


def _fields_of(architecture: str) -> tuple[Field, ...]:
    architecture = architecture if architecture in ARCHITECTURES else _TIMM
    return tuple(one for one in fields(Network) if architecture in (about(one).architectures or (architecture,)))


@settings
class Optimiser(Group):
    """How weights are changed from step to step."""

    name: str = setting("adamw", "Stochastic gradient descent with momentum (sgd), or AdamW.", choices=("sgd", "adamw"))
    learning_rates: _RATES = setting(
        {"encoder": 1e-3, "head": 1e-3},
        "Highest learning rate of each layer group: encoder, head; or generator, discriminator, embedder.",
        above=0,
    )
    momentum: float = setting(0.9, "Momentum of sgd.", low=0, below=1)
    weight_decay: float = setting(0.0, "Weight decay.", low=0)
    schedule: str = setting(
        "constant",
        "Learning rate as a function of the step: constant; cosine, half a cosine down to 0; one_cycle, up and down; "
        "sgdr, a cosine that restarts in every cycle (Loshchilov & Hutter 2017); exponential, e^(−decay·t).",
        choices=SCHEDULES,
    )
    decay: float = setting(0.9, "Of exponential: in one unit of t the rate falls to e^(−decay) of itself.", above=0)
    decay_epochs: float = setting(
        20.0,
        "Epochs in one unit of t of exponential. 20: t is epoch / 20. 1: t is the epoch itself; then a decay of 0.9 "
        "makes the rate a ten-thousandth in ten epochs.",
        above=0,
    )
    cycle_epochs: int = setting(1, "Epochs of the first cycle of sgdr.", low=1)
    cycle_mult: int = setting(
        2,
        "Each cycle of sgdr is this many times as long as the one before it. With 2, three cycles take 1 + 2 + 4 "
        "epochs.",
        low=1,
    )
    first_epochs: int = setting(
        0,
        "Epochs at the start that have a schedule of their own, first_schedule. The other schedule takes the rest.",
        low=0,
    )
    first_schedule: str = setting("constant", "Schedule of the first_epochs.", choices=SCHEDULES)
    average: float = setting(
        0.0,
        "Decay per step of the moving average of the weights; 0.99 averages about the last 100 steps. The averaged "
        "weights are validated, saved and used for predictions. 0: no average.",
        low=0,
        below=1,
    )
    layer_decay: float = setting(
        1.0,
        "Learning rate of each block of the encoder as a fraction of the next one's. 1: the same for all.",
        above=0,
        high=1,
    )
    early_rate: float = setting(
        1.0,
        "Learning rate of the first half of the encoder's blocks as a fraction of the second half's. With 0.1, encoder "
        "0.01 and head 0.1, three layer groups learn at 0.001, 0.01 and 0.1. 1: the same for both.",
        above=0,
        high=1,
    )
    freeze_epochs: int = setting(0, "Epochs at the start in which the encoder keeps its initial weights.", low=0)
    freeze_blocks: int = setting(
        0, "Blocks of the encoder, from the first on, that keep their initial weights in the whole training.", low=0
    )
    frozen: bool = setting(default=False, help="Keep the encoder's initial weights; only the head learns.")


@settings
class Loss(Group):
    """What a training minimises."""

    name: str = setting(
        "mse",
        "Numbers: mse; mae; huber, squared within 1 σ of the truth; rmse, the root of the mean "
        "square of the whole batch; mse_std, Liang et al. (2020), eq. 1, with weight "
        "alpha; gaussian_nll, where the network also estimates its own error. Classes: cross_entropy; focal, for rare "
        "classes. Votes: mse; binomial; dirichlet_multinomial, for numbers of votes, where the network also says how "
        "sure it is. GANs: lsgan; lsgan_masked, which also learns from hidden bands.",
        choices=(
            *("mse", "mae", "huber", "rmse", "mse_std", "gaussian_nll", "cross_entropy", "focal"),
            *("binomial", "dirichlet_multinomial", "lsgan", "lsgan_masked"),
        ),
    )
    alpha: float = setting(
        0.0,
        "Weight of the scatter in mse_std (0 gives mse), weight of the hidden bands in lsgan_masked, or β of "
        "gaussian_nll, or γ of focal (0 means 2).",
    )
    scatter: str = setting(
        "absolute",
        "Errors whose scatter mse_std adds. absolute: std(|Y − Ŷ|), as in eq. 1 of Liang et al. (2020); signed: "
        "std(Y − Ŷ), which their tables call Sigma.",
        choices=("absolute", "signed"),
        tasks=("regression", "votes"),
    )
    smoothing: float = setting(
        0.0,
        "Label smoothing of cross_entropy: this much of the probability is spread over all classes.",
        low=0,
        below=1,
        tasks=("classification", "pretext"),
    )
    class_weights: bool = setting(
        default=False,
        help="Let all classes count the same in the loss, however rare they are.",
        tasks=("classification",),
    )
    joint: float = setting(
        0.0,
        "Weight of the band classification that is learned together with the target, from the same encoder, also from "
        "images without labels. 0: the target alone.",
        low=0,
    )
    calibration: float = setting(
        0.0,
        "Fraction of the training objects that is reserved for calibration. gaussian_nll scales its intervals until "
        "they contain the truth of these objects at the nominal rate; classifiers scale their probabilities.",
        low=0,
        below=1,
    )


@settings
class Data(Group):
    """Which objects are learned from, and what is done to their images."""

    normalise: str = setting(
        "asinh",
        "Pixel scaling. asinh: constants per band; asinh_global: the same constants for all bands; noise: asinh in "
        "units of the noise of each image; minmax: each image to 0…1; standard: mean and scatter of each band, "
        "for pictures; pretrained: mean and scatter of the pictures that the encoder was trained on; none: unchanged.",
        choices=NORMALISE,
    )
    grey: str = setting(
        "",
        "Learn from grey images, in training and in predictions. luminance: 0.299 red + 0.587 green + 0.114 blue, or "
        "the mean of other bands; or the name of a band, such as green, which is r in pictures of SDSS. All bands get "
        "these pixels. Empty: in colour.",
        tasks=("regression", "classification", "votes"),
    )
    augment: tuple[str, ...] = setting(
        (),
        "Random changes of every image. d4: one of the eight rotations and flips; turn: any angle, flips and zoom; "
        "zoom: up to 10 % larger or smaller; mirror: left–right flips; seeing: blur of up to 0.3 pixels.",
        choices=("d4", "turn", "zoom", "mirror", "seeing"),
    )
    tta: int = setting(
        1, "Test-time augmentation: number of rotated and flipped views averaged in a prediction.", low=1, high=8
    )
    offset: str = setting(
        "",
        "Catalogue column for a linear baseline. A straight line predicts the target from this column first; the "
        "network learns the rest. Empty: none.",
    )
    weights: str = setting(
        "", "Catalogue column with the weight of each object in the loss. Empty: all count the same."
    )
    errors: str = setting(
        "",
        "Catalogue column with the error of the truth, σ. Objects count as 1 / (σ² + median σ²). Empty: all the same.",
    )
    columns: tuple[str, ...] = setting(
        (),
        "Catalogue columns with numbers that the network gets beside the picture, such as magnitudes. Objects may lack "
        "them. Empty: the picture alone.",
        tasks=("regression", "classification", "votes"),
    )
    vote_count: str = setting(
        "",
        "Catalogue column with the number of volunteers who voted on each object. dirichlet_multinomial needs it if "
        "the votes are fractions.",
        tasks=("votes",),
    )
    label_fraction: float = setting(1.0, "Fraction of the training objects whose labels are used.", above=0, high=1)
    repeat: bool = setting(
        default=False,
        help="Repeat labelled objects up to the number of objects with all labels, so that every label_fraction takes "
        "the same number of steps.",
    )


@settings
class Validation(Group):
    """Which objects are held out, and what their loss decides."""

    folds: int = setting(
        5,
        "Number of folds to which objects are assigned by their ids, or by their groups. 1: nothing is held out. 0: "
        "objects whose catalogue column split is test are held out.",
        low=0,
    )
    fold: int = setting(0, "The fold that is held out, counted from 0.", low=0)
    keep: str = setting(
        "last",
        "Weights that are saved: the last ones, or those with the lowest validation loss. That loss is biased low, "
        "since it selected the weights.",
        choices=("last", "best"),
    )
    patience: int = setting(
        0,
        "Multiply the learning rate by factor after this many epochs without a new lowest validation loss. 0: never.",
        low=0,
    )
    factor: float = setting(0.5, "See patience.", above=0, high=1)
    stop_after: int = setting(
        0, "End the training after this many epochs without a new lowest validation loss. 0: never.", low=0
    )


@settings
class Fit(Group):
    """How a GAN's best fits are made, for latents, redshifts and the tab Repair. Other architectures have none."""

    steps: int = setting(
        100, "Steps of Adam, from the embedder's guess on. Murray et al. (2019) give no number.", low=0, high=100_000
    )
    restarts: int = setting(
        1,
        "Starting points of a fit: the embedder's guess, and others at random. The best of the fits is kept.",
        low=1,
        high=32,
    )
    polish: int = setting(
        0, "Gauss–Newton steps after those of Adam. Each takes as long as latent / 2 steps of Adam.", low=0, high=1000
    )
    prior: float = setting(
        0.0, "Weight of ‖z‖², which draws latents to 0. With weighting=noise, 1 gives the most probable latent.", low=0
    )
    weighting: str = setting(
        "equal",
        "Weights of pixels. equal: all the same, as published; noise: the inverse variance of the sky in each band of "
        "an image, in the generator's scale.",
        choices=("equal", "noise"),
    )
    regressor: str = setting(
        "boosting",
        "How redshifts are learned from latents: boosted trees of scikit-learn, or a search over pipelines by TPOT, as "
        "published (extra automl).",
        choices=("boosting", "tpot"),
    )
    minutes: float = setting(10.0, "Time limit of TPOT's search, for each fold.", above=0)


@settings
class Recipe(Group):
    """All settings of a training. A group may be given as a mapping: ``Recipe(…, validation={"folds": 3})``."""

    name: str = setting(..., "Name of the recipe: quick, paper, best.")
    epochs: int = setting(..., "Passes over the training objects.", low=1)
    batch: int = setting(..., "Objects per step.", low=1)
    seed: int = setting(
        0, "Seed of the initial weights, the order of the objects, and all other random numbers.", low=0
    )
    precision: str = setting(
        "32-true",
        "Floating-point precision. bf16-mixed is faster on a GPU.",
        choices=("32-true", "bf16-mixed"),
    )
    network: Network = field(default_factory=Network)
    optimiser: Optimiser = field(default_factory=Optimiser)
    loss: Loss = field(default_factory=Loss)
    data: Data = field(default_factory=Data)
    validation: Validation = field(default_factory=Validation)
    fit: Fit = field(default_factory=Fit)

    def __post_init__(self) -> None:
        super().__post_init__()
        validation, loss = self.validation, self.loss
        last = max(validation.folds, 1) - 1
        _expect(validation.fold <= last, "validation.fold", f"0 to {last}", validation.fold)
        watched = validation.keep == "best" or validation.patience or validation.stop_after
        _expect(not watched or validation.folds != 1, "validation.folds", "at least 2, or 0", validation.folds)
        gaussian = loss.name == "gaussian_nll"
        calibrated = gaussian or loss.name in ("cross_entropy", "focal")
        _expect(
            not loss.calibration or calibrated, "loss.calibration", f"0 with the loss {loss.name}", loss.calibration
        )
        for one in () if self._fits else fields(self.fit):
            value, architecture = getattr(self.fit, one.name), self.network.architecture
            _expect(value == one.default, Fit.key(one.name), f"none for the architecture {architecture}", value)

    @property
    def _fits(self) -> bool:
        return self.network.architecture == _GAN

    def used_fields(self) -> tuple[Field, ...]:
        """Return the fields that the architecture has: settings of best fits are a GAN's."""
        return tuple(one for one in fields(self) if self._fits or one.name != "fit")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed. With another architecture, settings that it lacks are left out."""
        self._refuse_strange(changes)
        network = changes.get("network", self.network)
        network = self.network.replace(**network) if isinstance(network, Mapping) else network
        if self._fits and network.architecture != _GAN:
            changes = {"fit": Fit()} | changes
        return super().replace(**changes)

    @classmethod
    def key(cls, name: str) -> str:
        """Return the key of a field outside the groups: its name."""
        return name

    def with_settings(self, texts: Iterable[str]) -> Self:
        """Return a copy with settings changed by texts from the command line.

        Parameters
        ----------
        texts : iterable of str
            ``"epochs=3"``, ``"network.width=8"``, ``"data.augment=d4,seeing"``; see `full_key` for shorter keys.

        Returns
        -------
        Recipe

        Raises
        ------
        ValueError
            If a key does not exist or a value is not of its type; the message names near keys.
        """
        changes: dict[str, Any] = {}
        kinds, keys = {key: one.type for key, one in declared(type(self))}, []
        for text in texts:
            key, found, value = (part.strip() for part in text.partition("="))
            _expect(bool(found), "set", "key=value", text)
            keys.append(key := self.full_key(key))
            group, name, inner = self._parts(key)
            into = changes.setdefault(group, {}) if group else changes
            if inner:
                old = into.get(name) or getattr(getattr(self, group), name)
                into[name] = {**old, inner: parsed(key, value, float)}
            else:
                into[name] = parsed(key, value, kinds[key])
        changed = self.replace(**changes)
        for key in keys:
            if key not in changed.flat():
                architecture = changed.network.architecture
                raise ValueError(f"{key}: expected none for the architecture {architecture}. Leave it out.")
        return changed

    def full_key(self, key: str) -> str:
        """Return the key of a setting with its group, from a key that may lack it.

        ``"folds"`` is ``"validation.folds"``, ``"learning_rates.head"`` is ``"optimiser.learning_rates.head"``, and
        ``"loss"`` is ``"loss.name"``.

        Raises
        ------
        ValueError
            If there is no such setting; the message names near ones.
        """
        used = self.flat()
        full = dict.fromkeys([*used, *(key for key, one in declared(type(self)) if one.type is not _RATES)])
        known = {key.partition(".")[2]: key for key in full if "." in key and not key.endswith(".name")}
        known |= {key.removesuffix(".name"): key for key in full} | dict(zip(full, full, strict=True))
        if key not in known:
            near = difflib.get_close_matches(key, [short for short in known if known[short] in used], n=3) or used
            listed = ", ".join(dict.fromkeys(known[one] for one in near))
            raise ValueError(f"set: expected a setting of the recipe, got {key!r}. Similar names: {listed}.")
        return known[key]

    def _parts(self, key: str) -> tuple[str, str, str]:
        """Return group, name and key inside a mapping ("" if there is none) of a full key."""
        first, _, rest = key.partition(".")
        group, rest = (first, rest) if isinstance(getattr(self, first), Group) else ("", key)
        name, _, inner = rest.partition(".")
        return group, name, inner


def _expect(ok: bool, key: str, expected: str, got: Any) -> None:  # noqa: FBT001 - reads as a sentence
    if not ok:
        raise ValueError(f"{key}: expected {expected}, got {got!r}.")
