"""Classes and orders of channels in the explorer, and a sweep of accuracies."""

import asyncio

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest

from galviz.io.expressions import column
from galviz.pages.explorer import Explorer
from galviz.pages.library import Library
from galviz.pages.open_any import open_any
from galviz.pages.state import PageState
from galviz.pages.sweeps import LabelsTab
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.studies import channels
from galviz.tasks.target import Target
from galviz.tools.label_curves.view import LabelsView
from galviz.work.sweep import Plan, Sweep

CLASSES = Target("class", "classification", ("class",), "class", classes=("cat", "dog"))
RATES = {"encoder": 1e-3, "head": 1e-3}
RECIPE = Recipe(
    name="tiny",
    epochs=4,
    batch=6,
    optimiser={"learning_rates": RATES},
    loss={"name": "cross_entropy"},
    validation={"folds": 3},
)


def classified(ids, right, fold=0):
    """Every object is a cat, and so many of them are taken for one."""
    given = np.where(np.arange(len(ids)) < right, "cat", "dog")
    rows = {"class": given, "class_true": "cat", "p_cat": np.where(given == "cat", 0.8, 0.3), "fold": fold}
    table = pd.DataFrame(rows, index=pd.Index(ids, name="object_id"))
    return Predictions(table.assign(p_dog=1 - table["p_cat"]), CLASSES)


def ordered(ids):
    """Two orders, of which one is taken for the other."""
    index = pd.MultiIndex.from_product([ids, ["RGB", "BGR"]], names=["object_id", "order"])
    rows = {"order_pred": "RGB", "order_true": index.get_level_values(1), "p_RGB": 0.9, "p_BGR": 0.1, "fold": 0}
    return Predictions(pd.DataFrame(rows, index=index), channels.TARGETS["order"])


@pytest.mark.parametrize(
    ("estimates", "condition", "count"),
    [
        (lambda ids: classified(ids, 7), "correct == 1", 7),
        (lambda ids: classified(ids, 7), f"{column('class')} == 'dog'", 5),
        (lambda ids: classified(ids, 7), "probability > 0.75", 7),
        (ordered, f"{column('BGR_pred')} == 'RGB'", 12),
        (ordered, f"{column('orders_correct')} == 1", 12),
    ],
)
def test_predictions_of_names_open_in_the_explorer(sky, make_run, estimates, condition, count):
    run = make_run("named", predictions=estimates(sky.object_ids))
    found = open_any(run.path)
    explorer = Explorer(found.table, found.cutouts, run=run)
    assert len(explorer.table) == 12
    explorer.selection.where(condition)
    assert explorer.selection.mask.sum() == count


@pytest.fixture
def sweep(galviz_home):
    given = {"study": "channels", "data": "sky", "fingerprint": "x", "recipe": RECIPE, "pretraining": RECIPE}
    targets = {"target": channels.TARGET, "pretext": channels.TARGETS["order"]}
    plan = Plan(**given, **targets, fractions=(0.25, 1.0), trials=2, folds=(0,), fold_wise=False)
    sweep = Sweep.create(galviz_home / "sweeps" / "first", plan)
    ids = [f"o{k}" for k in range(100)]
    for name, task in sweep.tasks.items():
        if task.cell:
            run, right = sweep.prepare(name), 40 + 20 * task.cell["fraction"] + 10 * (task.encoder != "")
            run.save_predictions(classified(ids, right))
            run.update_info(objects={"train": 20})
    return sweep


def test_a_sweep_of_classes_shows_accuracies_and_what_the_paper_says(sweep):
    view = LabelsView(sweep)

    async def last():
        return [part async for part in view.body()][-1]

    body = asyncio.run(last())
    words = " ".join(pane.object for pane in body.select(pn.pane.HTML))
    assert "5.38 % more accurate on CIFAR-10, as good as Base at 100 % from 60 % of the labels on" in words
    assert "<caption>Accuracy</caption>" in words
    assert "<td>100 %</td><td>0.6</td><td>0.7</td><td>+10.0 points" in words
    (plot,) = body.select(pn.pane.HoloViews)
    assert hv.render(plot.object).yaxis[0].axis_label == "Accuracy"
    exec(view.transfer.script, {})  # noqa: S102 - the lines are ours, and must run


def test_a_page_lists_the_sweeps_of_its_own_study(sweep):
    library = Library.find((), channels.STUDY)
    pages = {study: LabelsTab(study, library, PageState()) for study in ("richness", "channels")}
    assert [len(page.sweeps()) for page in pages.values()] == [0, 1]
