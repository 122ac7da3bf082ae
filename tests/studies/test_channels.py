import exam
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from galviz import studies
from galviz.measure.metrics import accuracy
from galviz.nn.inference.predict import objects, predict
from galviz.nn.training.data import Samples
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import channels
from galviz.work.question import outputs
from galviz.work.sweep import Plan, Sweep

KINDS = ("bird", "cat", "dog")
ORDERS = ["RGB", "RBG", "GRB", "GBR", "BRG", "BGR"]


@pytest.fixture(scope="module")
def sky():
    """18 pictures with a colour cast: red is brightest, blue darkest; their kind is how bright they are."""
    rng = np.random.default_rng(0)
    kind = np.arange(18) % 3
    cast = np.array([0.6, 0.4, 0.2])[:, None, None] + 0.1 * kind[:, None, None, None]
    ids = pd.Index([f"p{k:02d}" for k in range(18)], name="object_id")
    return CutoutSet(
        images=(cast + rng.normal(0, 0.01, (18, 3, 16, 16))).clip(0, 1).astype(np.float32),
        bands=channels.BANDS,
        catalogue=pd.DataFrame(
            {"class": np.array(KINDS, dtype=object)[kind], "split": ["train"] * 12 + ["test"] * 6}, index=ids
        ),
        pixel_scale=np.nan,
        unit="display",
    )


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, sky, tmp_path):
    question(channels.STUDY, sky, tmp_path)


class Cast(nn.Module):
    """Reads the order of the channels from how bright they are: the first of `ORDERS` is brightest to darkest."""

    def __init__(self):
        super().__init__()
        self.none = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        found = images.mean((2, 3)).argsort(1, descending=True).argsort(1)  # the rank of each channel
        orders = torch.tensor(list(channels.TARGETS["order"].variants(channels.BANDS).values()))
        return (found[:, None] == orders).all(2).float()


def test_the_order_that_is_to_be_told_is_the_one_that_is_shown(sky):
    received = predict(Cast(), sky, channels.TARGETS["order"], channels.ORDER_RECIPES["quick"])
    assert len(received) == 6 * len(sky)
    assert list(dict.fromkeys(received.table.index.get_level_values("order"))) == ORDERS
    assert accuracy(received.truth, received.estimate) == 1


def test_a_picture_is_shown_in_all_orders(sky):
    variants = channels.TARGETS["order"].variants(channels.BANDS)
    samples = Samples(sky.images[:], np.array([5, 2]), None, variants.values())
    assert len(samples) == 12
    batch = samples[0, np.array([9, 0])]
    assert batch["truth"].tolist() == [3, 0]
    np.testing.assert_array_equal(batch["images"], [sky.images[2][[1, 2, 0]], sky.images[5]])  # GBR and RGB


@pytest.mark.slow
def test_the_order_is_learned_and_told_of_all_pictures_that_are_held_out(sky, tmp_path):
    recipe = exam.tiny(channels.ORDER_RECIPES["quick"]).replace(epochs=30, validation={"folds": 0})
    about = {"study": "channels", "target": channels.TARGETS["order"], "recipe": recipe, "data": "x"}
    run = studies.train(Run.create(tmp_path / "run", **about), sky, devices="cpu")
    received = run.predictions().held_out()
    assert sorted(set(received.object_ids)) == [f"p{k:02d}" for k in range(12, 18)]
    assert len(received) == 36
    assert accuracy(received.truth, received.estimate) == run.metrics()["val_accuracy"].iloc[-1] > 0.9
    assert joined(run.predictions())["orders_correct"].max() == 6


@pytest.fixture(scope="module")
def orders_run(tmp_path_factory, sky):
    return exam.trained(channels.STUDY, "order", sky, tmp_path_factory.mktemp("runs") / "orders")


def test_classes_start_from_an_encoder_that_tells_orders_apart(orders_run, sky, tmp_path):
    recipe = exam.tiny(channels.RECIPES["quick"], optimiser={"frozen": True})
    about = {"study": "channels", "target": channels.TARGET, "recipe": recipe, "data": "x"}
    run = Run.create(tmp_path / "run", **about, encoder=str(orders_run.path))
    run = studies.train(run, sky, devices="cpu", encoder=orders_run.path)
    guided, orders = load_file(run.weights), load_file(orders_run.weights)
    for name in [name for name in orders if name.startswith("encoder.")]:
        assert torch.equal(guided[name], orders[name])


@pytest.fixture(scope="module")
def classes_run(tmp_path_factory, sky):
    return exam.trained(channels.STUDY, "class", sky, tmp_path_factory.mktemp("runs") / "classes")


def test_classes_are_told_by_name_with_their_probabilities(classes_run, sky):
    received = Run.open(classes_run.path).predictions()
    table = received.table
    assert received.target.classes == KINDS
    assert table["class_true"].tolist() == sky.catalogue.loc[table.index, "class"].tolist()
    probabilities = table[[f"p_{name}" for name in KINDS]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert table["class"].tolist() == [name.removeprefix("p_") for name in probabilities.idxmax(axis=1)]
    shown = joined(received, sky)
    assert shown["probability"].tolist() == probabilities.max(axis=1).tolist()
    assert shown["correct"].tolist() == (table["class"] == table["class_true"]).astype(float).tolist()


def test_what_can_be_asked_of_a_network_are_its_probabilities(classes_run):
    assert list(outputs(classes_run.target, channels.BANDS)) == [f"probability of {name}" for name in KINDS]
    assert list(outputs(channels.TARGETS["order"], channels.BANDS)) == [f"probability of {name}" for name in ORDERS]


def test_pictures_without_a_known_class_are_told_of_too(classes_run, sky):
    strange = sky.catalogue["class"].where(np.arange(18) > 0).replace({"cat": "horse"})
    blind = CutoutSet(
        images=sky.images,
        bands=sky.bands,
        catalogue=sky.catalogue.assign(**{"class": strange}),
        pixel_scale=np.nan,
        unit="display",
    )
    received = studies.predict(classes_run, blind)
    assert isinstance(received, Predictions)
    known = ~strange.isin(["horse"]) & strange.notna()
    assert received.table["class_true"].notna().tolist() == known.tolist()
    assert joined(received)["correct"].notna().tolist() == known.tolist()
    assert received.table["class"].tolist() == classes_run.predictions().table["class"].tolist()


def test_one_class_alone_is_refused(sky, tmp_path):
    same = CutoutSet(
        images=sky.images,
        bands=sky.bands,
        catalogue=sky.catalogue.assign(**{"class": "cat"}),
        pixel_scale=np.nan,
        unit="display",
    )
    with pytest.raises(ValueError, match="class: expected at least 2 classes to tell apart, got 1"):
        exam.trained(channels.STUDY, "class", same, tmp_path / "run")


def test_paper_is_as_published():
    for recipes in (channels.RECIPES, channels.ORDER_RECIPES):
        assert (recipes["paper"].network.width, recipes["paper"].network.stem) == (64, "imagenet")
        assert recipes["paper"].network == channels.RECIPES["paper"].network  # one encoder fits the other


@pytest.mark.slow
def test_a_sweep_measures_how_accurate_base_and_ours_are(sky, tmp_path):
    plan = Plan(
        study="channels",
        data="sky",
        fingerprint="x",
        target=channels.TARGET,
        pretext=channels.TARGETS["order"],
        recipe=exam.tiny(channels.SWEEP_RECIPES["quick"]).replace(batch=12, validation={"folds": 0}),
        pretraining=exam.tiny(channels.SWEEP_ORDER_RECIPES["quick"]).replace(batch=30),
        fractions=(0.5, 1.0),
        trials=1,
        folds=(0,),
        fold_wise=True,
    )
    sweep = Sweep.create(tmp_path / "sweep", plan)
    for name in sweep.tasks:
        run = sweep.prepare(name)
        studies.train(run, sky, devices="cpu", encoder=run.info["encoder"])
    assert next(iter(sweep.tasks)) == "orders"
    table = sweep.save_table()
    assert table["labels"].tolist() == [6, 6, 12, 12]
    assert (table["objects"] == 6).all()
    for row in table.itertuples():
        run = Run.open(sweep.run_path(f"{row.method}-{100 * row.fraction:g}pc-trial0-fold0"))
        assert row.accuracy == pytest.approx(run.metrics()["val_accuracy"].iloc[-1])
    labelled = {name: set(objects(Run(sweep.run_path(name))).loc[lambda fold: fold < 0].index) for name in sweep.tasks}
    assert labelled["base-50pc-trial0-fold0"] == labelled["ours-50pc-trial0-fold0"] < labelled["orders"]
