"""SAMP client: tables and selections to and from TOPCAT, Aladin and others (needs the extra ``galviz[samp]``)."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pandas as pd

from galviz.io.tables import KeyedTable, write_table

_TABLE, _ROWS, _ROW = "table.load.votable", "table.select.rowList", "table.highlight.row"


class Samp:
    """A client of the SAMP hub that TOPCAT or Aladin runs. Use it as a context manager, or close it.

    SAMP identifies objects by row number, galviz by `object_id`. The client handles only tables that it has sent, and
    converts between rows and ids with the order of the sent table. It connects to this machine (127.0.0.1) only; the
    web profile is not used.

    Parameters
    ----------
    name : str
        Name that other programs show for this client.
    hub : pyvo.samp.SAMPHubServer, optional
        A hub in this process; by default the running hub of this user.

    Raises
    ------
    ImportError
        If pyvo is not installed.
    RuntimeError
        If no hub is running.
    """

    def __init__(self, name: str = "galviz", hub: Any = None) -> None:
        try:
            from pyvo import samp
        except ImportError as error:
            raise ImportError(
                "pyvo: expected it for SAMP, got none. Install it: pip install 'galviz[samp]'."
            ) from error
        self._client = samp.SAMPIntegratedClient(name, "See what a network sees in galaxies", addr="127.0.0.1")
        self._files = Path(tempfile.mkdtemp(prefix="galviz-samp-"))
        self._sent: dict[str, pd.Index] = {}
        try:
            with samp.conf.set_temp("use_internet", value=False):  # otherwise pyvo contacts a remote host
                self._client.connect(hub=hub)
        except samp.SAMPHubError as error:
            self.close()
            raise RuntimeError(
                f"hub: expected a SAMP hub, got none ({error}). Start TOPCAT or Aladin, which bring one, and try again."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from the hub and remove the files that were sent."""
        try:
            if self._client.client is not None and self._client.is_connected:
                self._client.disconnect()
        finally:
            shutil.rmtree(self._files, ignore_errors=True)

    def others(self) -> list[str]:
        """Return the names of the programs that accept tables."""
        return sorted(self._takers().values())

    def send_table(
        self, table: KeyedTable | pd.DataFrame, *, name: str = "galviz", to: str | None = None, timeout: float = 30
    ) -> str:
        """Load a table into other programs, and wait until they have it.

        Parameters
        ----------
        table : KeyedTable or pandas.DataFrame
            Indexed by `object_id`; units and provenance are included.
        name : str
            Name that the programs show for the table.
        to : str, optional
            Name of one program, from `others`; by default all of them.
        timeout : float
            Seconds to wait for each.

        Returns
        -------
        str
            Identifier of the table, for `send_selection` and `send_focus`.

        Raises
        ------
        RuntimeError
            If no program accepts tables, or one of them cannot load it or does not answer.
        """
        takers = {key: taker for key, taker in self._takers().items() if to in {None, taker}}
        if not takers:
            raise RuntimeError(
                f"to: expected {to or 'a program that takes tables'}, got {', '.join(self.others()) or 'none'} on the "
                "hub. Start TOPCAT or Aladin."
            )
        keyed = table if isinstance(table, KeyedTable) else KeyedTable(table)
        table_id = f"galviz-{uuid4()}"  # unique: an id of an older session would refer to other rows
        file = self._files / f"{len(self._sent)}.vot"
        write_table(file, keyed, "votable")
        self._sent[table_id] = keyed.table.index
        given = {"url": file.as_uri(), "table-id": table_id, "name": name}
        for key, taker in takers.items():
            answer = self._answer(key, taker, timeout, given)
            if answer["samp.status"] == "samp.error":
                reason = answer.get("samp.error", {}).get("samp.errortxt", "")
                raise RuntimeError(f"to: expected {taker} to load the table, got an error from it: {reason}")
        return table_id

    def _answer(self, key: str, taker: str, timeout: float, given: dict[str, str]) -> dict[str, Any]:
        """Send a table and wait for the reply. Pyvo's own waiting loses a reply that comes at once."""
        tag, answers = str(uuid4()), SimpleQueue()
        self._client.bind_receive_response(tag, lambda _key, _sender, _tag, answer: answers.put(answer))
        try:
            self._client.ecall(key, tag, _TABLE, **given)
            return answers.get(timeout=timeout)
        except Empty:
            raise RuntimeError(f"to: expected an answer of {taker} within {timeout:g} s, got none.") from None
        finally:
            self._client.client.unbind_receive_response(tag)

    def send_selection(self, ids: Iterable[str], table_id: str) -> None:
        """Select these objects in all programs that have the table.

        Raises
        ------
        KeyError
            If the table was not sent, or an id is not in it.
        """
        rows = self._rows(ids, table_id)
        self._client.enotify_all(_ROWS, **{"table-id": table_id, "row-list": [str(row) for row in rows]})

    def send_focus(self, object_id: str, table_id: str) -> None:
        """Highlight one object in all programs that have the table; raises as `send_selection` does."""
        (row,) = self._rows([object_id], table_id)
        self._client.enotify_all(_ROW, **{"table-id": table_id, "row": str(row)})

    def listen(
        self,
        *,
        selected: Callable[[str, list[str]], None] | None = None,
        focused: Callable[[str, str], None] | None = None,
    ) -> None:
        """Register callbacks for rows that are selected or highlighted in other programs.

        Parameters
        ----------
        selected : callable(table_id, ids), optional
        focused : callable(table_id, object_id), optional
            Both are called in other threads; on a page, pass the call on with ``add_next_tick_callback``.
        """
        if selected is not None:
            self._subscribe(_ROWS, selected, lambda given: given["row-list"])
        if focused is not None:
            self._subscribe(_ROW, lambda table_id, ids: focused(table_id, ids[0]), lambda given: [given["row"]])

    def _subscribe(
        self, mtype: str, callback: Callable[[str, list[str]], None], rows_of: Callable[[dict[str, Any]], list[str]]
    ) -> None:
        def handler(
            _key: str, _sender: str, msg_id: str | None, _mtype: str, given: dict[str, Any], _more: Any
        ) -> None:
            index = self._sent.get(given.get("table-id", ""))
            rows = [int(row) for row in rows_of(given)]
            known = index is not None and all(0 <= row < len(index) for row in rows)
            if msg_id is not None:
                self._client.ereply(msg_id, "samp.ok" if known else "samp.warning", result={}, error=None)
            if known:
                callback(given["table-id"], [str(index[row]) for row in rows])

        self._client.bind_receive_message(mtype, handler)

    def _takers(self) -> dict[str, str]:
        keys = self._client.get_subscribed_clients(_TABLE)
        return {key: self._client.get_metadata(key).get("samp.name", key) for key in keys}

    def _rows(self, ids: Iterable[str], table_id: str) -> list[int]:
        if table_id not in self._sent:
            raise KeyError(f"table_id: expected a table that was sent, got {table_id!r}. Send it first: send_table.")
        wanted = pd.Index(list(ids), dtype=str)
        rows = self._sent[table_id].get_indexer(wanted)
        if (rows < 0).any():
            raise KeyError(f"ids: expected ids of the table, got {wanted[rows < 0][0]!r}, which is not in it.")
        return rows.tolist()
