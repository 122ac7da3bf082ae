"""The tab of sweeps: what it shows of one, and what its buttons start."""

import asyncio
import io
from dataclasses import replace

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from galviz.measure.label_efficiency import gain_words, label_gain
from galviz.pages.library import Library
from galviz.pages.page import open_study_page
from galviz.pages.state import PageState
from galviz.pages.sweeps import LabelsTab
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.studies import richness
from galviz.tools.label_curves.text import made_words
from galviz.work import processes as jobs
from galviz.work.sweep import Plan, Sweep

RECIPE = Recipe(
    name="tiny",
    epochs=4,
    batch=6,
    network={"width": 2},
    optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}},
    validation={"folds": 3},
)


def finish(sweep, name):
    """Leave what a training of the sweep would: Ours errs half as much as Base."""
    run, cell = sweep.prepare(name), sweep.tasks[name].cell or {"fraction": 1, "method": "base", "trial": 0, "fold": 0}
    rng = np.random.default_rng(len(name) + 7 * cell["trial"])
    truth = np.log(np.linspace(20, 80, 60))
    scatter = 0.2 / np.sqrt(cell["fraction"]) * (0.5 if cell["method"] == "ours" else 1)
    rows = {"ln_richness": truth + rng.normal(0, scatter, 60), "ln_richness_true": truth, "fold": 0}
    table = pd.DataFrame(rows, index=pd.Index([f"o{k}" for k in range(60)], name="object_id"))
    run.save_predictions(Predictions(table, richness.TARGET))
    run.update_info(objects={"train": 20})
    run.write_state(status="done")


@pytest.fixture
def make_sweep(galviz_home):
    def make(name="first", fractions=(0.25, 1.0)):
        given = {"study": "richness", "data": "sky", "fingerprint": "x", "recipe": RECIPE, "fractions": fractions}
        given |= {
            "pretraining": RECIPE.replace(loss={"name": "cross_entropy"}, data={"normalise": "noise"}),
            "trials": 2,
            "folds": (0,),
        }
        targets = {"target": richness.TARGET, "pretext": richness.TARGETS["band"]}
        return Sweep.create(galviz_home / "sweeps" / name, Plan(**given, **targets, fold_wise=False))

    return make


@pytest.fixture
def sweep(make_sweep):
    return make_sweep()


@pytest.fixture
def started(monkeypatch):
    found = []
    monkeypatch.setattr(jobs, "start", lambda command, path: found.append((command, path)))
    return found


def tab(sky=None):
    page = PageState(sky="tiny" if sky is not None else "")
    return LabelsTab("richness", Library.find((), richness.STUDY), page)


def shown(view):
    async def last():
        return [part async for part in view.body()][-1]

    return asyncio.run(last())


def html(panel):
    return " ".join(str(pane.object) for pane in panel.select(lambda pane: hasattr(pane, "object")))


def test_without_a_sweep_it_says_how_to_come_by_one():
    empty = tab()
    assert empty.view is None
    assert "No sweep to show yet" in html(empty.__panel__())


def test_a_finished_sweep_shows_the_gain_that_the_library_computes(sweep):
    for name in sweep.tasks:
        finish(sweep, name)
    view = tab().view
    page = html(shown(view))
    for measure in ("mae", "sigma"):
        assert gain_words(label_gain(sweep.held_out(), measure, "ln")) in page
    assert "0.1832 → 0.1615 (-11.8 %)" in page
    view.unit = "percent"
    page = html(shown(view))
    gain = label_gain(sweep.held_out(), "mae", "percent")
    assert f"{gain.base[-1]:.4g}" in page
    assert "cannot be drawn in this unit" in page


@pytest.mark.parametrize(("unit", "last"), [("ln", 0.1615), ("dex", 0.1615 / np.log(10)), ("percent", None)])
def test_the_papers_curve_is_drawn_in_logarithms_alone(sweep, unit, last):
    for name in sweep.tasks:
        finish(sweep, name)
    view = tab().view
    view.unit = unit
    lines = {e.label: e.data for e in view.plot(sweep.table(), "mae").object if isinstance(e, hv.Curve)}
    theirs = lines.get("Ours, the paper's")
    assert (theirs is None) if last is None else theirs.iloc[-1].tolist() == pytest.approx([100, last])


@pytest.mark.parametrize("unit", ["ln", "dex", "percent", "value"])
def test_every_unit_can_be_drawn(sweep, unit):
    for name in sweep.tasks:
        finish(sweep, name)
    view = tab().view
    view.unit = unit
    assert shown(view).get_root()


def test_progress_counts_what_is_done_and_says_what_goes_on(sweep, monkeypatch):
    names = list(sweep.tasks)
    for name in names[:3]:
        finish(sweep, name)
    shown_tab = tab()
    assert "3 of 9 trainings done" in shown_tab.progress
    assert f"galviz sweep richness --out {sweep.path} --resume" in shown_tab.progress
    assert not shown_tab.going
    sweep.prepare(names[3]).write_state(status="running", epoch=2, epochs=4, eta_s=65.0)
    monkeypatch.setattr(Sweep, "is_running", lambda _: True)
    shown_tab.poll()
    assert f"now {names[3]} (epoch 2 of 4, 1:05 left)" in shown_tab.progress
    assert shown_tab.going


def test_a_failure_is_shown_safely(sweep):
    sweep.prepare("bands").write_state(status="failed", message="<b>broken</b>")
    assert "bands failed: &lt;b&gt;broken&lt;/b&gt;" in tab().progress


def test_the_table_states_how_its_trainings_were_made(sweep):
    for name in sweep.tasks:
        finish(sweep, name)
    page = html(shown(tab().view))
    assert "3 folds, held out: 0, counted from 0." in page
    assert "Labels, drawn from the training objects of each fold: 20 (25 %), 20 (100 %)." in page
    assert "Pre-training: one for all, on 2 of 3 parts of the sky" in page
    assert "without their labels (20 objects). Seeds: 0, 1, one per trial." in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": (0, 1, 2)}, "3 folds, each held out in turn."),
        ({"fold_wise": True}, "Pre-training: one per fold, on its training objects (20 objects)."),
        ({"pretraining": RECIPE.replace(validation={"folds": 1})}, "on all objects, also those held out here"),
        ({"recipe": RECIPE.replace(validation={"folds": 0})}, "Held out: the objects whose split is test."),
    ],
)
def test_other_sweeps_are_described_as_they_are(sweep, changes, words):
    table = pd.DataFrame({"fraction": [1.0], "method": ["ours"], "labels": [20], "pretraining_objects": [20]})
    assert words in made_words(replace(sweep.plan, **changes), table)


def test_a_sweep_that_is_not_far_says_when_the_gain_comes(make_sweep):
    sweep = make_sweep()
    assert "No training of this sweep is done yet" in html(shown(tab().view))
    for name in list(sweep.tasks)[:3]:
        finish(sweep, name)
    assert "when one trial has finished" in html(shown(tab().view))


def test_a_sweep_without_all_labels_has_no_gain(make_sweep):
    sweep = make_sweep(fractions=(0.25, 0.5))
    for name in sweep.tasks:
        finish(sweep, name)
    assert "has no training with all labels" in html(shown(tab().view))


def test_new_results_are_drawn_when_they_come(sweep):
    shown_tab = tab()
    assert shown_tab.view.done == 0
    finish(sweep, "bands")
    shown_tab.poll()
    assert shown_tab.view.done == 1


def test_a_new_sweep_is_started_and_comes_into_sight(sky, make_sweep, started, monkeypatch):
    shown_tab = tab(sky)
    shown_tab.param.update(fractions="0.1, 1", trials=2, recipe="paper", settings="folds=4 epochs=2", sweep_name="mine")
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    shown_tab.start()
    ((command, path),) = started
    assert command[:3] == ["sweep", "richness", "--data"]
    requested = ["--fractions", "0.1", "1", "--trials", "2", "--recipe", "paper", "--set", "folds=4", "epochs=2"]
    assert command[-len(requested) :] == requested
    assert path.name == "mine"
    make_sweep("mine")
    shown_tab.poll()
    assert shown_tab.selected == "mine"


def test_stop_and_resume_reach_the_sweep(sweep, started, monkeypatch):
    shown_tab = tab()
    shown_tab.resume()
    assert started == [(["sweep", "richness", "--out", str(sweep.path), "--resume"], sweep.path)]
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    shown_tab.poll()
    assert "It stops after" not in shown_tab.progress
    shown_tab.stop()
    assert (sweep.path / "stop").exists()
    assert "It stops after" in shown_tab.progress
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    shown_tab.poll()
    assert "It stops after" not in shown_tab.progress


def test_a_sweep_that_came_to_nothing_says_why_and_leaves_its_name_free(sky, make_sweep, started, monkeypatch):
    shown_tab = tab(sky)
    shown_tab.param.update(fractions="0.2 zwei", sweep_name="mine")
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    shown_tab.start()
    ((_, path),) = started
    path.mkdir(parents=True)
    (path / "log.txt").write_text("$ galviz sweep\nfractions: expected a number, got <zwei>\n")
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    shown_tab.poll()
    assert shown_tab.error == "fractions: expected a number, got <zwei>"
    assert shown_tab.sweep_name == "mine"
    shown_tab.fractions = "0.2 1"
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    shown_tab.start()
    assert not shown_tab.error
    assert [path for _, path in started] == [path, path]


def test_a_broken_sweep_is_said_and_breaks_nothing(sweep, make_sweep):
    (sweep.path / "sweep.json").write_text('{"study": "richness"}')
    shown_tab = tab()
    assert shown_tab.view is None
    assert shown_tab.error
    assert shown_tab.__panel__().get_root()


def test_refusals_are_said(make_sweep, started):
    shown_tab = tab()
    shown_tab.start()
    assert shown_tab.error.startswith("data: expected a sky to learn from, got none")
    assert started == []


def test_the_table_is_downloaded_whole(sweep):
    for name in sweep.tasks:
        finish(sweep, name)
    view, given = tab().view, {}
    view.transfer.give = lambda name, file: given.update({name: file.getvalue()})
    view.form = "parquet"
    view.download()
    ((name, content),) = given.items()
    assert name == "galviz_sweep_first.parquet"
    table = pd.read_parquet(io.BytesIO(content))
    np.testing.assert_allclose(np.sort(table["mae_ln"]), np.sort(sweep.table()["mae_ln"]))


def test_the_page_has_the_tab_and_takes_a_sweep_of_anywhere(sweep, tmp_path):
    moved = sweep.path.rename(tmp_path / "elsewhere")
    page = open_study_page("richness", [str(moved)])
    assert page.page.tabs[-1] == "labels"
    page.page.tab = "labels"
    assert page.content.view.sweep.path == moved
    assert Run(moved).path.name in page.content.sweeps()
    assert page.body().get_root()
