"""A form to edit the fields of a recipe."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import panel as pn

from galviz.runs.recipe import CHOICES, Recipe


class RecipeForm(pn.viewable.Viewer):
    """One widget per field of a recipe; `settings` returns the changes as arguments of ``galviz train --set``.

    Parameters
    ----------
    recipe : Recipe
    """

    def __init__(self, recipe: Recipe, **params: object) -> None:
        super().__init__(**params)
        self.recipe = recipe
        self.widgets = {key: _widget(key, value) for key, value in flat(recipe).items()}
        for key, widget in self.widgets.items():
            widget.description = helps().get(key.partition(".")[0], "")

    def settings(self) -> list[str]:
        """Return the changed fields as ``key=value``."""
        now = {key: _text(widget.value) for key, widget in self.widgets.items()}
        return [f"{key}={now[key]}" for key, value in flat(self.recipe).items() if now[key] != _text(value)]

    def changed(self) -> Recipe:
        """Return the recipe with the changes.

        Raises
        ------
        ValueError
            If a field has the wrong type or is out of range; the message names it.
        """
        return self.recipe.with_settings(self.settings())

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.FlexBox(*self.widgets.values())


def flat(recipe: Recipe) -> dict[str, Any]:
    """Return the fields of a recipe except its name; mappings become keys such as ``learning_rates.head``."""
    result = {}
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        if isinstance(value, Mapping):
            result |= {f"{field.name}.{key}": inner for key, inner in value.items()}
        elif field.name != "name":
            result[field.name] = value
    return result


@cache
def helps() -> dict[str, str]:
    """Return the description of each field, taken from the docstring of `Recipe`."""
    said = re.findall(r"^(\w[\w, ]*) : .*\n((?:    .+\n?)+)", inspect.getdoc(Recipe) or "", re.MULTILINE)
    plain = {names: " ".join(words.replace("``", "").replace("`", "").split()) for names, words in said}
    return {name: words for names, words in plain.items() for name in names.split(", ")}


def _widget(key: str, value: Any) -> pn.widgets.Widget:
    label = key.replace("_", " ").replace(".", ": ")
    if key in CHOICES:
        return pn.widgets.Select(label=label, options=list(CHOICES[key]), value=value, width=200)
    if isinstance(value, bool):
        return pn.widgets.Select(label=label, options={"no": False, "yes": True}, value=value, width=150)
    if isinstance(value, int):
        return pn.widgets.IntInput(label=label, value=value, width=150)
    return pn.widgets.TextInput(label=label, value=_text(value), width=150)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
