"""A new task is three files of one name, and a new study is one file: nothing else in the package has to change."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FILES = {
    "galviz/tasks/ordinal.py": '''
"""Whole numbers, learned as numbers and predicted as whole numbers."""
from galviz.tasks.regression import *
''',
    "galviz/nn/tasks/ordinal.py": '''
"""Whole numbers: as regression with the absolute error; estimates are rounded."""
from torch.nn import functional
from galviz.nn.networks.cutout_network import assemble
from galviz.nn.networks.heads import CompactHead
from galviz.nn.tasks import loss_of
from galviz.nn.tasks.regression import table as numbers, validation
LOSSES = {"mse": lambda recipe, known, target: functional.l1_loss}

def build(target, recipe, bands, size):
    loss_of(target, recipe)
    return assemble(recipe, bands, lambda features, vectors: CompactHead(features, vectors), standardise=True)

def table(target, bands, **given):
    found = numbers(target, bands, **given)
    return found.assign(**{target.name: found[target.name].round()})
''',
    "galviz/pages/results/ordinal.py": '''
"""Results of whole numbers: as of any number."""
from galviz.pages.results.regression import View
''',
    "galviz/studies/members_count.py": '''
"""The number of members of a cluster."""
from galviz.runs.recipe import Recipe
from galviz.studies import Study
from galviz.studies.richness import BANDS, RECIPES
from galviz.tasks.target import Target

TARGET = Target("count", "ordinal", ("richness",), "members")
STUDY = Study(name="members_count", paper="none", bands=BANDS, targets={"count": TARGET}, recipes=RECIPES)
''',
}

CHECK = """
import sys
import numpy as np
import panel as pn
from galviz.pages.page import open_study_page
from galviz.runs.run import Run

run = Run.open(sys.argv[1])
table = run.predictions().held_out().table
assert len(table) and (table["count"] == table["count"].round()).all() and "count_true" in table
pn.extension("tabulator")
page = open_study_page("members_count", [sys.argv[2], sys.argv[1]])
for tab in page.page.tabs:
    page.page.tab = tab
    pn.panel(page.body()).get_root()
assert "torch" not in sys.modules

from galviz.sky.cutouts import CutoutSet
from galviz.work.question import OcclusionSettings, outputs
from galviz.work.worker import changed

sky = CutoutSet.open(sys.argv[2])
assert list(outputs(run.target, sky.bands)) == ["members"]
asked = {"output": ("learned", 0), "bands": "together", "patch": 8, "stride": 8}
asked |= {"baseline": "mean", "method": "occlusion", "engine": "auto"}
assert np.isfinite(changed(str(run.path), sky.images[0], asked)).all()
"""


@pytest.fixture
def extended(tmp_path):
    """A copy of the package with a toy task and a toy study, and a function that runs commands in it."""
    shutil.copytree(ROOT / "galviz", tmp_path / "galviz", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "GALVIZ_HOME": str(tmp_path / "home")}

    def call(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.mark.slow
def test_a_task_of_three_files_and_a_study_of_one_are_trained_predicted_shown_and_explained(
    extended, tmp_path, make_sky
):
    sky, run = make_sky(12).save(tmp_path / "sky"), str(tmp_path / "run")
    assert "members_count" in extended("-m", "galviz", "train", "--help")
    small = ["epochs=2", "batch=6", "network.width=2", "folds=3", "tta=1"]
    extended("-m", "galviz", "train", "members_count", "--data", str(sky), "--out", run, "--set", *small, "--no-queue")
    extended("-m", "galviz", "predict", run, "--data", str(sky), "--out", "again.parquet")
    extended("-c", CHECK, run, str(sky))
