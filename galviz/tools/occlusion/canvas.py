"""The browser part of the occlusion view."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from galviz.tools.client import script
from galviz.tools.messages import check
from galviz.tools.occlusion.messages import FROM_BROWSER
from galviz.tools.scripted import Scripted


class OcclusionCanvas(Scripted):
    """Shows an object and its map."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.latest: dict[str, dict[str, Any]] = {}

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        check(data, FROM_BROWSER)
        if data["type"] != "hello":
            super()._handle_msg(data)
            return
        for message in self.latest.values():
            super().send(message)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every browser; later ones get the latest of each kind when they connect."""
        kept = {} if message["type"] == "object" else self.latest
        self.latest = kept | {message["type"]: message}
        super().send(message)
