"""What of the occlusion view runs in the browser."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import panel as pn

from galviz.tools.client import script


class OcclusionCanvas(pn.custom.JSComponent):
    """What of the view runs in the browser; it asks nothing of any other server."""

    _esm = script(Path(__file__))

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.said: dict[str, dict[str, Any]] = {}

    def _handle_msg(self, _: Mapping[str, Any]) -> None:
        for message in self.said.values():
            self._send_msg(message)

    def send(self, message: dict[str, Any]) -> None:
        """Bring a message to every browser, and to those that come later."""
        self.said = {message["type"]: message} if message["type"] == "object" else self.said | {"map": message}
        self._send_msg(message)
