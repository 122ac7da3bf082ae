"""Recipes for any target: quick, best, and fine-tuning of a pre-trained encoder."""

from galviz.runs.recipe import Recipe

_LOSSES = {
    "regression": {"name": "gaussian_nll", "alpha": 0.5, "calibration": 0.1},
    "classification": {"name": "cross_entropy", "calibration": 0.1},
    "votes": {"name": "binomial"},
}
_FROZEN = 5  # of efficientnet_lite0: the first convolution, its norm, and three of seven stages
_NARROW = 48  # images with fewer pixels on a side keep more of their resolution


def general_recipes(task: str, unit: str, size: int) -> dict[str, Recipe]:
    """Return recipes for a task, with the pixel scaling that suits the images.

    Parameters
    ----------
    task : str
        Name of a file in `galviz.tasks`; an unknown task has the mean squared error.
    unit : str
        Unit of the pixels. ``"display"``: pictures in 0…1, which are scaled linearly; others by asinh.
    size : int
        Side of the images, pixels.
    """
    loss = _LOSSES.get(task, {"name": "mse"})
    data = {"normalise": "standard" if unit == "display" else "asinh", "augment": ("d4",), "tta": 8}
    network = {"architecture": "resnet18", "width": 16, "stem": "small" if size < _NARROW else "imagenet"}
    if task != "votes":
        network["apart"] = False
    optimiser = {"name": "adamw", "weight_decay": 0.05, "schedule": "one_cycle"}

    def rates(encoder: float, head: float) -> dict[str, object]:
        return optimiser | {"learning_rates": {"encoder": encoder, "head": head}}

    quick = Recipe(
        name="quick", epochs=20, batch=64, network=network, optimiser=rates(3e-3, 3e-3), loss=loss, data=data
    )
    timm = {"architecture": "efficientnet_lite0", "pretrained": "imagenet"}
    finetune = rates(5e-4, 3e-3) | {"layer_decay": 0.8, "average": 0.95}
    scaling = {}
    if unit == "display":
        # The first blocks of an encoder see edges and colours, which galaxies have too. While they are frozen, a step
        # takes less than half the time.
        finetune |= {"freeze_blocks": _FROZEN}
        scaling = {"normalise": "pretrained"}
    else:
        finetune |= {"freeze_epochs": 1}  # fluxes are not the pictures that the encoder knows: all blocks must adapt
    probe = quick.replace(
        name="probe",
        epochs=40,
        network=timm | {"apart": False, "pooling": "blocks", "pixels": 80, "views": 8, "centre": 0.6},
        optimiser={
            "name": "sgd",
            "learning_rates": {"encoder": 1e-3, "head": 10.0},  # the encoder's is not used
            "weight_decay": 1e-3,
            "schedule": "cosine",
            "frozen": True,
        },
        data=scaling | {"augment": (), "tta": 1},  # the views are averaged in the network
    )
    recipes = {
        "quick": quick,
        "best": quick.replace(
            name="best",
            epochs=60,
            batch=128,
            network={"width": 64},
            optimiser={"learning_rates": {"encoder": 2e-3, "head": 2e-3}, "average": 0.99},
        ),
        "finetune": quick.replace(
            name="finetune",
            epochs=12,
            batch=32,
            network=timm if task == "votes" else timm | {"apart": False},
            optimiser=finetune,
            loss={"smoothing": 0.1} if task == "classification" else {},
            data=scaling | {"augment": ("turn",)},
        ),
    }
    return recipes | {"probe": probe} if task == "classification" else recipes
