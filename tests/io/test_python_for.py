import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from galviz.io.provenance import ids_digest, provenance, python_for
from galviz.io.tables import KeyedTable, write_table
from galviz.sky.cutouts import CutoutSet
from galviz.tools.selection.core import Selection

_spec = importlib.util.spec_from_file_location(
    "python_for_bench", Path(__file__).parents[1] / "bench" / "python_for.py"
)
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)


def fresh(script):
    """Run a script in a fresh process and give the ids that it prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.split("\n") if line]


@pytest.mark.slow
def test_random_sequences_give_the_same_ids_in_a_fresh_process(tmp_path):
    same, expected = bench.compare(tmp_path, sequences=20, rows=2000, seed=1, processes=1)
    assert same == [True] * 20
    assert len(set(expected)) > 10  # the sequences do choose something


def test_a_table_of_another_program_with_its_own_ids(tmp_path):
    (tmp_path / "it's a table.csv").write_text("name,z\n001,0.1\n002,0.5\n01,0.2\n")
    table = bench.read_table(tmp_path / "it's a table.csv", id_column="name").table
    selection = Selection(table)
    selection.where("z < 0.3")
    script = python_for(selection, tmp_path / "it's a table.csv", id_column="name")
    assert fresh(script) == selection.ids.tolist() == ["001", "01"]
    assert ids_digest(selection.ids) in script


def test_the_catalogue_of_a_sky(tmp_path, tiny_sky):
    path = tiny_sky.save(tmp_path / "sky")
    selection = Selection(CutoutSet.open(path).catalogue)
    selection.box({"z": (0.15, float("inf"))})
    assert 0 < len(selection) < 12
    assert fresh(python_for(selection, path)) == selection.ids.tolist()


def test_lines_that_open_something_else(tmp_path, tiny_sky):
    write_table(tmp_path / "t.fits", KeyedTable(tiny_sky.catalogue), "fits")
    opening = f"from galviz.io.tables import read_table\ntable = read_table({str(tmp_path / 't.fits')!r}).table.head(5)"
    selection = Selection(tiny_sky.catalogue.head(5))
    selection.invert()
    assert fresh(python_for(selection, "unused", opening=opening)) == tiny_sky.object_ids[:5].tolist()


def test_nothing_chosen_prints_nothing(tmp_path, tiny_sky):
    write_table(tmp_path / "t.csv", tiny_sky.catalogue, "csv")
    assert fresh(python_for(Selection(tiny_sky.catalogue), tmp_path / "t.csv")) == []


def test_the_passport_of_a_selection_can_be_taken_again(tiny_sky):
    selection = Selection(tiny_sky.catalogue)
    selection.where("z < 0.2")
    papers = provenance(selection.ids, steps=selection.steps, python=python_for(selection, "sky"))
    again = Selection(tiny_sky.catalogue)
    again.replay(papers["steps"])
    assert papers["ids"] == {"count": len(again), "sha256": ids_digest(again.ids)}
    assert "selection.where(expression='z < 0.2')" in papers["python"]
