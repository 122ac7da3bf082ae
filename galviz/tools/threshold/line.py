"""What of the threshold runs in the browser: the histogram with its line, the slider, the numbers beside."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn

from galviz.tools.client import script


class ThresholdLine(pn.custom.JSComponent):
    """What runs in the browser; it asks nothing of any other server."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.asked: Callable[[float, bool], None] = lambda *_: None
        self._said: dict[str, dict[str, Any]] = {}
        self._heard: dict[str, int] = {}

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        if data["type"] == "hello":
            for message in self._said.values():
                self._send_msg(message)
            return
        self._heard[str(data["client"])] = int(data["seq"])
        self.asked(float(data["value"]), bool(data["done"]))
        if "state" in self._said:  # what was asked for may be what is already there
            self.send({**self._said["state"], "heard": dict(self._heard)})

    def send(self, message: dict[str, Any]) -> None:
        """Bring a message to every browser, and to those that come later."""
        self._said[message["type"]] = message
        self._send_msg(message)

    def tell(self, threshold: float, numbers: list[tuple[str, str]]) -> None:
        """Say where the line is and what it does."""
        lines = [list(line) for line in numbers]
        self.send({"type": "state", "threshold": threshold, "numbers": lines, "heard": dict(self._heard)})
