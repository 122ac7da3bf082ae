"""The part of a view that a script draws in the browser, and the messages between the two."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import panel as pn


class Scripted(pn.custom.JSComponent):
    """A view that a script draws. It loads nothing from other servers.

    A subclass gives the script as ``_esm``, from `galviz.tools.client.script`.

    Attributes
    ----------
    on_message : callable
        Called with each message from a browser.
    """

    _bytes: ClassVar[str] = "data"  # the field of a message in which bytes are sent

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.on_message: Callable[[Mapping[str, Any]], Any] = lambda _: None

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        self.on_message(data)

    def send(self, message: Mapping[str, Any], data: bytes | None = None) -> None:
        """Send a message, and the bytes that belong to it, to every browser that shows this view."""
        self._send_msg(dict(message) if data is None else {**message, self._bytes: data})
