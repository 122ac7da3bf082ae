"""The project's own files: budgets that keep it readable, and versions that agree with each other."""

import ast
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "galviz").rglob("*.py"))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize(
    ("folder", "most"), [("galviz", 300), ("galviz/studies", 150), ("galviz/views", 160), ("dashboards", 20)]
)
def test_files_are_short(folder, most):
    long = {p.name: n for p in (ROOT / folder).rglob("*.py") if (n := len(p.read_text().splitlines())) > most}
    assert not long


def test_functions_are_short():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": body_lines(node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > 40
    }
    assert not long


def test_pins_are_within_the_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[name.lower().replace("_", "-")] = version
    extras = [r for group in project["optional-dependencies"].values() for r in group if not r.startswith("galviz")]
    for text in project["dependencies"] + extras:
        wanted = Requirement(text)
        name = wanted.name.lower().replace("_", "-")
        assert name in pins, f"{name} has no pin in constraints.txt"
        assert wanted.specifier.contains(pins[name]), f"{name} {pins[name]} is outside {wanted.specifier}"


def test_conda_environment_installs_the_same_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == ["-c constraints.txt", "-e .[notebook]"]
