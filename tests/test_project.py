"""The project's own files: versions that agree with each other."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent


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
