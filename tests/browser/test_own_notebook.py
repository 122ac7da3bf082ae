"""The notebook of a user's own images in JupyterLab: every cell runs, and what it shows is seen."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Driven
from pages import free_port
from PIL import Image
from playwright.sync_api import expect

from galviz.runs.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROOT = Path(__file__).parents[2]
COUNT, SIZE = 40, 32
READY = "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures, every other one brighter in the middle, and a table that says which."""
    folder, rng = tmp_path / "mine", np.random.default_rng(0)
    folder.mkdir()
    for k in range(COUNT):
        image = rng.integers(0, 60, (SIZE, SIZE, 3))
        image[12:20, 12:20] += 150 * (k % 2)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"g{k:02d}.png")
    table = pd.DataFrame({"object_id": [f"g{k:02d}" for k in range(COUNT)], "bright": np.arange(COUNT) % 2})
    table.to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture
def lab(pictures, tmp_path):
    """The address of the notebook, in a JupyterLab of its own."""
    work, port = tmp_path / "work", free_port()
    work.mkdir()
    (work / "own.ipynb").write_bytes((ROOT / "notebooks" / "00_your_own_data.ipynb").read_bytes())
    env = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    env |= {"PYTHONPATH": str(ROOT), "GALVIZ_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    env |= {"GALVIZ_IMAGES": str(pictures), "GALVIZ_TARGET": "bright"}
    env |= {"GALVIZ_SET": "epochs=3 network.width=4 tta=1 folds=2"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={work}", "--LabApp.expose_app_in_browser=True"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | env)
    yield f"http://127.0.0.1:{port}/lab/tree/own.ipynb?reset"
    process.terminate()
    process.wait(20)


def test_every_cell_of_the_notebook_runs_and_shows_what_it_says(lab, chromium, tmp_path):
    page = chromium.new_page(viewport={"width": 1500, "height": 6000})  # all cells are in view, thus drawn
    driven = Driven(page)
    driven.until(lambda: page.goto(lab), 60)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.wait_for()
    page.wait_for_function(READY)
    page.evaluate("t => jupyterapp.commands.execute('apputils:change-theme', { theme: t })", "JupyterLab Dark")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    for prompt in prompts.all():  # "[*]:" until its cell has run
        driven.until(lambda prompt=prompt: errors.count() or prompt.inner_text().strip("[]: \n").isdigit())
    assert errors.all_inner_texts() == []
    expect(page.get_by_text("2 values (0, 1) → classification, positive 1")).to_be_visible()

    # The training is followed live, and its end is awaited.
    expect(page.get_by_text("done, epoch 3 of 3")).to_be_visible()
    expect(page.locator("svg[role=img]", has_text="Loss against epoch")).to_be_visible()
    (run,) = (tmp_path / "home" / "runs").iterdir()
    assert Run.open(run).state()["status"] == "done"
    expect(cells.filter(has_text="run.wait()").get_by_text("'val_accuracy'")).to_be_visible()
    expect(cells.filter(has_text="summary()").get_by_text("accuracy").last).to_be_visible()

    # The results: a plot and a gallery with pictures. The explanation: a map.
    explored = cells.filter(has_text="galviz.explore(run)")
    expect(explored.locator(".galviz-gallery .cell.here canvas").first).to_be_visible()
    driven.until(lambda: any("onfusion" in figure["title"] for figure in driven.figures()))
    explained = cells.filter(has_text="galviz.explain(run")
    expect(explained.locator(".galviz-occlusion .readout", has_text="unchanged image:")).to_be_visible()
    assert driven.outside == []

    # They fit into a cell, and are dark on a dark page: panes, figures, and what stands on them is light.
    assert explored.locator(".jp-Cell-outputWrapper").bounding_box()["height"] < 900
    for part in (".panes .area", ".bk-Figure"):
        assert _grey(explored.locator(part).first, "background-color", "--bk-background-fill-color") < 60
    for part in (".galviz-gallery", ".galviz-focus", ".galviz-filters"):
        assert _grey(explored.locator(part).first, "color") > 180
    page.close()


def _grey(element, *styles):
    """How light a colour of an element is, 0 … 255; of the styles, the last that is set."""
    written = element.evaluate("(e, names) => names.map((n) => getComputedStyle(e).getPropertyValue(n))", list(styles))
    colour = next(one for one in reversed(written) if one)
    return element.evaluate(
        """(e, colour) => {
          const pen = new OffscreenCanvas(1, 1).getContext('2d')
          pen.fillStyle = colour
          pen.fillRect(0, 0, 1, 1)
          const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data
          return alpha ? (red + green + blue) / 3 : -1
        }""",
        colour,
    )
