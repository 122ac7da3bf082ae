"""Sweeps: which trainings they consist of, who waits for whom, how they go on, and what they come to."""

import json
import threading

import numpy as np
import pandas as pd
import pytest

from galviz.cli.main import main
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.studies import richness
from galviz.tasks.target import Target
from galviz.work import processes as jobs
from galviz.work import sweeping
from galviz.work.sweep import Plan, Sweep, list_sweeps
from galviz.work.sweeping import work_off

RECIPE = Recipe(
    name="tiny",
    epochs=1,
    batch=6,
    network={"width": 2},
    optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}},
    validation={"folds": 3},
)
BAND = RECIPE.replace(loss={"name": "cross_entropy"}, data={"normalise": "noise"}, validation={"folds": 5})


def plan(**changes):
    given = {"study": "richness", "data": "sky", "fingerprint": "x", "recipe": RECIPE, "pretraining": BAND}
    given |= {"target": richness.TARGET, "pretext": richness.TARGETS["band"], "fractions": (0.5, 1)}
    return Plan(**given | {"trials": 2, "folds": (0,), "fold_wise": False} | changes)


def predicted(sweep, name, shift=0.1):
    """What a training of the sweep would leave: estimates `shift` too high in ln λ."""
    run, cell = sweep.prepare(name), sweep.tasks[name].cell
    ids = pd.Index([f"o{k}" for k in range(30)], name="object_id")
    if cell:
        truth = np.log(np.linspace(20, 80, 30))
        fold = pd.array(np.where(np.arange(30) < 10, cell["fold"], -1), dtype="Int64")
        fold[20:] = pd.NA  # beyond the label fraction
        rows = {"ln_richness": truth + shift, "ln_richness_true": truth, "fold": fold}
        run.save_predictions(Predictions(pd.DataFrame(rows, index=ids), richness.TARGET))
    else:
        rows = {"number": np.zeros(30), "fold": -1}
        target = Target("number", "regression", ("number",), "x")
        run.save_predictions(Predictions(pd.DataFrame(rows, index=ids), target))
    run.update_info(objects={"train": 20})
    run.write_state(status="done")


class Workers:
    """In place of processes: trainings that are done a few looks after they were started."""

    def __init__(self, sweep, looks=2, fails=()):
        self.sweep, self.looks, self.fails = sweep, looks, fails
        self.left, self.started, self.most = {}, [], 0

    def resume(self, path, *options):
        assert (path / "run.json").exists()
        self.left[path.name] = self.looks
        self.started.append((path.name, options))
        self.most = max(self.most, len(self.left))

    def is_alive(self, path):
        if path.name not in self.left:
            return False
        self.left[path.name] -= 1
        if self.left[path.name] > 0 and not Run(path).stop_requested():
            return True
        del self.left[path.name]
        if Run(path).stop_requested():
            Run(path).write_state(status="stopped")
        elif path.name in self.fails:
            Run(path).write_state(status="failed", message="broken")
        else:
            predicted(self.sweep, path.name)
        return False


@pytest.fixture
def sweep(tmp_path):
    return Sweep.create(tmp_path / "sweep", plan())


@pytest.fixture
def work(monkeypatch):
    """Work a sweep off with `Workers`; give them."""

    def working(sweep, devices=("auto",), **options):
        workers = Workers(sweep, **options)
        monkeypatch.setattr(jobs, "resume", workers.resume)
        monkeypatch.setattr(jobs, "is_alive", workers.is_alive)
        workers.undone = work_off(sweep, devices, lambda _: None, poll_s=0.001)
        return workers

    return working


def test_base_and_ours_differ_in_nothing_but_the_encoder():
    tasks = {tuple(task.cell.values()): task for task in plan(folds=(0, 2)).tasks() if task.cell}
    assert len(tasks) == 2 * 2 * 2 * 2
    for (fraction, method, trial, fold), task in tasks.items():
        assert task.encoder == ("bands" if method == "ours" else "")
        assert task.recipe == tasks[fraction, "base", trial, fold].recipe
        assert (task.recipe.data.label_fraction, task.recipe.seed, task.recipe.validation.fold) == (
            fraction,
            trial,
            fold,
        )


def test_one_pre_training_has_its_own_split_or_one_a_fold_sees_none_that_are_held_out():
    (whole,) = [task for task in plan(folds=(0, 2)).tasks() if not task.cell]
    assert (whole.recipe.validation.folds, whole.recipe.validation.fold) == (5, 0)  # 4:1, as published
    wise = {task.name: task for task in plan(folds=(0, 2), fold_wise=True).tasks()}
    for task in wise.values():
        if task.encoder:
            taught = wise[task.encoder].recipe
            assert (taught.validation.folds, taught.validation.fold) == (
                task.recipe.validation.folds,
                task.recipe.validation.fold,
            )


def test_a_plan_is_kept_as_json(sweep):
    assert Sweep(sweep.path).plan == plan()
    assert json.loads((sweep.path / "sweep.json").read_text())["fractions"] == [0.5, 1.0]
    with pytest.raises(FileExistsError, match="out: expected a new folder"):
        Sweep.create(sweep.path, plan())
    assert list_sweeps(sweep.path.parent) == list_sweeps(sweep.path) == [sweep.path]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fractions": (0.5, 1.5)}, r"fractions: expected numbers in \(0, 1\], got 0.5, 1.5"),
        ({"fractions": ()}, "fractions: .* got none"),
        ({"trials": 0}, "trials: expected at least 1, got 0"),
        ({"folds": (3,)}, "folds: expected numbers from 0 to 2, or all, got 3"),
        ({"recipe": RECIPE.replace(network={"width": 4})}, "network: expected the same for Base, Ours"),
    ],
)
def test_bad_plans_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        plan(**changes)


def test_all_is_done_once_and_what_others_need_comes_first(sweep, work):
    workers = work(sweep)
    names = [name for name, _ in workers.started]
    assert names[0] == "bands"
    assert sorted(names) == sorted(sweep.tasks)
    assert (workers.most, workers.undone) == (1, [])
    assert all(options == ("--devices", "auto") for _, options in workers.started)
    assert not sweep.is_running()


def test_devices_work_side_by_side_and_ours_waits_for_its_encoder(sweep, work):
    workers = work(sweep, ("cpu", "cpu", "cuda:0"), looks=6)
    assert workers.most == 3
    first = {name for name, _ in workers.started[:3]}
    assert "bands" in first
    assert not any(name.startswith("ours") for name in first)
    shared = {options for _, options in workers.started}
    assert shared == {("--devices", "cpu", "--no-queue"), ("--devices", "cuda:0")}


def test_it_goes_on_with_what_is_missing(sweep, work):
    for name in list(sweep.tasks)[:4]:
        predicted(sweep, name)
    workers = work(Sweep(sweep.path))
    assert [name for name, _ in workers.started] == list(sweep.tasks)[4:]


def test_a_training_that_still_goes_on_is_waited_for_and_not_begun_again(sweep, work, monkeypatch):
    name = list(sweep.tasks)[2]
    sweep.prepare(name).write_state(status="running")
    monkeypatch.setattr(Workers, "__init__", _with_one(name, Workers.__init__))
    workers = work(sweep)
    assert name not in [started for started, _ in workers.started]
    assert workers.undone == []


def _with_one(name, init):
    def made(self, sweep, **options):
        init(self, sweep, **options)
        self.left = {name: 5}

    return made


def test_what_fails_is_tried_once_and_named_and_the_rest_goes_on(sweep, work):
    failing = "base-50pc-trial0-fold0"
    workers = work(sweep, fails=(failing,))
    assert workers.undone == [failing]
    assert sweep.failed() == {failing: "broken"}
    assert work(Sweep(sweep.path)).undone == []


def test_without_its_encoder_ours_is_left(sweep, work):
    workers = work(sweep, fails=("bands",))
    assert workers.undone == ["bands", *(name for name in sweep.tasks if name.startswith("ours"))]


def test_a_stop_reaches_the_training_that_goes_on(sweep, work):
    threading.Timer(0.05, Run(sweep.path).request_stop).start()
    workers = work(sweep, looks=10_000)
    assert len(workers.started) == 1
    assert Run(sweep.run_path("bands")).state()["status"] == "stopped"
    assert not (sweep.path / "stop").exists()


def test_only_one_process_works_a_sweep_off(sweep, monkeypatch):
    seen = []

    def second(*_):
        seen.append(sweep.is_running())
        with pytest.raises(RuntimeError, match="in use by process"):
            work_off(sweep, report=lambda _: None)
        return []

    monkeypatch.setattr(sweeping, "_ready", second)
    work_off(sweep, report=lambda _: None)
    assert seen == [True]


def test_the_table_holds_what_each_training_did_on_its_held_out_objects(sweep, work):
    work(sweep)
    table = pd.read_csv(sweep.path / "table.csv")
    assert len(table) == 8
    assert (table["objects"] == 10).all()
    assert (table["labels"] == 20).all()
    assert (table["seed"] == table["trial"]).all()
    assert (table["folds"] == 3).all()
    assert (table["pretraining_objects"] == np.where(table["method"] == "ours", 20, 0)).all()
    np.testing.assert_allclose(table["mae_ln"], 0.1)
    np.testing.assert_allclose(table["mae_dex"], 0.1 / np.log(10))
    np.testing.assert_allclose(table["mae_percent"], 100 * (np.exp(0.1) - 1))
    np.testing.assert_allclose(table["sigma_ln"], 0, atol=1e-9)
    pd.testing.assert_frame_equal(pd.read_parquet(sweep.path / "table.parquet"), Sweep(sweep.path).table())


def test_a_sweep_without_results_has_an_empty_table(sweep):
    assert len(sweep.table()) == 0
    assert len(sweep.held_out()) == 0
    assert sweep.done() == []


@pytest.mark.slow
def test_the_command_trains_and_goes_on_and_both_learn_from_the_same_labels(make_sky, tmp_path, capfd):
    sky = make_sky(24).save(tmp_path / "sky")
    tiny = ["network.width=2", "epochs=1", "bands.epochs=1", "batch=8", "bands.batch=20", "folds=3"]
    requested = ["sweep", "richness", "--data", str(sky), "--out", str(tmp_path / "s"), "--fractions", "0.5", "1"]
    assert main([*requested, "--trials", "1", "--devices", "cpu", "cpu", "--set", *tiny]) == 0
    sweep = Sweep(tmp_path / "s")
    assert sorted(sweep.done()) == sorted(sweep.tasks)
    runs = {name: pd.read_parquet(sweep.run_path(name) / "objects.parquet")["fold"] for name in sweep.tasks}
    pd.testing.assert_series_equal(runs["base-50pc-trial0-fold0"], runs["ours-50pc-trial0-fold0"])
    labelled = {k: set(fold.index[fold < 0]) for k, fold in runs.items()}
    assert labelled["base-50pc-trial0-fold0"] < labelled["base-100pc-trial0-fold0"]
    assert len(labelled["bands"]) == 19  # four of five parts of 24
    assert labelled["base-50pc-trial0-fold0"] < set(runs["bands"].index)
    (sweep.run_path("ours-100pc-trial0-fold0") / "predictions.parquet").unlink()
    before = (sweep.run_path("base-50pc-trial0-fold0") / "model.safetensors").stat().st_mtime_ns
    assert main(["sweep", "richness", "--out", str(tmp_path / "s"), "--resume"]) == 0
    assert "5 of 5 trainings done" in capfd.readouterr().out
    assert (sweep.run_path("base-50pc-trial0-fold0") / "model.safetensors").stat().st_mtime_ns == before


def test_bad_sweeps_are_refused_in_one_line(make_sky, tmp_path, capsys):
    sky = str(make_sky(12).save(tmp_path / "sky"))
    out = str(tmp_path / "s")
    for requested, message in [
        (["richness", "--out", out], "data: expected the folder of a sky, got none"),
        (["mergers", "--out", out, "--data", sky], "data: expected the bands ('red', 'green', 'blue')"),
        (["richness", "--out", out, "--resume"], "sweep: expected a folder with a sweep.json"),
        (["richness", "--out", out, "--data", sky, "--set", "bands.epoch=3"], "Similar names: epochs"),
        (
            ["richness", "--out", out, "--data", sky, "--folds", "5"],
            "folds: expected numbers from 0 to 4, or all, got 5",
        ),
        (["richness", "--out", out, "--data", sky, "--resume"], "resume: expected --devices at most, got --data"),
    ]:
        assert main(["sweep", *requested]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_more_folds_than_groups_are_refused_before_anything_is_trained(make_sky, tmp_path, capsys):
    sky = make_sky(12)
    catalogue = sky.catalogue.assign(field=np.repeat(["f1", "f2", "f3"], 4))
    grouped = type(sky)(images=sky.images[:], bands=sky.bands, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    requested = ["sweep", "richness", "--data", str(grouped.save(tmp_path / "sky")), "--out", str(tmp_path / "s")]
    assert main(requested) == 2
    assert "folds: expected at most 3, one per group" in (shown_text := capsys.readouterr().err)
    assert "--set folds=3 bands.folds=3" in shown_text


@pytest.mark.parametrize(
    ("requested", "folds"),
    [("paper", 10), ("paper --folds 2", 1), ("paper --set folds=4", 4), ("quick", 1)],
)
def test_the_recipe_paper_is_cross_validated_and_pre_trained_on_four_fifths(
    make_sky, tmp_path, monkeypatch, requested, folds
):
    monkeypatch.setattr(sweeping, "work_off", lambda *_, **__: [])
    sky = make_sky(12).save(tmp_path / "sky")
    main(["sweep", "richness", "--data", str(sky), "--out", str(tmp_path / "s"), "--recipe", *requested.split()])
    made = Sweep(tmp_path / "s").plan
    assert len(made.folds) == folds
    (bands,) = [task for task in made.tasks() if not task.cell]
    assert bands.recipe.validation.folds == 5
