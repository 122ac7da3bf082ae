"""A line of cards with the numbers that matter: value, interval, unit; the definition under the pointer."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import panel as pn
import param

from galviz.tools.client import script


class Card(NamedTuple):
    """One number: its name, its value with its unit, its interval, its definition, and whether a click shows more."""

    name: str
    value: str
    interval: str = ""
    about: str = ""
    opens: bool = False


class Cards(pn.custom.JSComponent):
    """A line of cards.

    Parameters
    ----------
    cards : sequence of Card
    act : callable
        Called with the name of a card on a click.
    """

    cards = param.List(default=[], item_type=dict)

    _esm = script(Path(__file__), "cards.js")
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_suffix(".css").read_text(encoding="utf-8")]

    def __init__(self, cards: Sequence[Card] = (), act: Callable[[str], Any] | None = None, **params: object) -> None:
        self._act = act
        super().__init__(cards=[card._asdict() for card in cards], **({"sizing_mode": "stretch_width"} | params))

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        names = {card["name"] for card in self.cards if card["opens"]}
        if self._act is not None and data.get("name") in names:
            self._act(data["name"])
