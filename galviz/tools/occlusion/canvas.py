"""The browser part of the occlusion view."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import panel as pn

from galviz.tools.client import script


class OcclusionCanvas(pn.custom.JSComponent):
    """Shows an object and its occlusion map; it loads nothing from other servers."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.latest: dict[str, dict[str, Any]] = {}

    def _handle_msg(self, _: Mapping[str, Any]) -> None:
        for message in self.latest.values():
            self._send_msg(message)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every browser; later ones get the latest object and map when they connect."""
        self.latest = {message["type"]: message} if message["type"] == "object" else self.latest | {"map": message}
        self._send_msg(message)
