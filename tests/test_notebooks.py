"""Notebooks run from the first cell to the last, and are kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count]


def executed(path, folder):
    """A notebook as it is after its last cell."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=400, kernel_name="python3", resources=resources).execute()


def shown(cell):
    """What a cell shows at its end."""
    return next(output.data for output in cell.outputs if output.output_type == "execute_result")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_a_network_is_trained_judged_and_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("GALVIZ_N", "24")
    monkeypatch.setenv("GALVIZ_SIZE", "16")
    monkeypatch.setenv("GALVIZ_SET", "epochs=2 network.width=4 batch=8 tta=1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    one, why = (next(path for path in NOTEBOOKS if path.stem.startswith(name)) for name in ("01", "06"))
    judged = executed(one, tmp_path).cells[-3:]
    assert "ln_richness_true" in shown(judged[0])["text/html"]
    assert "mae" in shown(judged[1])["text/html"]
    explained = executed(why, tmp_path).cells[4:]  # of the same run
    assert "(16, 16)" in shown(explained[0])["text/plain"]
    assert "(5, 16, 16)" in shown(explained[1])["text/plain"]
    assert "empty sky" in shown(explained[2])["text/html"]
    assert "(2, 5, 16, 16)" in shown(explained[4])["text/plain"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_a_folder_of_pictures_and_a_column_are_enough(monkeypatch, tmp_path):
    given = {"N": "40", "SIZE": "16", "SET": "epochs=2 network.width=4 batch=8 tta=1 folds=3 calibration=0"}
    for name, value in (given | {"HOME": str(tmp_path / "home")}).items():
        monkeypatch.setenv(f"GALVIZ_{name}", value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    zero = next(path for path in NOTEBOOKS if path.stem.startswith("00"))
    cells = [cell for cell in executed(zero, tmp_path).cells if cell.cell_type == "code"]
    assert "featured" in shown(cells[2])["text/html"]
    assert "classification, positive 1" in shown(cells[3])["text/plain"]
    assert "accuracy" in shown(cells[6])["text/html"]
    assert "OcclusionWidget" in shown(cells[8])["text/plain"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_votes_are_learned_judged_and_cut(monkeypatch, tmp_path):
    given = {"N": "24", "SIZE": "16", "SET": "epochs=2 network.width=4 batch=8 tta=1", "HOME": str(tmp_path / "home")}
    for name, value in given.items():
        monkeypatch.setenv(f"GALVIZ_{name}", value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    two = next(path for path in NOTEBOOKS if path.stem.startswith("02"))
    cells = [cell for cell in executed(two, tmp_path).cells if cell.cell_type == "code"]
    by = {cell.source.splitlines()[0]: cell for cell in cells}
    assert "RMSE of the guess" in shown(by["from galviz.runs.predictions import joined"])["text/html"]
    assert len(shown(by["# Their pictures, row by row in the same order."])["image/png"]) > 1000
    assert "ThresholdWidget" in shown(by["from galviz.tools.threshold.widget import ThresholdWidget"])["text/plain"]
    assert "Darg et al. (2010)" in shown(cells[-1])["text/html"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_a_missing_band_is_repaired_and_redshifts_are_read(monkeypatch, tmp_path):
    given = {"N": "24", "SIZE": "16", "SET": "epochs=2 network.width=16 network.latent=4 batch=8"}
    for name, value in (given | {"HOME": str(tmp_path / "home")}).items():
        monkeypatch.setenv(f"GALVIZ_{name}", value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    three = next(path for path in NOTEBOOKS if path.stem.startswith("03"))
    cells = [cell for cell in executed(three, tmp_path).cells if cell.cell_type == "code"]
    assert shown(cells[5])["text/html"].count("<tr") == 3  # a head and two bands
    assert "filled in by best fits" in shown(cells[6])["text/plain"]
    assert "sigma_nmad" in shown(cells[7])["text/html"]
    assert "(16, 5, 16, 16)" in shown(cells[8])["text/plain"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_a_metallicity_is_learned_and_judged_beside_baselines(monkeypatch, tmp_path):
    given = {"N": "60", "SIZE": "16", "SET": "epochs=2 network.width=4 batch=8 tta=1", "HOME": str(tmp_path / "home")}
    for name, value in given.items():
        monkeypatch.setenv(f"GALVIZ_{name}", value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    five = next(path for path in NOTEBOOKS if path.stem.startswith("05"))
    cells = [cell for cell in executed(five, tmp_path).cells if cell.cell_type == "code"]
    by = {cell.source.splitlines()[0]: cell for cell in cells}
    beside = by["# How well, for galaxies that it has not seen, beside methods without a network."]
    assert "colours and shape" in shown(beside)["text/html"]
    sizes = by["# The error against the size of the pictures, with its 95 % interval (the paper's go up to 128²)."]
    assert "HoloViews" in shown(sizes)["text/plain"]
    assert "oh_p50_true" in shown(cells[-2])["text/html"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_members_are_told_judged_by_region_and_explained(monkeypatch, tmp_path):
    given = {"N": "120", "SIZE": "16", "SET": "epochs=1 network.width=4 tta=1", "HOME": str(tmp_path / "home")}
    for name, value in given.items():
        monkeypatch.setenv(f"GALVIZ_{name}", value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    four = next(path for path in NOTEBOOKS if path.stem.startswith("04"))
    cells = [cell for cell in executed(four, tmp_path).cells if cell.cell_type == "code"]
    by = {cell.source.splitlines()[0]: cell for cell in cells}
    assert "scatter" in shown(by["import pandas as pd"])["text/html"]
    beside = "# How well, in fields that it has not seen, beside forests; precision is purity, recall completeness."
    assert "colours and shape" in shown(by[beside])["text/html"]
    assert "DiagramWidget" in shown(by["from galviz.runs.predictions import joined"])["text/plain"]
    region = by["# The same in numbers, with intervals from a bootstrap of whole fields."]
    assert "green valley" in shown(region)["text/html"]
    assert "trust" in shown(cells[-2])["text/html"]
    assert "OcclusionWidget" in shown(cells[-1])["text/plain"]
