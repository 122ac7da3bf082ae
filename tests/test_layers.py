"""Who may import whom: import-linter for whole layers, a look at the syntax for what holds at module level."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NETWORKS = {"torch", "torchvision", "lightning", "captum", "galviz.nn"}
PAGES = {"holoviews", "panel", "ipywidgets"}
ANYWHERE = {  # never imported in these, not even inside a function
    "io": NETWORKS | PAGES,
    "sky": NETWORKS | PAGES,
    "measure": NETWORKS | PAGES,
    "tasks": NETWORKS | PAGES,
    "runs": NETWORKS | PAGES,
    "nn": PAGES,
    "studies": PAGES,
    "work": PAGES,
    "tools": NETWORKS,
    "pages": NETWORKS,
}
AT_MODULE_LEVEL = {"studies": NETWORKS, "work": NETWORKS, "cli/main.py": {"galviz", *NETWORKS, *PAGES}}
IN_TOOLS = {f"{name}.py": {"panel", "ipywidgets"} for name in ("core", "exchange", "figure")}  # of each tool


def imports(path, package, *, inside_functions):
    """Modules that a file imports, with relative names resolved; what is only for type checkers does not count."""
    found, todo = [], [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside_functions:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        todo += ast.iter_child_nodes(node)
    return found


def breaches(galviz):
    """Each banned import under the folder `galviz`, as "file imports module"."""
    found = []
    for table, inside in ((ANYWHERE, True), (AT_MODULE_LEVEL, False)):
        for layer, banned in table.items():
            place = galviz / layer
            for path in [place] if place.suffix else sorted(place.rglob("*.py")):
                package = ".".join(path.relative_to(galviz.parent).parent.parts)
                names = imports(path, package, inside_functions=inside)
                bad = [name for name in names if any(name == ban or name.startswith(f"{ban}.") for ban in banned)]
                found += [f"{path.relative_to(galviz)} imports {name}" for name in bad]
    for path in sorted((galviz / "tools").rglob("*.py")):
        names = imports(path, ".".join(path.relative_to(galviz.parent).parent.parts), inside_functions=True)
        bad = [name for name in names if name.partition(".")[0] in IN_TOOLS.get(path.name, ())]
        found += [f"{path.relative_to(galviz)} imports {name}" for name in bad]
    return found


def lint_imports(folder):
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def loaded_after(statement):
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture
def copied(tmp_path):
    """A copy of the project to plant a breach in."""
    shutil.copytree(ROOT / "galviz", tmp_path / "galviz", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_file_keeps_to_its_layer():
    assert breaches(ROOT / "galviz") == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("studies/planted.py", "import torch.nn as nn"),
        ("studies/planted.py", "from galviz import nn"),
        ("studies/planted.py", "from ..nn.training.fit import fit"),
        ("studies/planted.py", "if True:\n    from galviz.nn.training.fit import fit"),
        ("studies/planted.py", "def show():\n    import panel"),
        ("pages/planted.py", "def show():\n    import torch"),
        ("tools/gallery/planted.py", "def show():\n    from galviz.nn import training"),
        ("sky/mock/planted.py", "import holoviews as hv"),
        ("tools/gallery/exchange.py", "import panel"),
        ("cli/main.py", "from galviz.runs.run import Run"),
    ],
)
def test_a_planted_breach_is_seen(copied, file, line):
    with (copied / "galviz" / file).open("a") as out:
        out.write(f"\n{line}\n")
    found = breaches(copied / "galviz")
    assert found
    assert all(breach.startswith(file) for breach in found)


@pytest.mark.parametrize(
    "line", ["def train():\n    import torch", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"]
)
def test_late_imports_and_annotations_are_allowed(copied, line):
    (copied / "galviz/studies/planted.py").write_text(line)
    assert breaches(copied / "galviz") == []


def test_import_linter_holds():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_linter_sees_a_planted_breach(copied):
    with (copied / "galviz/tasks/target.py").open("a") as out:
        out.write("\nfrom galviz.runs.run import Run\n")
    done = lint_imports(copied)
    assert done.returncode == 1
    assert "galviz.tasks.target -> galviz.runs.run" in done.stdout


@pytest.mark.parametrize(
    "statement", ["import galviz", "import galviz.work.processes, galviz.cli.main, galviz.cli.commands"]
)
def test_neither_torch_nor_panel_is_loaded(statement):
    assert not loaded_after(statement) & {"torch", "lightning", "torchvision", "captum", "panel", "holoviews"}


def test_import_galviz_loads_no_pandas():
    assert not loaded_after("import galviz") & {"pandas", "numpy", "astropy"}


def test_exports_are_loaded_on_use():
    loaded = loaded_after("import galviz; galviz.Target; galviz.CutoutSet; galviz.Selection; galviz.__version__")
    assert {"galviz.tasks.target", "galviz.sky.cutouts", "galviz.tools.selection.core"} <= loaded
    assert "torch" not in loaded


def test_every_export_is_listed_and_there():
    import galviz

    assert set(galviz.__all__) <= set(dir(galviz))
    for name in galviz.__all__:
        assert getattr(galviz, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'CutoutSets'; it exports CutoutSet"):
        galviz.CutoutSets  # noqa: B018


def test_serving_loads_no_torch():
    files = sorted(file for room in ("tools", "pages") for file in (ROOT / "galviz" / room).rglob("[!_]*.py"))
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    loaded = loaded_after(f"import galviz.work.processes {''.join(f', {module}' for module in modules)}")
    assert "torch" not in loaded


def test_a_page_opens_without_what_takes_long_to_import():
    assert not loaded_after("import galviz.pages.site") & {"torch", "astropy", "scipy", "photutils", "datashader"}


STUDIES = {file.stem for file in (ROOT / "galviz" / "studies").glob("[!_]*.py")} - {"own"}  # the default of commands
COLUMNS = {"richness"}  # also the name of a column, in `galviz.sky`
WORDS = {"members"}  # also a word of the field, for the galaxies of a cluster; only imports are looked for


def names_of_studies(package: Path) -> list[str]:
    """Places outside `galviz.studies` that name a study, in a literal or an import. Docstrings and examples may."""
    found = []
    for file in sorted(package.rglob("*.py")):
        room = file.relative_to(package).parts[0]
        if room == "studies" or file.name == "versions.py":  # which reads files of older versions
            continue
        by_column = room == "sky" or file.is_relative_to(package / "tools/plots")  # columns may have the same names
        known = STUDIES - COLUMNS if by_column else STUDIES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            literal = isinstance(node, ast.Constant) and node.value in known - WORDS
            imported = isinstance(node, ast.ImportFrom) and str(node.module).startswith("galviz.studies.")
            if literal or imported:
                found.append(f"{file.relative_to(package)}:{node.lineno}")
    return found


def test_only_studies_know_their_names():
    assert names_of_studies(ROOT / "galviz") == []


def test_a_planted_name_of_a_study_is_seen(copied):
    (copied / "galviz/pages/planted.py").write_text("from galviz.studies.mergers import STUDY\n\nNAME = 'richness'\n")
    assert names_of_studies(copied / "galviz") == ["pages/planted.py:1", "pages/planted.py:3"]


ALONE = {
    "nn/_torchvision.py": "runs before torchvision is imported",
    "measure/class_scores.py": "a measure with known answers",
    "measure/ranges.py": "a measure with known answers",
    "nn/training/rate_finder.py": "a short training of its own, for notebooks too",
    "runs/ensemble.py": "averages predictions, with known answers",
    "runs/opening.py": "galviz.open",
    "studies/_recipes.py": "data, apart from what a study is",
    "nn/explain/regions.py": "a way to explain of its own, beside occlusion and gradients",
    "nn/gan/best_fit.py": "the method of the paper",
    "sky/aperture.py": "an image measurement, with its own known answers",
    "sky/export.py": "cutouts as files, used by pages and notebooks",
    "sky/mock/embedded.py": "a synthetic sky of its own",
    "sky/readers/writing.py": "writing a sky in parts is another thought than finding pictures",
    "sky/readers/seeing.py": "an image measurement, with its own known answers",
    "tools/selection/polygon.py": "numerical, tested on 10⁶ points",
    "tools/intervals/figure.py": "a figure stands apart from its view",
    "tools/label_curves/figure.py": "a figure stands apart from its view",
    "tools/table/core.py": "statistics with known answers, without panel",
    "work/sweeping.py": "runs in a process of its own",
}
"""Modules with one function and one importer, and why they stand alone."""


def test_a_module_with_one_function_and_one_importer_has_a_reason():
    package, uses = ROOT / "galviz", {}
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in package.rglob("*.py")}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    uses.setdefault(name, set()).add(file)
    alone = set()
    for file, tree in trees.items():
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
        if len(public) == 1 and isinstance(public[0], ast.FunctionDef) and len(uses.get(name, set()) - {file}) == 1:
            alone.add(str(file.relative_to(package)))
    assert alone - ALONE.keys() == set()
