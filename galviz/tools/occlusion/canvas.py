"""The browser part of the occlusion view."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn

from galviz.tools.client import script
from galviz.tools.messages import check
from galviz.tools.occlusion.messages import FROM_BROWSER


class OcclusionCanvas(pn.custom.JSComponent):
    """Shows an object and its map; it loads nothing from other servers."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.latest: dict[str, dict[str, Any]] = {}
        self.on_message: Callable[[Mapping[str, Any]], None] = lambda _: None

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        check(data, FROM_BROWSER)
        if data["type"] != "hello":
            self.on_message(data)
            return
        for message in self.latest.values():
            self._send_msg(message)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every browser; later ones get the latest of each kind when they connect."""
        kept = {} if message["type"] == "object" else self.latest
        self.latest = kept | {message["type"]: message}
        self._send_msg(message)
