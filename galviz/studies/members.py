"""Cluster members, distinguished from background galaxies by their pictures."""

from galviz.runs.recipe import Recipe
from galviz.sky.perseus import COLOURS, SHORT
from galviz.studies import Baseline, Mock, Study
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

PAPER = (
    "Pruitt & Romanowsky, Cluster Galaxy Classification Using the Perseus Cluster With a Convolutional Neural Network, "
    "with the classes of Wittmann et al. (2019), ApJS 245, 10"
)
BANDS = ("red", "green", "blue")  # i, r, g of SDSS
TARGET = Target(
    "member",
    "classification",
    ("member",),
    "cluster member",
    classes=("0", "1"),
    positive="1",
    words=("not a member", "member"),
)
TARGETS = {
    "member": TARGET,
    "seven": Target("class", "classification", ("class",), "class", classes=tuple(SHORT.values())),
}

_BALANCED = {"name": "cross_entropy", "class_weights": True}

# As published (slides "Training"): batches of 20, 200 epochs, rate 0.8 e^(−0.9 t), the best epoch kept. The slides do
# not say what t is: with t = epoch the training is over after ten epochs, so here t = epoch / 20, and `as_written` is
# the formula as it stands. ResNet-50 is from the authors' abstract (Rubin 2024); the optimiser is not stated. A quarter
# is held out, and whole fields of it. The slides turn every image 15 times before the split, so that images of an
# object are on both sides of it; here images are turned while the network learns, after the split.
_PUBLISHED = Recipe(
    name="as_published",
    epochs=200,
    batch=20,
    network={"architecture": "timm/resnet50", "pretrained": "imagenet", "apart": False},
    optimiser={
        "name": "sgd",
        "momentum": 0.0,
        "learning_rates": {"encoder": 0.8, "head": 0.8},
        "schedule": "exponential",
        "decay": 0.9,
        "decay_epochs": 20.0,
    },
    loss=_BALANCED,
    data={"normalise": "pretrained", "augment": ("turn",)},
    validation={"folds": 4, "keep": "best"},
)
_QUICK = Recipe(
    name="quick",
    epochs=20,
    batch=32,
    network={"architecture": "resnet18", "width": 16, "stem": "small", "apart": False},
    optimiser={
        "name": "adamw",
        "learning_rates": {"encoder": 3e-3, "head": 3e-3},
        "weight_decay": 0.05,
        "schedule": "one_cycle",
    },
    loss=_BALANCED,
    data={"normalise": "standard", "augment": ("turn",), "tta": 8},
)
_GENERAL = general_recipes("classification", "display", 64)

RECIPES = {
    # Minutes on a laptop, and the same from the luminance of the pictures.
    "quick": _QUICK,
    "grey": _QUICK.replace(name="grey", data={"grey": "luminance"}),
    # With magnitude and colours of the catalogue beside the picture.
    "with_colours": _QUICK.replace(name="with_colours", data={"columns": COLOURS}),
    "as_published": _PUBLISHED,
    "as_written": _PUBLISHED.replace(name="as_written", optimiser={"decay_epochs": 1.0}),
    **{name: _GENERAL[name].replace(loss=_BALANCED) for name in ("best", "finetune")},
}

_ABOUT = {
    "quick": "Colour pictures, turned by any angle; minutes on a laptop.",
    "grey": "As quick, from the luminance of the pictures alone: what colour adds.",
    "with_colours": "As quick, with r, g − r and g − z of the catalogue beside the picture.",
    "as_published": "As on the slides: ResNet-50, batches of 20, rate 0.8 e^(−0.9 t) with t = epoch / 20. For a GPU.",
    "as_written": "As as_published, with t = epoch: the rate is next to nothing after ten epochs.",
    "best": "A network four times as wide, for many objects and a GPU.",
    "finetune": "An encoder that was trained on everyday pictures; for a few hundred objects.",
}

_BASELINES = "galviz.nn.baselines.members"
_FOREST = "random forest, 300 trees with leaves of at least 5, on "

STUDY = Study(
    name="members",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    about_recipes=_ABOUT,
    baselines={
        "colours": Baseline(make=f"{_BASELINES}:colours", about=f"{_FOREST}the catalogue's r, g − r and g − z"),
        "shape": Baseline(
            make=f"{_BASELINES}:shape",
            about=f"{_FOREST}size, elongation, concentration, asymmetry and clumps in the middle band",
        ),
        "colours and shape": Baseline(make=f"{_BASELINES}:colours_and_shape", about=f"{_FOREST}both"),
    },
    mock=Mock(
        write="galviz.sky.mock:write_members_sky",
        size=64,
        about="colour pictures of galaxies in the fields of clusters, with their colours and classes",
    ),
    ingest=(
        "FOLDER --clean members --column class=CLASS r=RMAG g=GMAG z=ZMAG --out SKY",
        "reads pictures with a table such as that of Wittmann et al. (2019), and makes the cuts of the slides",
    ),
    clean="galviz.measure.cluster_galaxies:clean",
    tabs={
        "explore": "galviz.pages.explore_page:explore_tab",
        "sweeps": "galviz.pages.sweeps:labels_tab",
        "threshold": "galviz.pages.threshold_page:threshold_tab",
    },
    opens_tables=True,
)
