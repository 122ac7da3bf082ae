"""Cluster members by pictures, by colours and by both, in fields that nothing was learned from.

``python tests/bench/member_pictures.py --data SKY --test OTHER`` prints one JSON line a case: purity, completeness and
F1 of the members of OTHER, with 95 % intervals from a bootstrap of its fields, and the CPU seconds of the training.
Both skies come from ``galviz mock members``, with different seeds. Planted stars are learned as their labels say; none
is among the objects that are judged.

``stars`` takes the objects of OTHER that are labelled members, some of which are planted stars, and ranks them by how
little their light extends, and by how little the network of ``pictures`` trusts the label. It prints the share of stars
that is found among as many objects as there are stars, and the purity at which half of them are found.
"""

import argparse
import json
import resource
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.class_scores import class_scores
from galviz.measure.compare import suspects
from galviz.nn.baselines import members as baselines
from galviz.runs.run import Run
from galviz.sky import perseus
from galviz.sky.cutouts import CutoutSet
from galviz.studies import members, predict, train

TARGET = members.TARGET
COLOURS = f"data.columns={','.join(perseus.COLOURS)}"
FORESTS = {
    "forest, colours": baselines.colours,
    "forest, shape": baselines.shape,
    "forest, colours and shape": baselines.colours_and_shape,
}
NETWORKS = {
    "pictures": ("quick", []),
    "pictures and colours": ("with_colours", []),
    "grey pictures": ("grey", []),
    "grey pictures and colours": ("grey", [COLOURS]),
}


def labels(sky: CutoutSet) -> np.ndarray:
    """Return the label of each object, None where it has none."""
    codes = sky.catalogue["member"].map({0.0: "0", 1.0: "1"})
    return codes.where(codes.notna(), None).to_numpy(object)


def row(case: str, test: CutoutSet, estimate: np.ndarray, cpu: float | None = None) -> dict[str, object]:
    """The scores of the members, of galaxies alone."""
    galaxy = (test.catalogue["kind"] != "star").to_numpy()
    field = test.catalogue["field"].to_numpy()[galaxy]
    found = class_scores(labels(test)[galaxy], estimate[galaxy], ("0", "1"), groups=field).loc["1"]
    names = {"purity": "precision", "completeness": "recall", "f1": "f1"}
    ends = ("", "_low", "_high")
    line = {name: [round(float(found[f"{of}{end}"]), 3) for end in ends] for name, of in names.items()}
    return {"bench": "member_pictures", "case": case} | line | ({} if cpu is None else {"cpu_s": round(cpu, 1)})


def seconds() -> float:
    """CPU seconds so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def by_forest(name: str, sky: CutoutSet, test: CutoutSet) -> dict[str, object]:
    """The scores of a forest."""
    known = np.flatnonzero(pd.notna(labels(sky)))
    features, estimator = FORESTS[name](sky, known, TARGET)
    estimator.fit(features, labels(sky)[known].astype(str))
    return row(name, test, estimator.predict(FORESTS[name](test, np.arange(len(test)), TARGET)[0]).astype(object))


def by_network(name: str, sky: CutoutSet, folder: Path) -> tuple[Run, float]:
    """A network that learned all of a sky, and the CPU seconds that it took."""
    start, (recipe, changes) = seconds(), NETWORKS[name]
    recipe = members.RECIPES[recipe].with_settings(changes).replace(validation={"folds": 1})
    run = Run.create(folder / name.replace(" ", "-"), study="members", target=TARGET, recipe=recipe, data="sky")
    return train(run, sky, devices="cpu"), seconds() - start


def stars(test: CutoutSet, predicted: pd.DataFrame) -> list[dict[str, object]]:
    """How many planted stars are found among the objects that are labelled members."""
    member = np.flatnonzero(labels(test) == "1")
    star = (test.catalogue["kind"] == "star").to_numpy()[member]
    chances = predicted[["p_0", "p_1"]].set_axis(["0", "1"], axis=1).iloc[member]
    trust = suspects(pd.Series("1", index=chances.index), chances).loc[chances.index]
    ranks = {
        "light of small extent": -test.catalogue["extent"].to_numpy()[member],
        "little trust": -trust.to_numpy(float),
        "by chance": np.random.default_rng(0).random(len(member)),
    }
    lines = []
    for name, rank in ranks.items():
        purity, found, _ = precision_recall_curve(star, rank)
        first = np.argsort(-rank, kind="stable")[: star.sum()]
        lines.append(
            {"bench": "member_pictures", "case": f"stars: {name}", "stars": int(star.sum()), "labelled": len(member)}
            | {"found_among_as_many": round(float(star[first].mean()), 3)}
            | {"purity_at_half": round(float(purity[found >= 0.5].max()), 3)}
        )
    return lines


def main() -> None:
    """Print one JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--cases", nargs="+", default=["simple", *NETWORKS])
    args = parser.parse_args()
    sky, test = (CutoutSet.open(path) for path in (args.data, args.test))
    if "simple" in args.cases:
        show(row("all are members", test, np.full(len(test), "1", dtype=object)))
        for name in FORESTS:
            show(by_forest(name, sky, test))
    with tempfile.TemporaryDirectory() as kept:
        for name in (one for one in args.cases if one != "simple"):
            run, cpu = by_network(name, sky, Path(kept))
            predicted = predict(run, test).table.loc[test.object_ids]
            show(row(name, test, predicted["member"].to_numpy(object), cpu))
            for line in stars(test, predicted) if name == "pictures" else ():
                show(line)


def show(line: dict[str, object]) -> None:
    """Print a JSON line."""
    print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
