"""Galaxy Zoo's 37 vote fractions from colour pictures, and the merger fraction as a function of a threshold."""

from galviz.runs.recipe import Recipe
from galviz.sky import galaxy_zoo
from galviz.studies import Mock, Study
from galviz.tasks.target import Target

PAPER = "Goh (2022), Lab 3: Galaxy Image Classification and the Galaxy Merger Rate"
BANDS = ("red", "green", "blue")

# The estimate is the vote fraction for a merger. The other 36 are further columns of the predictions.
TARGET = Target(galaxy_zoo.MERGER, "votes", galaxy_zoo.COLUMNS, "vote fraction for a merger")
TARGETS = {"votes": TARGET}

# As published (sections 2.3, 3.2, 3.3, 4 and 5): pixels as they are; Adam, rate 0.001, batches of 128, at most 100
# epochs, lower rate and early stopping by the validation loss, best weights kept, a fifth held out; ResNet-50 begins
# with ImageNet's weights; the optimised network learns from pictures that are rotated before they are shrunk to 68
# pixels, which takes a sky of larger pictures. The paper does not give the dropout of the optimised network, nor the
# activation that obeys the tree. Adam is "adamw" without weight decay.
_PUBLISHED = {
    "epochs": 100,
    "batch": 128,
    "optimiser": {"name": "adamw", "learning_rates": {"encoder": 1e-3, "head": 1e-3}},
    "data": {"normalise": "none"},
    "validation": {"folds": 5, "keep": "best", "patience": 6, "factor": 0.5, "stop_after": 20},
}
_OURS = {
    "optimiser": {
        "name": "adamw",
        "learning_rates": {"encoder": 3e-3, "head": 3e-3},
        "weight_decay": 0.02,
        "schedule": "one_cycle",
    },
    "data": {"normalise": "none", "augment": ("turn",), "tta": 8},
}

RECIPES = {
    # Minutes on a laptop.
    "quick": Recipe(
        name="quick",
        epochs=40,
        batch=64,
        **_OURS,
        network={"architecture": "resnet18", "votes": "tree", "width": 16, "stem": "imagenet", "dropout": 0.2},
    ),
    "paper": Recipe(
        name="paper", **_PUBLISHED, network={"architecture": "paper_cnn", "pixels": 68, "votes": "sigmoid"}
    ),
    "paper_resnet50": Recipe(
        name="paper_resnet50",
        **_PUBLISHED,
        network={"architecture": "paper_resnet50", "pixels": 68, "pretrained": "imagenet", "votes": "sigmoid"},
    ),
    "paper_optimised": Recipe(
        name="paper_optimised",
        **_PUBLISHED,
        network={
            "architecture": "paper_resnet50_dense",
            "pixels": 68,
            "pretrained": "imagenet",
            "votes": "dieleman",
            "clipped": 10_000,
            "dropout": 0.2,
        },
    ).replace(data={"augment": ("turn",)}, validation={"patience": 4, "factor": 0.4, "stop_after": 15}),
    "best": Recipe(
        name="best",
        epochs=60,
        batch=128,
        **_OURS,
        network={"architecture": "resnet18", "votes": "tree", "width": 64, "stem": "small", "dropout": 0.3},
    ),
}

STUDY = Study(
    name="mergers",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    about_recipes={
        "paper_optimised": "As in the paper. To rotate pictures before they are shrunk to 68 pixels, make the sky of "
        "larger ones (galviz ingest zoo --size 204).",
    },
    mock=Mock(
        write="galviz.sky.mock:write_mergers_sky", size=68, about="colour pictures of galaxies, and votes about them"
    ),
    ingest=("zoo FOLDER --out SKY", "takes pictures and votes as Galaxy Zoo has them"),
    tabs={"threshold": "galviz.pages.threshold_page:threshold_tab"},
    first=("threshold",),
    opens_tables=True,
)
