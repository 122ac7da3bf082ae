"""Richness of galaxy clusters from five-band images, with or without an encoder pre-trained to classify bands."""

from galviz.runs.recipe import Recipe
from galviz.studies import Baseline, Mock, Pretraining, Study
from galviz.tasks.target import Target

PAPER = "Liang et al. (2020), Optical Wavelength Guided Self-Supervised Feature Learning, arXiv:2012.02368"
BANDS = ("u", "g", "r", "i", "z")
TARGET = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
TARGETS = {
    "richness": TARGET,
    "log10_richness": Target("log10_richness", "regression", ("richness",), "λ", transform="log10"),
    "linear_richness": Target("linear_richness", "regression", ("richness",), "λ"),
    "z_richness": Target("z_richness", "regression", ("richness",), "λ", transform="zscore"),
    "band": Target("band", "pretext", (), "band"),
}

# From the paper: SGD, momentum, rates and 100 epochs of band classification (sections 2.3 and 3.1), its split of 4:1
# and ten folds of the regression (3.1), images of 224 pixels (3.4), and the head (table S2). Not in the paper and our
# choice: batch, weight of the scatter, epochs of the regression, pixel scaling (each image to 0…1, because the flux
# scale alone would reveal the band), augmentation (none).
_PUBLISHED = {"width": 64, "stem": "imagenet", "pixels": 224, "replicate": True, "apart": True, "head": "as_published"}
_NARROW = {"width": 16, "stem": "imagenet", "replicate": False, "apart": False, "head": "compact"}
_ADAMW = {"name": "adamw", "weight_decay": 0.05, "schedule": "one_cycle"}

RECIPES = {
    # Minutes on a laptop: a narrow encoder that takes all bands as channels.
    "quick": Recipe(
        name="quick",
        epochs=20,
        batch=64,
        network=_NARROW,
        optimiser=_ADAMW | {"learning_rates": {"encoder": 3e-3, "head": 3e-3}},
        data={"normalise": "asinh", "augment": ("d4",), "tta": 8},
    ),
    "paper": Recipe(
        name="paper",
        epochs=100,
        batch=32,
        network=_PUBLISHED,
        optimiser={"name": "sgd", "learning_rates": {"encoder": 5e-6, "head": 5e-6}},
        loss={"name": "mse_std", "alpha": 1.0},
        data={"normalise": "minmax"},
        validation={"folds": 10},
    ),
    # A cutout of 1 Mpc needs a redshift, which already constrains richness, since poor clusters are not detected far
    # away. So a linear baseline in z comes first. Otherwise the network would infer z from the texture of the pixels,
    # which fails on a field with another seeing. The network is made to count small galaxies: full resolution, two
    # stages, and clipping of bright stars. Weights are averaged, and it estimates its own error.
    "best": Recipe(
        name="best",
        epochs=25,
        batch=64,
        network=_NARROW | {"stem": "fine", "stages": 2, "clip": 4.0},
        optimiser=_ADAMW | {"learning_rates": {"encoder": 2e-3, "head": 2e-3}, "average": 0.99},
        loss={"name": "gaussian_nll", "alpha": 0.5, "calibration": 0.1},
        data={"normalise": "noise", "augment": ("d4", "seeing"), "tta": 8, "offset": "z"},
    ),
}

# The pretext task: which band is this? Each image is scaled on its own, because the flux scale would reveal the band.
_BAND = {
    "loss": {"name": "cross_entropy", "alpha": 0.0, "calibration": 0.0},
    "data": {"normalise": "noise", "tta": 1, "offset": ""},
}
BAND_RECIPES = {
    "quick": RECIPES["quick"].replace(**_BAND, epochs=8, batch=128),
    "paper": RECIPES["paper"].replace(
        loss=_BAND["loss"], optimiser={"learning_rates": {"encoder": 1e-4, "head": 1e-4}}, validation={"folds": 5}
    ),
    "best": RECIPES["best"].replace(**_BAND, epochs=20, batch=256),
}

# A sweep over label fractions compares Base with Ours, so both have the same architecture: one encoder that takes each
# band alone, as pre-training needs, with the same pixel scaling, and a quarter of the published width. Every label
# fraction takes the same number of steps. Otherwise few labels would also mean little training.
_SWEPT = {"network": {"apart": True}, "data": {"normalise": "noise"}}
SWEEP_RECIPES = {
    "quick": RECIPES["quick"].replace(**_SWEPT, epochs=14).replace(data={"tta": 1, "repeat": True}),
    "paper": RECIPES["paper"],
}
SWEEP_BAND_RECIPES = {"quick": BAND_RECIPES["quick"].replace(**_SWEPT, epochs=10), "paper": BAND_RECIPES["paper"]}

STUDY = Study(
    name="richness",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    other_recipes={"band": BAND_RECIPES},
    baselines={
        "flux and counts": Baseline(
            make="galviz.nn.baselines.richness:flux_and_counts",
            about="ridge regression on the summed flux and the number of bright pixels in each band",
        ),
    },
    mock=Mock(
        write="galviz.sky.mock:write_richness_sky",
        size=64,
        about="galaxy clusters in u g r i z",
        over_frames="galviz.sky.mock:write_embedded_sky",
    ),
    ingest=("sdss frame-*.fits.bz2 --tile 25.344 --out SKY", "cuts SDSS frames into a sky"),
    pretraining=Pretraining(target="band", recipes=SWEEP_BAND_RECIPES, base=SWEEP_RECIPES, cross_validated=("paper",)),
    tabs={"labels": "galviz.pages.sweeps:labels_tab"},
)
