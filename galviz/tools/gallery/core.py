"""The gallery without its page: which objects are shown in which order, and the messages to and from the browser.

The browser (``client.js``) never holds the table. It requests windows of it and gets ids, captions and a contact
sheet in one message, so an id and its picture always match. The messages are declared in ``messages.py``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import evaluate, matches
from galviz.io.ids import check_ids
from galviz.sky.cutouts import CutoutSet
from galviz.tools.display import Stretch, default_stretch
from galviz.tools.gallery import messages
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection

MOST = 400
"""Largest number of objects in one window."""


class Album:
    """The objects of a table in some order, and their images.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    cutouts : CutoutSet, optional
        Images of some or all objects; others are ignored. Without it tiles show text only.
    labels : Labels, optional
        Available to expressions as the column ``label`` (``""`` for none), unless the table has such a column.

    Attributes
    ----------
    rows : numpy.ndarray of int
        Rows of the table that are shown, in order.
    version : int
        Counter of changes of `rows`.
    """

    def __init__(self, table: pd.DataFrame, cutouts: CutoutSet | None = None, labels: Labels | None = None) -> None:
        check_ids(table.index)
        self.table, self.cutouts, self.labels = table, cutouts, labels
        self._pictured = None if cutouts is None else cutouts.catalogue.index
        self.rows = np.arange(len(table), dtype=np.int32)
        self.version = 0
        self._sorted: tuple[tuple[str, bool], np.ndarray] = (("", False), self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def arrange(
        self, order: str = "", *, descending: bool = False, keep: str = "", among: np.ndarray | None = None
    ) -> None:
        """Show the objects that meet the condition `keep`, sorted by `order`; ties keep the order of the table.

        Parameters
        ----------
        order : str
            A column, or an expression (`galviz.io.expressions`); ``""`` keeps the order of the table.
        descending : bool
            Largest first. Missing values always come last.
        keep : str
            A condition; ``""`` keeps all objects.
        among : numpy.ndarray of bool, shape (N,), optional
            Rows of the table that may be shown; all by default.

        Raises
        ------
        ValueError
            If `order` or `keep` is invalid. `rows` stays as it was.
        """
        mask = None if not keep.strip() else matches(keep, self._columns(keep))
        if self._sorted[0] != (order, descending) or "label" in order:
            self._sorted = (order, descending), self._sort(order, descending=descending)
        rows = self._sorted[1]
        masks = [only for only in (mask, among) if only is not None]
        self.rows = rows[np.logical_and.reduce(masks)[rows]] if masks else rows
        self.version += 1

    def ids(self, first: int, count: int) -> list[str]:
        """Return the ids of a window; fewer than `count` at the end."""
        return list(self.table.index.take(self.rows[first : first + count]))

    def place_of(self, object_id: str | None) -> int:
        """Return the place of an object among those shown, from 0; -1 if it is not shown."""
        row = _row(self.table.index, object_id)
        found = np.flatnonzero(self.rows == row) if row >= 0 else ()
        return int(found[0]) if len(found) else -1

    def pixels(self, ids: Iterable[str]) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return the images of objects.

        Returns
        -------
        images : numpy.ndarray of float32, shape (n, B, H, W)
        coverage : numpy.ndarray of bool, shape (n, B, H, W), or None if every pixel was observed
        cell : numpy.ndarray of int, one value per id
            Index of the id's image in `images`; -1 if it has no image.
        """
        rows = np.array([_row(self._pictured, object_id) for object_id in ids], dtype=np.int64)
        there = rows >= 0
        coverage = self.cutouts.coverage
        cell = np.where(there, np.cumsum(there) - 1, -1)
        return self.cutouts.images[rows[there]], None if coverage is None else coverage[rows[there]], cell

    def _columns(self, expression: str) -> pd.DataFrame:
        if self.labels is None or "label" not in expression or "label" in self.table.columns:
            return self.table
        given = np.full(len(self.table), "", dtype=object)
        for object_id, label in self.labels.to_dict().items():
            row = _row(self.table.index, object_id)
            if row >= 0:
                given[row] = label
        return self.table.assign(label=pd.Series(given, index=self.table.index, dtype=object))

    def _sort(self, order: str, *, descending: bool) -> np.ndarray:
        if not order.strip():
            rows = np.arange(len(self.table), dtype=np.int32)
            return rows[::-1] if descending else rows
        expression = f"col({order!r})" if order in self.table.columns else order
        values = evaluate(expression, self._columns(order))
        if values.dtype == object:
            codes, _ = pd.factorize(values, sort=True)
            values = np.where(codes < 0, np.nan, codes)
        values = values.astype(np.float64)
        return np.argsort(-values if descending else values, kind="stable").astype(np.int32)


class Exchange:
    """The messages between a gallery and its browsers.

    Parameters
    ----------
    album : Album
    selection : Selection
        Selected objects and focus; the browser shows and changes them.
    send : callable
        Sends one of `messages.TO_BROWSER` and a PNG or None to every browser that shows this gallery.
    stretch : Stretch, optional
        Display settings; by default `default_stretch`.
    captions : sequence of str
        Columns shown under each picture.
    keys : mapping of str to str
        Key → label; needs an album with labels. Labelling an object moves the focus to the next one.
    tile : int
        Width of a picture in px.
    top : bool
        Start at the top whenever the order changes, instead of at the object in focus.
    """

    def __init__(
        self,
        album: Album,
        selection: Selection,
        send: Callable[[messages.State | messages.Window, bytes | None], None],
        *,
        stretch: Stretch | None = None,
        captions: Iterable[str] = (),
        keys: Mapping[str, str] | None = None,
        tile: int = 112,
        top: bool = False,
    ) -> None:
        self.album, self.selection, self._send = album, selection, send
        self.captions, self.keys, self.tile, self.top = tuple(captions), dict(keys or {}), tile, top
        cutouts = album.cutouts
        self.stretch = stretch or (None if cutouts is None else default_stretch(cutouts.bands, cutouts.unit))
        self._displays = self._marks = 0
        self._acknowledged: dict[str, int] = {}
        self._watcher = selection.param.watch(self._changed, ["focus", "version"])

    @classmethod
    def of(
        cls,
        cutouts: CutoutSet | None,
        table: pd.DataFrame | None,
        selection: Selection | None,
        send: Callable[[messages.State | messages.Window, bytes | None], None],
        *,
        labels: Labels | None,
        keys: Mapping[str, str] | None,
    ) -> "Exchange":
        """Return the exchange of a gallery, on a page or in a notebook.

        By default its table is the catalogue of the cutouts, its selection is new, and its captions are
        `first_captions`. Keys without labels are ignored.
        """
        table = cutouts.catalogue if table is None else table
        selection = Selection(table) if selection is None else selection
        keys = keys if labels is not None else None
        return cls(Album(table, cutouts, labels), selection, send, captions=first_captions(table), keys=keys)

    def arrange(
        self, order: str = "", *, descending: bool = False, keep: str = "", among: np.ndarray | None = None
    ) -> None:
        """Show other objects in another order, as `Album.arrange` does, and update the browsers."""
        self.album.arrange(order, descending=descending, keep=keep, among=among)
        self.tell()

    def close(self) -> None:
        """Stop watching the selection. A shared selection would keep a closed gallery alive, and send to it."""
        self.selection.param.unwatch(self._watcher)

    def show(self, **changes: Any) -> None:
        """Change `stretch`, `captions`, `keys` or `tile`, and update the browsers.

        Raises
        ------
        ValueError
            If a caption is not a column.
        """
        unknown = [name for name in changes.get("captions", ()) if name not in self.album.table.columns]
        if unknown:
            raise ValueError(f"captions: expected columns of the table, got {unknown[0]!r}.")
        for name, value in changes.items():
            setattr(self, name, value)
        self._displays += bool(changes.keys() & {"stretch", "captions"})
        self.tell()

    def tell(self) -> None:
        """Send the current state to the browsers."""
        cutouts, focus = self.album.cutouts, self.selection.focus
        height, width = (0, 1) if cutouts is None else cutouts.images.shape[2:]
        state = messages.State(
            type="state",
            version=self.album.version,
            display=self._displays,
            marks=self._marks,
            count=len(self.album),
            total=len(self.album.table),
            selected=len(self.selection),
            focus=focus,
            place=self.album.place_of(focus),
            top=self.top,
            tile=self.tile,
            lines=len(self.captions),
            aspect=height / width,
            keys=self.keys,
            acknowledged=dict(self._acknowledged),
        )
        self._send(state, None)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message from a browser; requests about unknown objects are ignored.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, messages.FROM_BROWSER)
        act = {"hello": self._hello, "window": self._window, "focus": self._focus, "toggle": self._toggle}
        act |= {"label": self._label, "undo": self._undo}
        if "seq" in message:
            self._acknowledged[message["client"]] = message["seq"]
        act[message["type"]](message)

    def _hello(self, _: messages.Hello) -> None:
        self.tell()

    def _window(self, message: messages.Request) -> None:
        first, count = max(0, message["first"]), min(message["count"], MOST)
        current = message["version"] == self.album.version
        ids = self.album.ids(first, count) if current else []
        window = messages.Window(
            type="window",
            client=message["client"],
            request=message["request"],
            version=self.album.version,
            display=self._displays,
            marks=self._marks,
            first=first,
            tiles=self._tiles(first, ids),
            pictures=message["pictures"],
            sheet=None,
        )
        if not (message["pictures"] and self.album.cutouts is not None and ids):
            self._send(window, None)
            return
        images, coverage, cells = self.album.pixels(ids)
        for tile, cell in zip(window["tiles"], cells, strict=True):
            tile["cell"] = int(cell)
        sheet = contact_sheet(images, coverage, self.album.cutouts.bands, self.stretch, side=message["side"])
        window["sheet"] = messages.Sheet(columns=sheet.columns, width=sheet.width, height=sheet.height)
        self._send(window, sheet.png)

    def _tiles(self, first: int, ids: list[str]) -> list[messages.Tile]:
        table, mask, labels = self.album.table, self.selection.mask, self.album.labels
        shown = table[list(self.captions)].iloc[self.album.rows[first : first + len(ids)]]
        lines = [[[str(name), text_of(value)] for name, value in row.items()] for row in shown.to_dict("records")]
        rows = [_row(self.selection.table.index, object_id) for object_id in ids]
        return [
            messages.Tile(
                id=object_id,
                lines=line,
                label="" if labels is None else labels.get(object_id),
                selected=bool(row >= 0 and mask[row]),
                cell=-1,
            )
            for object_id, line, row in zip(ids, lines, rows, strict=True)
        ]

    def _focus(self, message: messages.Focus) -> None:
        if _row(self.album.table.index, message["id"]) >= 0:
            self.selection.focus = message["id"]

    def _toggle(self, message: messages.Toggle) -> None:
        row = _row(self.selection.table.index, message["id"])
        if row >= 0:
            self.selection.choose([message["id"]], how="remove" if self.selection.mask[row] else "add")

    def _label(self, message: messages.Label) -> None:
        known = _row(self.album.table.index, message["id"]) >= 0
        if known and self.album.labels is not None and message["label"] in self.keys.values():
            self.album.labels.set(message["id"], message["label"])
            self._changed()

    def _undo(self, _: messages.Undo) -> None:
        object_id = None if self.album.labels is None else self.album.labels.undo()
        if object_id is not None:
            self.selection.focus = object_id
        self._changed()

    def _changed(self, *events: Any) -> None:
        self._marks += not events or any(event.name == "version" for event in events)
        self.tell()


def first_captions(table: pd.DataFrame) -> list[str]:
    """Return the columns shown under pictures at first: an estimate and its truth, else two numeric columns."""
    judged = [str(name) for name in table.columns if f"{name}_true" in table.columns][:1]
    numbers = [str(name) for name in table.select_dtypes("number").columns][:2]
    return [*judged, f"{judged[0]}_true"] if judged else numbers


def _row(index: pd.Index, object_id: str | None) -> int:
    """Return the row of an id in an index, or -1; unlike ``get_indexer`` it does not copy a large index."""
    try:
        return int(index.get_loc(object_id))
    except KeyError:
        return -1


def text_of(value: Any) -> str:
    """Return a value of a table as plain text: four significant digits, – if missing."""
    if pd.isna(value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
