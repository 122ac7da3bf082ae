"""Upload of one file in pieces, over the page's own connection, straight to the server's disk."""

import atexit
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import panel as pn
import param

from galviz.io.paths import distinct_names, file_name
from galviz.tools.client import script
from galviz.tools.export.download import shown_bytes

TABLES = ".csv,.ecsv,.vot,.xml,.fits,.fit,.parquet,.gz"
"""Suffixes of tables."""

LARGEST = 2_000_000_000
"""Largest size of a file, in bytes."""
_PIECE = 2**21  # bytes per message; Bokeh closes a connection that sends more than 20 MB at once


class Upload(pn.custom.JSComponent):
    """A file input with progress.

    The browser sends a piece after the server has written the one before. So neither holds the whole file in memory,
    and other messages of the page can pass in between.

    Parameters
    ----------
    folder : callable
        Returns the folder for uploaded files.
    received : callable
        Called with the path of each complete file: ``folder/<digest of name and content>/<name>``. The name is
        sanitised by `galviz.io.paths.file_name`.
    """

    label = param.String(default="", doc="label of the field")
    accept = param.String(default="", doc="suffixes that the dialog of the browser offers")
    status = param.String(default="", doc="progress of the file, or why it was refused")
    part = param.Number(default=-1, doc="part of the file that has arrived; -1 while there is none")
    piece = param.Integer(default=_PIECE, doc="bytes that the page sends at once")

    _esm = script(Path(__file__), "upload.js")
    _stylesheets: ClassVar[list[str]] = [
        """
:host { font-size: 13.5px }
label span { display: block; padding: 3px 0 5px }
input { max-width: 100%; color: inherit; font: inherit }
input::file-selector-button { padding: 6px 14px; margin-right: 8px; color: inherit; font: inherit; cursor: pointer }
input::file-selector-button { background: rgba(128, 128, 128, 0.1); border: 1px solid rgba(128, 128, 128, 0.6) }
input::file-selector-button { border-radius: 4px }
.going { display: flex; gap: 8px; align-items: center; padding-top: 4px }
.going[hidden] { display: none }
progress { flex: 1; min-width: 0; accent-color: #1f86c8 }
.status { min-height: 1.4em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
button { padding: 1px 10px; background: none; color: inherit; font: inherit; cursor: pointer }
button { border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 4px }
:focus-visible { outline: 2px solid #1f86c8; outline-offset: 1px }
"""
    ]

    def __init__(self, folder: Callable[[], Path], received: Callable[[Path], None], **params: object) -> None:
        super().__init__(**params)
        self.folder, self._received = folder, received
        self._number, self._name, self._size = 0, "", 0
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self._drop())

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        try:
            if data["type"] == "begin":
                self._begin(str(data["name"]), int(data["size"]))
            elif self._file is None:
                return  # a piece of a cancelled file
            elif data["type"] == "piece":
                self._take(data)
            elif data["type"] == "failed":
                self._end(f"{self._name}: not uploaded. {data['reason']}")
            else:
                self._end(f"{self._name}: cancelled.")
        except (OSError, ValueError) as error:
            self._end(f"{self._name}: not uploaded. {getattr(error, 'strerror', None) or error}")

    def _begin(self, name: str, size: int) -> None:
        self._drop()
        self._name, self._size, self._number = name, size, self._number + 1
        if not 0 <= size <= LARGEST:
            raise ValueError(
                f"Expected a file of at most {shown_bytes(LARGEST)}, got one of {shown_bytes(size)}. Leave out rows or "
                "columns, or start the page on the file: panel serve … --args FILE."
            )
        free = shutil.disk_usage(self.folder()).free
        if size > free:
            raise OSError(
                f"The file has {shown_bytes(size)}, and the disk of the server has room for {shown_bytes(free)}."
            )
        self._digest = hashlib.sha256(file_name(name).encode() + b"\0")
        self._file = tempfile.NamedTemporaryFile(dir=self.folder(), prefix="part-", delete=False)  # noqa: SIM115
        self._go_on()

    def _take(self, data: Mapping[str, Any]) -> None:
        at, piece = self._file.tell(), data["piece"]
        if (data["number"], data["at"]) != (self._number, at):
            return  # a piece of an earlier file
        if not isinstance(piece, bytes) or not 0 < len(piece) <= self._size - at:
            raise ValueError("The file changed while it was sent. Choose it again.")
        self._file.write(piece)
        self._digest.update(piece)
        self._go_on()

    def _go_on(self) -> None:
        """Request the next piece, or pass on the complete file."""
        at = self._file.tell()
        if at < self._size:
            self.param.update(
                part=at / self._size, status=f"{self._name}: {shown_bytes(at)} of {shown_bytes(self._size)} …"
            )
            self._send_msg({"number": self._number, "at": at})
            return
        path = self.folder() / self._digest.hexdigest() / next(distinct_names([file_name(self._name)]))
        path.parent.mkdir(exist_ok=True)
        self._file.close()
        Path(self._file.name).replace(path)
        self._file = None
        self._end(f"{self._name}: {shown_bytes(at)}, uploaded.")
        self._received(path)

    def _end(self, status: str) -> None:
        self._drop()
        self.param.update(part=-1, status=status)
        self._send_msg({"number": 0, "at": 0})

    def _drop(self) -> None:
        """Delete the incomplete file, if there is one."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
            self._file = None


@cache
def uploads() -> Path:
    """Return the folder of uploaded files; it is removed when the server ends."""
    folder = Path(tempfile.mkdtemp(prefix="galviz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def uploaded(digest: str) -> Path | None:
    """Return the file that was uploaded under a digest; None if this server has none."""
    if not re.fullmatch("[0-9a-f]{64}", digest):  # it comes from an address or a view: it must not reach other files
        return None
    return next(uploads().glob(f"{digest}/*"), None)
