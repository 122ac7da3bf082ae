"""Cluster members from colours, and stars among objects: real catalogues, no images. And the diagram of them.

``python tests/bench/members.py --case drag`` drags the red sequence of a colour–magnitude diagram in Chromium: pointer
moved → the new report of all regions is shown, at 10⁴ and 10⁶ galaxies, with the line shifted and tilted.

``python tests/bench/members.py --data shared/data`` prints one JSON line a case: purity, completeness and F1 with 95 %
intervals. All objects are held out once, with their whole cluster (S-PLUS) or spectroscopic plate (SDSS), from boosted
trees, or a forest where the case says so; whole clusters or plates are resampled for the intervals. ``gain`` is the F1
minus that of the boosted trees with colours alone. ``published`` is the classification of the catalogue's authors,
from photometric redshifts and more; its training is not known to be apart from these galaxies.

The regions lie along the red sequence of all galaxies in rest-frame (g − r) against the absolute magnitude in r. These
two need the redshift of a galaxy: they divide the report, and nothing is learned from them.
"""

import argparse
import json
import re
import sys
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.class_scores import class_scores, scores_by_region
from galviz.measure.metrics import bootstrap
from galviz.measure.red_sequence import REGIONS, fit_red_sequence, region_of
from galviz.nn.baselines.general import COLUMNS, CONSTANT, table_baselines
from galviz.nn.baselines.richness import out_of_fold
from galviz.runs.folds import assign_folds
from galviz.sky.groups import groups_of
from galviz.tasks.target import Target

SPLUS_BANDS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")
BROAD = ("u", "g", "r", "i", "z")
MEMBER = Target("member", "classification", ("member",), "cluster member")
KIND = Target("class", "classification", ("class",), "class")


def colours(table: pd.DataFrame, bands: tuple[str, ...]) -> dict[str, pd.Series]:
    """Return the colours of bands that follow each other."""
    return {f"{a} - {b}": table[a] - table[b] for a, b in pairwise(bands)}


def splus(folder: Path) -> pd.DataFrame:
    """Read 1,838 galaxies in the fields of 101 clusters; 99 stands for a magnitude that was not measured."""
    file = next((folder / "splus_clusters").glob("cluster.gals*.dat"))
    raw = pd.read_csv(file, sep=r"\s+", comment="#", header=None, na_values=["99.0000"])
    table = raw[range(2, 14)].set_axis(SPLUS_BANDS, axis=1)
    more = {"member": 1 - raw[21], "M_r": raw[25], "g - r rest": raw[26], "distance": raw[27], "z cluster": raw[37],
            "group": raw[38].astype(str), "z photo": raw[29], "published": 1 - raw[40]}  # fmt: skip
    return table.assign(**more).set_axis([f"galaxy-{k}" for k in range(len(raw))])


def skyserver(folder: Path) -> pd.DataFrame:
    """Read 10,000 SDSS objects, grouped by spectroscopic plate."""
    table = pd.read_csv(folder / "sdss_skyserver_10k" / "skyserver_10k.csv")
    return table[[*BROAD, "class"]].assign(group=table["plate"].astype(str)).set_axis(
        [f"object-{k}" for k in range(len(table))]
    )  # fmt: skip


def learned(table: pd.DataFrame, target: Target, features: dict[str, pd.Series], method: str = COLUMNS) -> np.ndarray:
    """Return the class of each object by a model that did not see its group."""
    catalogue = table[["group", target.name]].assign(**features)
    found = table_baselines(catalogue, target, list(features))[method].table
    return found.loc[table.index, target.name].to_numpy(object)


def forest(table: pd.DataFrame, features: dict[str, pd.Series]) -> np.ndarray:
    """Return which galaxies are members by a random forest, on the folds of `learned`."""

    def make() -> RandomForestClassifier:
        return RandomForestClassifier(300, min_samples_leaf=5, random_state=0)

    truth = table["member"].astype(str).to_numpy(object)
    fold = assign_folds(groups_of(table), 5)
    return out_of_fold(make, pd.DataFrame(features).to_numpy(), truth, fold)


def numbers(row: pd.Series) -> dict[str, object]:
    """Return scores as value and interval; None where undefined."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else round(float(value), 4)

    names = {"purity": "precision", "completeness": "recall", "f1": "f1"}
    found = {name: [plain(row[f"{of}{end}"]) for end in ("", "_low", "_high")] for name, of in names.items()}
    return found | {"support": int(row["support"])}


def gain(truth: np.ndarray, estimate: np.ndarray, base: np.ndarray, groups: np.ndarray) -> list[float]:
    """Return how much larger F1 is than that of another estimate for the same objects."""

    def f1(truth: np.ndarray, yes: np.ndarray) -> float:
        return 2 * np.sum(truth * yes) / (truth.sum() + yes.sum())

    def difference(truth: np.ndarray, both: np.ndarray) -> float:
        return f1(truth, both % 2) - f1(truth, both // 2)

    found = bootstrap(difference, truth.astype(int), 2 * base.astype(int) + estimate.astype(int), groups=groups)
    return [round(float(value), 4) for value in (found.value, found.low, found.high)]


def members(table: pd.DataFrame) -> None:
    group, truth = table["group"].to_numpy(), table["member"].astype(str).to_numpy(object)
    fit = fit_red_sequence(table["M_r"], table["g - r rest"], pivot=-21.0, groups=group)
    region = region_of(fit.sequence, table["M_r"], table["g - r rest"])
    line = {name: [round(v, 4) for v in (found.value, found.low, found.high)]
            for name in ("slope", "intercept", "scatter") for found in [getattr(fit, name)]}  # fmt: skip
    show("red sequence", line | {"pivot": -21, "share": round(fit.share, 3), "galaxies": fit.objects})
    broad = colours(table, BROAD)
    distance, magnitude, z = ({name: table[name]} for name in ("distance", "r", "z cluster"))
    narrow, every = colours(table, SPLUS_BANDS), distance | magnitude | z
    cases = {
        "colours": broad,
        "colours, distance": broad | distance,
        "colours, magnitude": broad | magnitude,
        "colours, distance, magnitude": broad | distance | magnitude,
        "colours, cluster redshift": broad | z,
        "colours, distance, magnitude, cluster redshift": broad | every,
        "all, photo-z": broad | every | {"z photo - cluster": table["z photo"] - table["z cluster"]},
        "12-band colours": narrow,
        "12-band colours, distance, magnitude, cluster redshift": narrow | every,
    }
    base = learned(table, MEMBER, broad)
    makers = {"all are members": partial(learned, table, MEMBER, broad, CONSTANT)}
    makers |= {name: partial(learned, table, MEMBER, features) for name, features in cases.items()}
    makers |= {f"forest: {name}": partial(forest, table, cases[name]) for name in list(cases)[:7]}
    makers["published"] = lambda: table["published"].astype(str).to_numpy(object)
    for name, make in makers.items():
        estimate = make()
        found = class_scores(truth, estimate, ("0", "1"), groups=group, averages=True)
        better = gain(truth == "1", estimate == "1", base == "1", group)
        parts = scores_by_region(truth, estimate, region, ("0", "1"), [one.name for one in REGIONS], groups=group)
        accuracy = found.loc["accuracy", ["f1", "f1_low", "f1_high"]].astype(float).round(4).tolist()
        by_region = {one.name: {"galaxies": int(parts.loc[(one.name, "accuracy"), "support"])}
                     | numbers(parts.loc[(one.name, "1")]) for one in REGIONS}  # fmt: skip
        show(name, {"member": numbers(found.loc["1"]), "accuracy": accuracy, "gain": better, "regions": by_region})


def stars(table: pd.DataFrame) -> None:
    group, truth = table["group"].to_numpy(), table["class"].to_numpy(object)
    cases = {"colours": colours(table, BROAD), "colours, magnitude": colours(table, BROAD) | {"r": table["r"]}}
    for name, features in cases.items():
        estimate = learned(table, KIND, features)
        found = class_scores(truth, estimate, tuple(np.unique(truth)), groups=group)
        taken = pd.Series(truth[estimate == "STAR"]).value_counts().to_dict()
        show(f"stars, {name}", {"star": numbers(found.loc["STAR"]), "taken for stars": taken})


def many(rows: int) -> pd.DataFrame:
    """Return synthetic galaxies of a cluster and behind it, with a prediction and its probability."""
    rng = np.random.default_rng(0)
    member = rng.random(rows) < 0.4
    r = 14 + 6 * rng.power(3, rows)
    red = rng.random(rows) < np.where(member, 0.8, 0.3)
    colour = np.where(red, rng.normal(1.6 - 0.03 * (r - 17), 0.06), rng.normal(1.0, 0.25, rows))
    chance = 1 / (1 + np.exp(-rng.normal(np.where(member, 1.2, -1.2), 1.2)))
    names = np.array(["field", "member"], dtype=object)
    table = {"g": r + 0.7 * colour, "r": r, "z": r - 0.3 * colour, "kind_true": names[member.astype(int)],
             "kind": names[(chance >= 0.5).astype(int)], "p_member": chance, "p_field": 1 - chance}  # fmt: skip
    return pd.DataFrame(table, index=pd.Index(np.arange(rows).astype(str), name="object_id"))


PAGE = """
import panel as pn
from members import many
from galviz.tasks.pair import pair_of
from galviz.tools.diagram.view import DiagramView
from galviz.tools.selection.core import Selection
pn.extension()
rows = int(pn.state.session_args["rows"][0])
table = pn.state.as_cached(f"table {rows}", many, rows=rows)
view = DiagramView(table, pair_of(table, "kind_true", "kind"), Selection(table))
pn.Column(view, height=700, sizing_mode="stretch_width").servable()
"""
DRAG = """async (svg, [part, moves]) => {
  svg.setPointerCapture = () => {};
  const root = svg.closest('.galviz-diagram'), target = svg.querySelector(part);
  const shown = () => root.querySelector('.regions tbody').textContent;
  const box = target.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const at = (type, up) => (type === 'pointerdown' ? target : svg).dispatchEvent(new PointerEvent(type,
    { clientX: x, clientY: y - up, bubbles: true, pointerId: 1, button: 0 }));
  at('pointerdown', 0);
  const times = [];
  for (let k = 0; k < moves; k += 1) {
    await new Promise((done) => setTimeout(done, 60));
    const before = shown(), start = performance.now();
    at('pointermove', 3 + (k * 37) % 80);
    while (shown() === before && performance.now() - start < 5000) await new Promise((done) => setTimeout(done, 1));
    times.push(performance.now() - start);
  }
  at('pointerup', 0);
  return times;
}"""


def drag() -> None:
    """Pointer moved → the report of all regions is the new one, in Chromium."""
    tests = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(tests / "browser"), str(tests)]
    from conftest import FLAGS
    from pages import serving
    from playwright.sync_api import sync_playwright

    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{PAGE}"
    with tempfile.TemporaryDirectory() as home, serving(Path(home), script) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for rows in (10**4, 10**6):
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.goto(f"{url}?rows={rows}")
            page.locator(".galviz-diagram .hit").wait_for(timeout=300_000)
            page.locator(".galviz-diagram [role=status]", has_text=re.compile("^$")).wait_for(
                timeout=300_000, state="attached"
            )
            svg = page.get_by_role("img", name="Colour–magnitude diagram")
            for name, part in (("shift", ".hit"), ("tilt", ".end")):
                times = np.array(svg.evaluate(DRAG, [part, 60]))
                show(f"drag, {name}, {rows:,} galaxies", {
                    "p50_ms": round(float(np.median(times)), 1), "p95_ms": round(float(np.quantile(times, 0.95)), 1),
                    "worst_ms": round(float(times.max()), 1)})  # fmt: skip
                page.wait_for_timeout(3000)
            page.close()
        browser.close()


def show(case: str, found: dict[str, object]) -> None:
    print(json.dumps({"bench": "members", "case": case, **found}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--case", choices=("colours", "drag"), default="colours")
    given = parser.parse_args()
    if given.case == "drag":
        drag()
    elif given.data is None:
        parser.error("--data: expected the folder of the catalogues. Give it, or --case drag.")
    else:
        members(splus(given.data))
        stars(skyserver(given.data))
