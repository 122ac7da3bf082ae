"""Any column of real pictures: the general recipes against 40 lines of timm, on the same held-out objects.

``python tests/bench/own_column.py --data shared/data/galaxyzoo_kaggle_spiral`` learns ``spiral`` from 800 galaxies and
prints one JSON line a case: accuracy and area under the ROC curve of the 200 others, with 95 % intervals from a
bootstrap, and wall and CPU time of everything from the pictures in memory to the predictions. ``finetune``,
``probe`` and ``plain`` start from the same ImageNet weights and see the same pictures, as large as ``galviz ingest``
makes them; ``probe`` keeps the weights.
With several parts, others are held out in each, and all of them are judged together. ``--choose`` holds out a quarter
of the training galaxies instead: recipes are chosen with it, so the others decide nothing.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy

from galviz.io.tables import read_table
from galviz.measure.metrics import bootstrap
from galviz.nn.networks.timm_encoder import _installed
from galviz.nn.training.train import train
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.writing import write_pictures
from galviz.sky.readers.zoo import folder_of_pictures
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

COLUMN = "spiral"
PLAIN = {"epochs": 12, "batch": 32, "rate": 1e-3}


def sky_of(data: Path, folder: Path, *, crop: int, size: int) -> CutoutSet:
    """Read the middle of the pictures at another size."""
    table = read_table(data / "labels.csv", id_column="GalaxyID").table
    write_pictures(folder / "sky", folder_of_pictures(data / "images", table), crop=crop, size=size)
    return CutoutSet.open(folder / "sky")


def divided(sky: CutoutSet, part: int, trained: int, *, choose: bool) -> CutoutSet:
    """Return the sky with a column ``split``: `trained` galaxies and all others, or a part of the first alone."""
    order = np.roll(np.random.default_rng(1).permutation(len(sky)), part * (len(sky) - trained))
    order, trained = (order[:trained], 3 * trained // 4) if choose else (order, trained)
    catalogue = sky.catalogue.iloc[order].assign(split=np.where(np.arange(len(order)) < trained, "train", "test"))
    return CutoutSet(
        images=sky.images[:][order], bands=sky.bands, catalogue=catalogue, pixel_scale=np.nan, unit=sky.unit
    )


def ours(sky: CutoutSet, name: str, changes: list[str], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and probability of the held-out galaxies, by a recipe."""
    target = Target.of(sky, COLUMN, task="classification")
    recipe = general_recipes("classification", sky.unit, sky.images.shape[-1])[name].with_settings(changes)
    recipe = recipe.replace(validation={"folds": 0})
    run = Run.create(folder / name, study="own", target=target, recipe=recipe, data="sky")
    held = train(run, sky, devices="cpu").predictions().held_out().table
    print(run.metrics().iloc[:, 2:].tail(3).to_string(), flush=True) if changes else None
    return (held[f"{COLUMN}_true"] == "1").to_numpy(int), held["p_1"].to_numpy()


def plain(sky: CutoutSet, **options: float) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and probability of the held-out galaxies, by a fine-tuning as tutorials show it."""
    import timm  # after galviz.nn, which cures torchvision where it must be

    epochs, batch, rate = (options[name] for name in PLAIN)
    torch.manual_seed(0)
    network = timm.create_model("efficientnet_lite0", num_classes=2)
    given = torch.load(_installed("efficientnet_lite0"), weights_only=True)
    own = network.state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    values = [value for name, value in given.items() if not name.endswith("num_batches_tracked")]
    same = {n: v for n, v in zip(names, values, strict=True) if own[n].shape == v.shape}
    network.load_state_dict(same, strict=False)
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    images = (torch.from_numpy(sky.images[:]) - mean) / std
    truth = torch.from_numpy(sky.catalogue[COLUMN].to_numpy(int).copy())
    held = torch.tensor((sky.catalogue["split"] == "test").to_numpy())
    rows = torch.where(~held)[0]
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.05)
    steps = epochs * -(-len(rows) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        network.train()
        for part in rows[torch.randperm(len(rows))].split(batch):
            x = images[part]
            for axis in (2, 3):
                flip = torch.rand(len(part), 1, 1, 1) < 0.5
                x = torch.where(flip, x.flip(axis), x)
            optimiser.zero_grad()
            cross_entropy(network(x), truth[part]).backward()
            optimiser.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        probability = torch.cat([network(x).softmax(1)[:, 1] for x in images[held].split(batch)])
    return truth[held].numpy(), probability.numpy()


def measured(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return accuracy and area under the ROC curve, with 95 % intervals."""
    scores = {"accuracy": lambda t, p: np.mean((p > 0.5) == t), "auc": roc_auc_score}
    found = {name: bootstrap(score, truth, probability, n=500) for name, score in scores.items()}
    ends = {name: {"": one.value, "_low": one.low, "_high": one.high} for name, one in found.items()}
    return {f"{name}{end}": round(float(value), 4) for name, each in ends.items() for end, value in each.items()}


def main() -> None:
    """Print one JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", default=["quick", "probe", "finetune", "plain"])
    parser.add_argument("--crop", type=int, default=424)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--parts", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--trained", type=int, default=800)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--plain-epochs", type=int, default=PLAIN["epochs"])
    parser.add_argument("--plain-rate", type=float, default=PLAIN["rate"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sky = sky_of(args.data, Path(folder), crop=args.crop, size=args.size)
        for case in args.cases:
            found, wall, cpu = [], 0.0, 0.0
            for k in args.parts:
                part = divided(sky, k, args.trained, choose=args.choose)
                start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
                if case == "plain":
                    found.append(plain(part, **PLAIN | {"epochs": args.plain_epochs, "rate": args.plain_rate}))
                else:
                    found.append(ours(part, case, args.set, Path(folder) / str(k)))
                after = resource.getrusage(resource.RUSAGE_SELF)
                wall += time.perf_counter() - start
                cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            times = {"wall_s": round(wall, 1), "cpu_s": round(cpu, 1)}
            truth, probability = (np.concatenate(values) for values in zip(*found, strict=True))
            line = {"case": case, "size": args.size, "trained": args.trained, "parts": args.parts}
            print(json.dumps(line | measured(truth, probability) | times), flush=True)


if __name__ == "__main__":
    main()
