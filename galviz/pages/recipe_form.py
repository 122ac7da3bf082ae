"""A form to edit the settings of a recipe. It is made from what `galviz.runs.recipe` declares."""

from collections.abc import Iterable, Mapping
from dataclasses import Field
from typing import Any, get_origin

import panel as pn
import param

from galviz.runs.recipe import ARCHITECTURES, Recipe
from galviz.runs.settings import Setting, about, declared, text_of
from galviz.runs.timm_encoders import MILLIONS
from galviz.tools.formatting import Choices

_ARCHITECTURE, _PRETRAINED, _COLUMNS = "network.architecture", "network.pretrained", "data.columns"
_WIDE = {"sizing_mode": "stretch_width"}
_DECLARED = dict(declared(Recipe))


class RecipeForm(pn.viewable.Viewer):
    """One widget per setting of a recipe; `settings` returns the changes as arguments of ``galviz train --set``.

    Settings that the architecture or the task does not have are left out. With another architecture, its options
    replace those of the old one.

    Parameters
    ----------
    recipe : Recipe
    task : str
        What is learned: ``"regression"``, ``"classification"``, ``"votes"`` or ``"pretext"``.
    """

    edits = param.Integer(default=0, doc="grows with every change of a widget")

    def __init__(self, recipe: Recipe, task: str = "regression", **params: object) -> None:
        super().__init__(**params)
        self.recipe, self.task = recipe, task
        self.widgets = {key: self._new(key, value) for key, value in self._shown(recipe).items()}
        self.cards = [pn.Card(title=group, collapsed=bool(k), **_WIDE) for k, group in enumerate(self._groups())]
        self.widgets[_ARCHITECTURE].param.watch(self._change_architecture, "value")
        self._fill()

    def offer(self, columns: Iterable[str]) -> None:
        """Offer columns of the catalogue that the network may get beside the picture."""
        if choice := self.widgets.get(_COLUMNS):
            choice.options = list(dict.fromkeys([*choice.value, *columns]))

    def _new(self, key: str, value: Any) -> pn.widgets.Widget:
        widget = _widget(key, value, self.task)
        # The precedence: after another architecture has brought its widgets.
        widget.param.watch(lambda _: self.param.update(edits=self.edits + 1), "value", precedence=1)
        return widget

    @property
    def _base(self) -> Recipe:
        """The recipe with the selected architecture, from which the widgets differ by what the visitor changed."""
        return self.recipe.replace(network={"architecture": self.widgets[_ARCHITECTURE].value})

    def _shown(self, recipe: Recipe) -> dict[str, Any]:
        return {
            key: value
            for key, value in recipe.flat().items()
            if key != "name" and self.task in (_setting(key).tasks or (self.task,))
        }

    def _groups(self) -> list[str]:
        return list(dict.fromkeys(_group(key) for key in self.widgets))

    def _change_architecture(self, _: object) -> None:
        try:
            shown = self._shown(self._base)
        except ValueError:  # no name of an architecture: `changed` says so
            return
        made = {key: self.widgets.get(key) or self._new(key, value) for key, value in shown.items()}
        self.widgets.clear()
        self.widgets.update(made)
        self._fill()

    def _fill(self) -> None:
        for card in self.cards:
            own = [_with_help(key, widget) for key, widget in self.widgets.items() if _group(key) == card.title]
            card.objects = [pn.FlexBox(*own)]

    def settings(self) -> list[str]:
        """Return the changed settings as ``key=value``."""
        before = self._shown(self._base) | {_ARCHITECTURE: self.recipe.network.architecture}
        now = {key: _value(widget) for key, widget in self.widgets.items()}
        return [f"{key}={text_of(now[key])}" for key, value in before.items() if now[key] != value]

    def changed(self) -> Recipe:
        """Return the recipe with the changes.

        Raises
        ------
        ValueError
            If a setting is out of range; the message names it.
        """
        return self.recipe.with_settings(self.settings())

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*self.cards, **_WIDE)


def _field(key: str) -> Field:
    return _DECLARED[key] if key in _DECLARED else _DECLARED[key.rpartition(".")[0]]


def place_of(key: str) -> str:
    """Return where on the page the setting of a key is: ``"Advanced, validation, fold"``; "" if it is no setting."""
    if key not in _DECLARED and key.rpartition(".")[0] not in _DECLARED:
        return ""
    return f"Advanced, {_group(key)}, {_label(key)}"


def _label(key: str) -> str:
    return key.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def _setting(key: str) -> Setting:
    return about(_field(key))


def _group(key: str) -> str:
    """Return the title of the card that a setting stands on."""
    return key.partition(".")[0] if "." in key else "training"


def _widget(key: str, value: Any, task: str) -> pn.widgets.Widget:
    known, kind = _setting(key), _field(key).type
    label = _label(key)
    options: dict[str, Any] = {"label": label, "value": value, "width": 180}
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        options |= {"label": f"learning rate: {label}", "step": value / 10}
        kind = float
    if kind is bool:
        return pn.widgets.Switch(**options | {"width": 120})
    options["description"] = known.help
    if key == _ARCHITECTURE:
        names = [one for one in known.choices if one == value or task in ARCHITECTURES[one]]
        names = list(dict.fromkeys([*names, value, *MILLIONS]))  # others can be typed: timm has over a thousand
        options |= {"width": 240, "restrict": False, "case_sensitive": False, "min_characters": 0}
        options["description"] += " Those of timm can begin with trained weights: see “pretrained”."
        return pn.widgets.AutocompleteInput(**options, options=names, search_strategy="includes")
    if kind is str and known.choices:
        return pn.widgets.Select(**options, options=list(known.choices))
    if known.choices or get_origin(kind) is tuple:
        names = list(known.choices or value)  # of columns: see `RecipeForm.offer`
        return Choices(**options | {"value": list(value), "width": 240}, options=names)
    if kind in (int, float):
        start, end = known.ends
        number = pn.widgets.IntInput if kind is int else pn.widgets.FloatInput
        return number(**{"step": 1 if kind is int else 0.01} | options, start=start, end=end)
    if key == _PRETRAINED:
        options |= {"width": 240, "placeholder": "imagenet, a tag of timm, a file or a run"}
    return pn.widgets.TextInput(**options)


def _with_help(key: str, widget: pn.widgets.Widget) -> pn.viewable.Viewable:
    """Return a switch with its help beside it, which Panel's lacks; and any other widget as it is."""
    if not isinstance(widget, pn.widgets.Switch):
        return widget
    return pn.Row(widget, pn.widgets.TooltipIcon(value=_setting(key).help), width=200)


def _value(widget: pn.widgets.Widget) -> Any:
    value = "" if widget.value is None else widget.value  # None: the visitor has emptied a field of a number
    return tuple(value) if isinstance(value, list) else value
