"""The exam that every task passes: a new file in galviz/tasks is examined without a change here.

Only what a task is learned from is listed, for tasks that need columns: the first columns of the kind that fits it.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from galviz.nn import tasks as networks
from galviz.runs.predictions import Predictions, joined
from galviz.runs.recipe import Recipe
from galviz.tasks import task, task_names
from galviz.tasks.target import Target

BANDS = ("g", "r", "i")
N = 9
COLUMNS = {"classification": ("kind",), "votes": ("smooth", "disc", "artifact")}  # others: numbers
OTHER_NAMES = {"pretext": ("band", "order")}


@pytest.fixture(scope="module")
def catalogue():
    rng = np.random.default_rng(0)
    votes = rng.dirichlet([1, 1, 1], N)
    table = pd.DataFrame(votes, columns=["smooth", "disc", "artifact"], index=[f"1237{k}" for k in range(N)])
    table["kind"] = ["E", "S", "I"] * 3
    table = table.assign(mass=rng.normal(10, 1, N), sfr=rng.normal(-1, 0.3, N), volunteers=rng.integers(20, 80, N))
    return table.rename_axis("object_id")


def targets():
    for name in task_names():
        if task(name).SELF_LABELLED:
            yield from (Target(each, name, (), each) for each in OTHER_NAMES[name])
            continue
        columns = COLUMNS.get(name, ("mass", "sfr"))
        yield Target(columns[0], name, columns[:1], columns[0])
        if len(columns) > 1:
            yield Target("+".join(columns) if name == "regression" else columns[0], name, columns, columns[0])


def losses():
    for target in targets():
        for loss in networks.rules(target).LOSSES:
            if loss != "dirichlet_multinomial" or len(target.columns) > 1:  # one answer alone is no question
                yield pytest.param(target, loss, id=f"{target.name} {loss}")


def recipe_for(loss):
    network = {"width": 2, "stem": "small"}
    data = {"normalise": "minmax", "vote_count": "volunteers" if loss == "dirichlet_multinomial" else ""}
    rates = {"learning_rates": {"encoder": 1e-2, "head": 1e-2}}
    return Recipe(name="x", epochs=1, batch=4, network=network, optimiser=rates, loss={"name": loss}, data=data)


def perfect(target, truth, loss):
    """Outputs of a network that is right: logits, votes, or numbers with a small error."""
    if not target.numeric:
        codes = torch.arange(len(target.class_names(BANDS))).repeat(N) if truth is None else truth.flatten().long()
        return 30.0 * torch.nn.functional.one_hot(codes, len(target.class_names(BANDS)))
    if loss == "dirichlet_multinomial":
        fractions = truth / truth.sum(1, keepdim=True)
        return torch.cat([fractions, 1000 * fractions], 1)
    return torch.cat([truth, torch.full_like(truth, -9.0)], 1) if loss == "gaussian_nll" else truth.clone()


def test_every_task_has_its_three_files_and_all_that_they_promise():
    assert {"regression", "classification", "votes", "pretext"} <= set(task_names())
    for target in targets():
        learned = networks.rules(target)
        assert {"LOSSES", "build", "validation", "table"} <= set(dir(learned))
        promised = [line.split("``")[1].split("(")[0] for line in task.__globals__["__doc__"].split("\n- ")[1:]]
        assert set(promised) <= set(dir(target.rules)), target


@pytest.mark.parametrize("target", list(targets()), ids=lambda target: f"{target.task} {'+'.join(target.columns)}")
def test_truth_is_finite_and_a_target_survives_json(target, catalogue):
    fitted = target.fitted(catalogue)
    assert Target.from_json(fitted.to_json()) == target
    truth = fitted.truth(catalogue)
    if target.rules.SELF_LABELLED:
        assert truth is None
        return
    assert truth.shape == (N, len(target.columns))
    assert np.isfinite(truth).all()
    gap = catalogue.copy()
    gap.iloc[3, gap.columns.get_loc(target.columns[-1])] = np.nan
    assert np.isnan(fitted.truth(gap)).any(1).tolist() == [k == 3 for k in range(N)]


@pytest.mark.parametrize(("target", "loss"), list(losses()))
def test_from_truth_to_metrics(target, loss, catalogue):
    """Truth → network → loss → columns → metrics, and a perfect output is better than a poor one in each of them."""
    fitted, recipe = target.fitted(catalogue), recipe_for(loss)
    recipe = recipe.replace(network={"apart": target.one_band(BANDS)}) if target.task != "votes" else recipe
    fitted = networks.prepared(fitted, recipe, catalogue)
    known, rules = fitted.learned(catalogue), networks.rules(fitted)
    network = networks.build(fitted, recipe, BANDS, 16)
    variants = list(fitted.variants(BANDS).values())
    images = torch.rand(N, 3, 16, 16)
    seen = torch.stack([image[list(v)] for image in images for v in variants]) if variants else images
    truth = torch.arange(len(variants)).repeat(N) if known is None else torch.from_numpy(known).float()
    output = network(seen)
    right = perfect(fitted, None if known is None else truth, loss).float()
    assert output.shape == right.shape

    cost = networks.loss_of(fitted, recipe, known)
    each = cost(output, truth)
    assert each.shape in ((len(seen),), ())
    each.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert cost(right, truth).mean() < each.mean()

    ids = catalogue.index
    found = [rules.validation(out, truth, fitted) for out in (right, output.detach())]
    assert all(name.startswith("val_") and np.isfinite(value) for part in found for name, value in part.items())
    assert found[0].get("val_mae", 0) < 1e-6
    assert found[0].get("val_accuracy", 1) == 1

    given = {"network": network, "ids": ids, "truth": fitted.truth(catalogue)}
    table = rules.table(fitted, BANDS, views=right.double()[None].repeat(2, 1, 1), **given)
    predictions = Predictions(table.assign(fold=0), fitted)
    assert table.columns.is_unique
    assert set(fitted.rules.names(fitted)) <= set(table.columns)
    assert {f"{name.removesuffix('_pred')}_true" for name in fitted.rules.names(fitted)} <= set(table.columns)
    truths = predictions.truth.tolist()
    assert predictions.estimate.tolist() == (pytest.approx(truths) if fitted.numeric else truths)
    assert len(predictions) == len(seen)
    summary = predictions.summary()
    assert set(summary.columns) >= {"value", "low", "high", "definition"}
    one_each = joined(predictions)
    assert list(one_each.index) == list(ids)
    assert fitted.rules.outputs(fitted, BANDS)


def test_every_loss_of_a_recipe_belongs_to_a_task():
    from galviz.runs.settings import about, declared

    choices = next(about(one).choices for key, one in declared(Recipe) if key == "loss.name")
    fitting = {loss for target in targets() for loss in networks.rules(target).LOSSES}
    assert set(choices) == fitting | {"lsgan", "lsgan_masked"}
