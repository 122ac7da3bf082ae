"""Classification of colour pictures, with or without an encoder that was pre-trained on the order of the channels."""

from galviz.runs.recipe import Recipe
from galviz.studies import Pretraining, Study
from galviz.tasks.target import Target

PAPER = "Liang et al. (2020), Optical Wavelength Guided Self-Supervised Feature Learning, arXiv:2012.02368, section S1"
BANDS = ("red", "green", "blue")
TARGET = Target("class", "classification", ("class",), "class")
TARGETS = {"class": TARGET, "order": Target("order", "pretext", (), "order of the channels")}

# The paper gives only the network. Rates and epochs are those of its band classification (sections 2.3 and 3.1).
_PUBLISHED = {"width": 64, "stem": "imagenet", "apart": False}
_NARROW = {"width": 16, "stem": "small", "apart": False}
_OURS = {"name": "adamw", "weight_decay": 0.05, "schedule": "one_cycle"}
_MIRRORED = {"normalise": "none", "augment": ("mirror",), "tta": 2}

RECIPES = {
    # Minutes on a laptop, for pictures of 32 pixels.
    "quick": Recipe(
        name="quick",
        epochs=15,
        batch=64,
        network=_NARROW,
        optimiser=_OURS | {"learning_rates": {"encoder": 3e-3, "head": 3e-3}},
        loss={"name": "cross_entropy"},
        data=_MIRRORED,
    ),
    "paper": Recipe(
        name="paper",
        epochs=100,
        batch=32,
        network=_PUBLISHED,
        optimiser={"name": "sgd", "learning_rates": {"encoder": 1e-4, "head": 1e-4}},
        loss={"name": "cross_entropy"},
        data={"normalise": "none"},
        validation={"folds": 0},  # the test pictures of the data set
    ),
    "best": Recipe(
        name="best",
        epochs=60,
        batch=128,
        network=_NARROW | {"width": 64},
        optimiser=_OURS | {"learning_rates": {"encoder": 2e-3, "head": 2e-3}},
        loss={"name": "cross_entropy"},
        data=_MIRRORED,
    ),
}

# The pretext task: an epoch shows each picture in all orders of its channels, so fewer epochs are needed.
ORDER_RECIPES = {
    "quick": RECIPES["quick"].replace(epochs=5, batch=128, data={"tta": 1}),
    "paper": RECIPES["paper"],
    "best": RECIPES["best"].replace(epochs=20, batch=256, data={"tta": 1}),
}

# Every label fraction takes the same number of steps. Otherwise few labels would also mean little training.
SWEEP_RECIPES = {"quick": RECIPES["quick"].replace(data={"repeat": True, "tta": 1}), "paper": RECIPES["paper"]}
SWEEP_ORDER_RECIPES = {"quick": ORDER_RECIPES["quick"], "paper": ORDER_RECIPES["paper"]}

STUDY = Study(
    name="channels",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    other_recipes={"order": ORDER_RECIPES},
    ingest=("classes FOLDER --out SKY", "takes colour pictures in a folder for each class, CIFAR-10 or CUB-200"),
    pretraining=Pretraining(
        target="order", recipes=SWEEP_ORDER_RECIPES, base=SWEEP_RECIPES, cross_validated=("paper",)
    ),
    tabs={"labels": "galviz.pages.sweeps:labels_tab"},
)
