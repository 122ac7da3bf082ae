"""The browser part of the threshold: a histogram with a line to drag, a slider, and the numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from galviz.tools.client import script
from galviz.tools.messages import check
from galviz.tools.scripted import Scripted
from galviz.tools.threshold import messages


class ThresholdLine(Scripted):
    """Sends the threshold that the user sets, and shows its numbers."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.on_threshold: Callable[[float, bool], None] = lambda *_: None
        self._latest: dict[str, dict[str, Any]] = {}
        self._acknowledged: dict[str, int] = {}

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        check(data, messages.FROM_BROWSER)
        if data["type"] == "hello":
            for message in self._latest.values():
                super().send(message)
            return
        self._acknowledged[data["client"]] = data["seq"]
        self.on_threshold(float(data["value"]), data["done"])
        if "state" in self._latest:  # acknowledged even if the threshold did not change
            self.send({**self._latest["state"], "acknowledged": dict(self._acknowledged)})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every browser; later ones get it when they connect."""
        self._latest[message["type"]] = message
        super().send(message)

    def tell(self, threshold: float, numbers: list[tuple[str, str]]) -> None:
        """Send the position of the line and its numbers."""
        self.send(
            messages.State(type="state", threshold=threshold, numbers=numbers, acknowledged=dict(self._acknowledged))
        )
