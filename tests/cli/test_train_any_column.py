"""`galviz train --data SKY --target COLUMN`: hard cases give a run, or one clear line."""

import re

import numpy as np
import pandas as pd
import pytest

from galviz.cli.main import main
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet

N = 30
FAST = ["--set", "network.width=2", "batch=16", "folds=3", "data.tta=1", "--epochs", "1", "--devices", "cpu"]
NAN = np.nan


def numbers(seed=0):
    return np.random.default_rng(seed).normal(10, 2, N)


def sky_of(folder, rows=N, bands=3, **columns):
    images = np.random.default_rng(1).normal(0, 1, (rows, bands, 16, 16)).astype(np.float32)
    catalogue = pd.DataFrame(columns, index=pd.Index([f"id{k}" for k in range(rows)], name="object_id"))
    names = [f"b{k}" for k in range(bands)]
    sky = CutoutSet(images=images, bands=names, catalogue=catalogue, pixel_scale=1.0, unit="nanomaggy")
    return sky.save(folder / "sky")


@pytest.fixture
def trained(tmp_path, capsys):
    """Train on a sky with these columns; gives the exit code, stderr and the run (None if there is none)."""

    def train(target, *options, rows=N, bands=3, fast=FAST, **columns):
        sky = sky_of(tmp_path, rows, bands, **columns)
        arguments = ["train", "--data", sky, "--target", target, "--out", tmp_path / "run", *fast, *options]
        code = main([str(each) for each in arguments])
        error = capsys.readouterr().err
        assert "Traceback" not in error
        if code:
            assert len(error.strip().splitlines()) <= 2, error  # what was guessed, and the error
            return code, error.strip().splitlines()[-1], None
        run = Run.open(tmp_path / "run")
        assert run.state()["status"] == "done"
        assert len(run.predictions()) == rows
        return code, error, run

    return train


@pytest.mark.parametrize("bands", [1, 7])
def test_any_number_of_bands(trained, bands):
    code, shown_text, _ = trained("y", bands=bands, y=numbers())
    assert code == 0
    assert "y: numbers with 30 values → regression" in shown_text


@pytest.mark.parametrize("folds", [True, False])
def test_the_test_objects_of_a_catalogue_are_held_out_unless_folds_are_given(trained, folds):
    split = np.where(np.arange(N) < 20, "train", "test")
    fast = [one for one in FAST if folds or one != "folds=3"]
    code, shown_text, run = trained("y", fast=fast, y=numbers(), split=split)
    assert code == 0
    assert "objects whose split is test are held out" in shown_text
    held_out = run.predictions().held_out().table
    assert (set(held_out.index) == {f"id{k}" for k in range(20, N)}) != folds


KINDS = ["E", "S", "I"] * (N // 3)
LEARNED = {  # target, options, columns → task, columns of estimates
    "classes": ("kind", (), {"kind": KINDS}, "classification", {"kind", "p_E", "p_I", "p_S"}),
    "spaces": ("a b", (), {"a b": numbers()}, "regression", {"a b", "a b_sigma"}),
    "a comma": ("a,b", (), {"a,b": numbers()}, "regression", {"a,b"}),
    "a comma among several": ('"a,b",c', (), {"a,b": numbers(), "c": numbers(1)}, "regression", {"a,b", "c"}),
    "unicode": ("λ (Å)", (), {"λ (Å)": numbers()}, "regression", {"λ (Å)", "λ (Å)_sigma"}),
    "missing booleans": (
        "b",
        (),
        {"b": pd.array([True, False, None] * 10, dtype=object)},
        "classification",
        {"p_True", "p_False"},
    ),
    "nullable booleans": (
        "b",
        (),
        {"b": pd.array([True, False, None] * 10, dtype="boolean")},
        "classification",
        {"p_True", "p_False"},
    ),
    "NaN and inf": ("y", (), {"y": [NAN, np.inf, -np.inf, *numbers()[3:]]}, "regression", {"y"}),
    "numbers as text": ("y", (), {"y": [f"{value:.3f}" for value in numbers()]}, "regression", {"y"}),
    "tiny": ("y", (), {"y": numbers() * 1e-30}, "regression", {"y_sigma"}),
    "huge": ("y", (), {"y": numbers() * 1e30}, "regression", {"y_sigma"}),
    "tiny and huge": ("y,z", (), {"y": numbers() * 1e-30, "z": numbers(1) * 1e30}, "regression", {"y_sigma", "z_p84"}),
    "one vote": ("v", ("--task", "votes"), {"v": np.linspace(0, 1, N)}, "votes", {"v"}),
    "votes": ("v,w", (), {"v": np.linspace(0, 1, N), "w": np.linspace(1, 0, N)}, "votes", {"v", "w"}),
    "a column with gaps": ("y,z", (), {"y": [NAN] * 5 + [*numbers()[5:]], "z": numbers(1)}, "regression", {"y", "z"}),
    "a rare class": ("c", (), {"c": ["x"] * (N - 1) + ["y"]}, "classification", {"p_x", "p_y"}),
}


@pytest.mark.parametrize(("target", "options", "columns", "task", "made"), LEARNED.values(), ids=LEARNED)
def test_what_can_be_learned_is_learned(trained, target, options, *, columns, task, made):
    code, shown_text, run = trained(target, *options, **columns)
    assert code == 0, shown_text
    assert run.target.task == task
    table = run.predictions().table
    assert made <= set(table.columns)
    values = table[[name for name in made if table[name].dtype.kind == "f"]].to_numpy()
    assert np.isfinite(values).all()
    if task == "regression":
        assert (values != 0).all()


def test_500_classes(trained):
    kinds = [f"class {k % 500}" for k in range(1500)]
    code, _, run = trained("kind", rows=1500, kind=kinds)
    assert code == 0
    assert len(run.target.classes) == 500
    assert run.info["objects"]["calibration"] > 0


TEXTS = [f"object {k}: " + "a long comment about this galaxy " * 10 for k in range(N)]
REFUSED = {  # target, options, columns → message
    "one class": ("c", (), {"c": ["x"] * N}, r"c: expected 2 to 1000 classes, got 1 \(x\)\. Choose another column\."),
    "no labels": ("y", (), {"y": [NAN] * N}, "y: expected some known values to learn from, got none."),
    "no texts": ("y", (), {"y": pd.array([None] * N, dtype=object)}, "y: expected some known values to learn from"),
    "text among numbers": (
        "y",
        (),
        {"y": ["n/a", *map(str, numbers()[1:])]},
        r"y: expected numbers, got 'n/a' for the object 'id0' \(1 such values\)",
    ),
    "long texts": ("c", (), {"c": TEXTS}, "c: expected classes of several objects, got 30 classes of which most have"),
    "ids as text": ("c", (), {"c": [f"J{k}" for k in range(N)]}, "c: expected classes of several objects"),
    "ids as numbers": (
        "c",
        (),
        {"c": 1237648720693755918 + np.arange(N)},
        "c: expected values to learn, got what looks like ids",
    ),
    "the index": ("object_id", (), {"y": numbers()}, "target: expected a column of the catalogue, got 'object_id'"),
    "a constant": ("y", (), {"y": [1.5] * N}, "y: expected different values to learn from, got 1.5 for all objects"),
    "a constant among several": ("x,y", (), {"x": numbers(), "y": [2.5] * N}, "y: expected different values"),
    "only infinity": ("y", (), {"y": [np.inf] * N}, "y: expected different values to learn from, got none"),
    "a column twice": ("y,y", (), {"y": numbers()}, "target: expected each column once, got 'y' 2 times"),
    "nothing": (",", (), {"y": numbers()}, "target: expected a column of the catalogue, got ''"),
    "votes beyond 1": (
        "v",
        ("--task", "votes"),
        {"v": np.arange(N)},
        "v: expected fractions from 0 to 1 for votes, got 2 for the object 'id2'",
    ),
    "columns that never meet": (
        "x,y",
        ("--task", "regression"),
        {"x": [*numbers()[:15], *[NAN] * 15], "y": [*[NAN] * 15, *numbers()[15:]]},
        "x, y: expected objects whose values are all known, got none",
    ),
    "a name that predictions need": ("fold", (), {"fold": numbers()}, "target: expected another name than 'fold'"),
    "names that meet": ("y,y_true", (), {"y": numbers(), "y_true": numbers(1)}, "another name than 'y_true'"),
    "a loss of another task": ("y", ("--set", "loss.name=focal"), {"y": numbers()}, "loss: expected mse, mae, huber,"),
    "mse of huge numbers": (
        "y",
        ("--set", "loss.name=mse", "loss.alpha=0", "loss.calibration=0"),
        {"y": numbers() * 1e30},
        "loss: expected gaussian_nll or huber for values with a scatter of .*e[+]30",
    ),
}


@pytest.mark.parametrize(("target", "options", "columns", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_learned_is_one_clear_line(trained, target, options, columns, message):
    code, shown_text, _ = trained(target, *options, **columns)
    assert code in (1, 2)
    assert re.search(message, shown_text), shown_text
    assert len(shown_text) < 400


def test_an_unknown_encoder_is_one_clear_line(trained):
    options = "--recipe", "finetune", "--set", "network.architecture=resnet81"
    code, shown_text, _ = trained("y", *options, fast=[], y=numbers())
    assert code == 1
    assert "expected an architecture of timm such as resnet18" in shown_text


def test_three_objects_are_too_few_for_five_folds_and_enough_for_two(trained, tmp_path, capsys):
    code, shown_text, _ = trained("y", "--set", "folds=5", rows=3, y=[1.0, 2.5, 3.0])
    assert code == 1
    assert "folds: expected at most 3, one per group of objects, got 5. Use fewer folds." in shown_text
    sky = tmp_path / "sky"
    arguments = ["train", "--data", sky, "--target", "y", "--out", tmp_path / "one", *FAST, "--set", "folds=1"]
    assert main([str(each) for each in arguments]) == 0
    assert len(Run.open(tmp_path / "one").predictions()) == 3
