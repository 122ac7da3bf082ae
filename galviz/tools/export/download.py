"""Download of files, and display of Python code, over the page's own connection."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar

import panel as pn
import param

from galviz.tools.client import script as client_script

_PIECE = 2**21  # bytes per message to the browser


class Download(pn.custom.JSComponent):
    """The browser part of the export: receives a file in pieces, and shows Python code to copy.

    The browser requests each piece after it has received the one before. So no file is served at a URL, and no message
    holds a whole file. (`panel.widgets.FileDownload` sends one message in base64: for a file of 150 MB it takes 1.1 GB
    of the server's memory, and the page does not answer for half a minute.)
    """

    script = param.String(default="", doc="Python to show and copy")
    status = param.String(default="", doc="progress of the file")

    _esm = client_script(Path(__file__), "download.js")
    _stylesheets: ClassVar[list[str]] = [
        """
.status { min-height: 1.4em; padding-bottom: 4px; font-variant-numeric: tabular-nums }
summary { cursor: pointer; font-weight: 600; padding: 2px 0 }
textarea { box-sizing: border-box; width: 100%; resize: vertical; padding: 8px; color: inherit; white-space: pre }
textarea { font: 12px/1.45 ui-monospace, monospace; background: rgba(128, 128, 128, 0.12) }
button { padding: 5px 14px; background: none; color: inherit; font: inherit; cursor: pointer }
textarea, button { border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 4px }
:focus-visible { outline: 2px solid #1f86c8; outline-offset: 1px }
"""
    ]

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._number, self._name, self._file, self._size = 0, "", io.BytesIO(), 0

    def give(self, name: str, file: BinaryIO) -> None:
        """Send a file to the browser and close it afterwards; a transfer in progress is dropped."""
        self.drop()
        self._number, self._name, self._file, self._size = self._number + 1, name, file, file.seek(0, io.SEEK_END)
        self._handle_msg({"number": self._number, "at": 0})

    def drop(self) -> None:
        """Close the file that is being sent; the browser's next request for a piece is ignored."""
        self._file.close()

    def _handle_msg(self, data: Mapping[str, int]) -> None:
        number, at = data["number"], data["at"]
        if number != self._number or self._file.closed:
            return
        if 0 < at == self._size:
            self.status = f"{self._name}: {shown_bytes(at)}, saved."
            self.drop()
            return
        self.status = f"{self._name}: {shown_bytes(at)} of {shown_bytes(self._size)} …"
        self._file.seek(at)
        piece = {"number": number, "name": self._name, "size": self._size, "at": at, "piece": self._file.read(_PIECE)}
        self._send_msg(piece)


def shown_bytes(count: int) -> str:
    """Return a number of bytes as text: ``"1.5 kB"``, ``"24.0 MB"``, ``"2.0 GB"``."""
    size, unit = next(((size, unit) for size, unit in ((1e9, "GB"), (1e6, "MB")) if count >= size), (1e3, "kB"))
    return f"{count / size:,.1f} {unit}"
