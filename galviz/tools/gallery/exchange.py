"""The messages between a gallery and its script: windows of pictures, the focus, marks, labels.

The browser (``client.js``) never holds the table. It requests windows of it and gets ids, captions and a contact
sheet in one message, so an id and its picture always match. The messages are declared in ``messages.py``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from galviz.sky.cutouts import CutoutSet
from galviz.tasks.class_words import class_words
from galviz.tasks.pair import Pair
from galviz.tools.cells import text_of
from galviz.tools.columns.core import column_versions
from galviz.tools.display import Stretch, default_stretch
from galviz.tools.gallery import messages
from galviz.tools.gallery.album import MOST_GROUPS, Album, row_of
from galviz.tools.gallery.badges import Badges, first_captions, verdicts, verdicts_of
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection

MOST = 400
"""Largest number of objects in one window."""

SIZES = (48, 320)
"""Smallest and largest width of a picture in px."""

_GLANCE = 5000  # rows read to see whether a column can be grouped by


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
        Start at the top at first too, instead of at the object in focus.
    badges : Badges
        A mark on each picture says whether its prediction is right, and its caption what was predicted.
    controls : sequence of str
        Controls that the browser shows: some of ``"size"``, ``"sort"``, ``"group"`` and ``"more"``.

    Attributes
    ----------
    enlarge : bool
        Whether a picture under the pointer is enlarged.
    on_change : callable
        Called with what the browser changes: ``tile``, or ``order``, ``descending`` and ``group``.
    on_more : callable
        Called when the user asks for the other settings.
    error : str
        Why the last change failed.
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
        badges: Badges = None,
        controls: Iterable[str] = (),
    ) -> None:
        self.top = top
        self.album, self.selection, self._send = album, selection, send
        self.captions, self.keys, self.tile = tuple(captions), dict(keys or {}), tile
        self.badges, self.controls, self.enlarge, self.error = (
            verdicts_of(album.table, badges),
            list(controls),
            True,
            "",
        )
        self.order, self.descending, self.group = "", False, ""
        self.on_change: Callable[[dict[str, Any]], None] = self.take
        self.on_more: Callable[[], None] = lambda: None
        self.later: dict[str, None] = {}  # ids that were skipped, in that order
        self._acts: list[str | None] = []  # id of a Skip; None for a label
        self._stays = -1  # version that keeps the place
        self._groups: list[str] | None = None
        self._counted = -1, 0  # labels, at that count of marks
        self._chosen, self._ours = selection.mask, False  # what was selected, and whether it is in this gallery
        cutouts = album.cutouts
        self.stretch = stretch or (None if cutouts is None else default_stretch(cutouts.bands, cutouts.unit))
        self._displays = self._marks = 0
        self._acknowledged: dict[str, int] = {}
        self._versions = column_versions(album.table)
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
        badges: Badges = None,
        controls: Iterable[str] = (),
    ) -> "Exchange":
        """Return the exchange of a gallery, on a page or in a notebook.

        By default its table is the catalogue of the cutouts, its selection is new, and its captions are
        `first_captions`. Keys without labels are ignored.
        """
        table = cutouts.catalogue if table is None else table
        selection = Selection(table) if selection is None else selection
        keys = keys if labels is not None else None
        badges = verdicts_of(table, badges)
        more = {"captions": first_captions(table, badges), "keys": keys, "badges": badges, "controls": controls}
        return cls(Album(table, cutouts, labels), selection, send, **more)

    def arrange(
        self,
        order: str = "",
        *,
        descending: bool = False,
        keep: str = "",
        among: np.ndarray | None = None,
        group: str = "",
        stay: bool = False,
    ) -> None:
        """Show other objects in another order, as `Album.arrange` does, and update the browsers.

        They start at the top again, unless they should `stay` where they are.
        """
        self.album.arrange(order, descending=descending, keep=keep, among=among, group=group)
        self.order, self.descending, self.group = order, descending, group
        self._stays, self.error = self.album.version if stay else -1, ""
        self.send_state()

    def take(self, changes: dict[str, Any]) -> None:
        """Take over what the browser changes. A view with parameters of its own sets these instead."""
        if "tile" in changes:
            self.show(**changes)
        else:
            self.arrange(**changes)

    def close(self) -> None:
        """Stop watching the selection. A shared selection would keep a closed gallery alive, and send to it."""
        self.selection.param.unwatch(self._watcher)

    def show(self, **changes: Any) -> None:
        """Change `stretch`, `captions`, `keys`, `tile`, `badges`, `controls`, `enlarge` or `error`; tell the browsers.

        Raises
        ------
        ValueError
            If a caption or a badge is not a column.
        """
        unknown = [name for name in changes.get("captions", ()) if name not in self.album.table.columns]
        if unknown:
            raise ValueError(f"captions: expected columns of the table, got {unknown[0]!r}.")
        if "badges" in changes:
            changes["badges"] = verdicts_of(self.album.table, changes["badges"])
        for name, value in changes.items():
            setattr(self, name, value)
        self._displays += bool(changes.keys() & {"stretch", "captions", "badges"})
        self.send_state()

    def send_state(self, found: int = -1) -> None:
        """Send the current state to the browsers, which scroll to the position `found` if it is not -1."""
        album, focus = self.album, self.selection.focus
        height, width = album.cutouts.images.shape[2:] if album.pictured else (0, 1)
        state = messages.State(
            type="state",
            version=album.version,
            top=self.top,
            stays=self._stays == album.version,
            display=self._displays,
            marks=self._marks,
            count=len(album),
            total=len(album.table),
            selected=len(self.selection),
            focus=focus,
            place=album.place_of(focus),
            found=found,
            tile=self.tile,
            lines=len(self.captions) + 2 * isinstance(self.badges, Pair),
            aspect=height / width,
            pixels=min(height, width) if height else 0,
            enlarge=self.enlarge,
            groups=[
                messages.Group(text=text, count=count, open=text not in album.closed) for text, count in album.groups
            ],
            controls=self.controls,
            arrangement=messages.Arrangement(
                order=self.order,
                descending=self.descending,
                group=self.group,
                orders=_orders(album.table) if "sort" in self.controls else [],
                groups=self.groups() if "group" in self.controls else [],
            ),
            error=self.error,
            labelled=self._labelled(),
            later=len(self.later),
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
        act |= {"label": self._label, "undo": self._undo, "skip": self._skip, "resume": self._resume}
        act |= {"range": self._range, "tile": self._size, "arrange": self._arrange, "fold": self._fold}
        act |= {"more": lambda _: self.on_more()}
        if "seq" in message:
            self._acknowledged[message["client"]] = message["seq"]
        act[message["type"]](message)

    def _hello(self, _: messages.Hello) -> None:
        self.send_state()

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
        places = self.album.rows[first : first + len(ids)]
        shown = table[list(self.captions)].iloc[places]
        called = {name: class_words(table, name) for name in self.captions}
        lines = [
            [(str(name), text_of(value, called[name])) for name, value in row.items()]
            for row in shown.to_dict("records")
        ]
        rows = [row_of(self.selection.table.index, object_id) for object_id in ids]
        found, judged = verdicts(table, self.badges, places)
        return [
            messages.Tile(
                id=object_id,
                lines=[*of_badge, *line],
                label="" if labels is None else labels.get(object_id),
                later=object_id in self.later,
                selected=bool(row >= 0 and mask[row]),
                verdict=verdict,
                cell=-1,
            )
            for object_id, of_badge, line, row, verdict in zip(ids, judged, lines, rows, found, strict=True)
        ]

    def _focus(self, message: messages.Focus) -> None:
        if row_of(self.album.table.index, message["id"]) >= 0:
            self.selection.focus = message["id"]

    def _toggle(self, message: messages.Toggle) -> None:
        row = row_of(self.selection.table.index, message["id"])
        if row >= 0:
            self._choose([message["id"]], how="remove" if self.selection.mask[row] else "add")

    def _range(self, message: messages.Range) -> None:
        ends = [self.album.place_of(message[end]) for end in ("start", "end")]
        if min(ends) >= 0:
            ids = self.album.ids(min(ends), max(ends) + 1 - min(ends))
            known = self.selection.table.index
            same = known is self.album.table.index
            self._choose(ids if same else [one for one in ids if row_of(known, one) >= 0], how="add")

    def _choose(self, ids: list[str], how: str) -> None:
        """Select objects that the user sees: the gallery stays where it is."""
        self._ours = True
        try:
            self.selection.choose(ids, how=how)
        finally:
            self._ours = False

    def _size(self, message: messages.Size) -> None:
        self.on_change({"tile": min(max(message["tile"], SIZES[0]), SIZES[1])})

    def _arrange(self, message: messages.Arrange) -> None:
        try:
            self.on_change({name: message[name] for name in ("order", "descending", "group")})
        except ValueError as error:
            self.show(error=str(error))

    def _fold(self, message: messages.Fold) -> None:
        if message["group"] in dict(self.album.groups):
            self.album.fold(message["group"], open=message["open"])
            self._stays = self.album.version
            self.send_state()

    def groups(self) -> list[str]:
        """Return the columns that objects can be grouped by: those with few values."""
        if self._groups is None:
            some = self.album.table.iloc[:_GLANCE]
            most = min(MOST_GROUPS, max(2, len(some) // 2))
            few = [name for name in some if isinstance(name, str) and _few(some[name], most)]
            self._groups = [*few, *(["label"] if self.album.labels is not None and "label" not in few else [])]
        return self._groups

    def _labelled(self) -> int:
        """Return the number of objects with a label; counted again only after a change of labels or selection."""
        if not self.keys or self.album.labels is None:
            return 0
        if self._counted[0] != self._marks:
            self._counted = self._marks, len(self.album.table) - int(self.album.unlabelled().sum())
        return self._counted[1]

    def _skip(self, message: messages.Skip) -> None:
        object_id = message["id"]
        if row_of(self.album.table.index, object_id) >= 0 and self.keys:
            self.later.pop(object_id, None)
            self.later[object_id] = None
            self._acts.append(object_id)
            self._changed()

    def _resume(self, _: messages.Resume) -> None:
        """Move the focus to the first object without a label, among those shown; skipped ones come last."""
        album, index = self.album, self.album.table.index
        free = album.unlabelled()
        shown = np.zeros(len(index), dtype=bool)
        shown[album.rows] = True
        later = [object_id for object_id in self.later if shown[row := row_of(index, object_id)] and free[row]]
        free[[row_of(index, object_id) for object_id in self.later]] = False
        places = np.flatnonzero(free[album.rows])
        if len(places):
            self.selection.focus = str(index[album.rows[places[0]]])
        elif later:
            self.selection.focus = next((one for one in later if one != self.selection.focus), later[0])
        self.send_state()

    def _label(self, message: messages.Label) -> None:
        known = row_of(self.album.table.index, message["id"]) >= 0
        if known and self.album.labels is not None and message["label"] in self.keys.values():
            self.album.labels.set(message["id"], message["label"])
            self.later.pop(message["id"], None)
            self._acts.append(None)
            self._changed()

    def _undo(self, _: messages.Undo) -> None:
        skipped = self._acts.pop() if self._acts else None
        if skipped is not None:
            self.later.pop(skipped, None)
            self.selection.focus = skipped
            self._changed()
            return
        object_id = None if self.album.labels is None else self.album.labels.undo()
        if object_id is not None:
            self.selection.focus = object_id
        self._changed()

    def _changed(self, *events: Any) -> None:
        marked = not events or any(event.name == "version" for event in events)
        self._marks += marked
        self._renew()
        self.send_state(self._found() if marked else -1)

    def _found(self) -> int:
        """Return the position of the first selected object, if others are selected than before, and not here."""
        before, self._chosen = self._chosen, self.selection.mask
        table = self.album.table
        if self._ours or len(self._chosen) != len(table) or np.array_equal(before, self._chosen):
            return -1
        places = np.flatnonzero(self.selection.mask_of(table)[self.album.rows])
        return int(places[0]) if len(places) else -1

    def _renew(self) -> None:
        """Forget what was read of columns once some were added, removed or replaced; captions that are gone too."""
        versions = column_versions(self.album.table)
        if versions != self._versions:
            self._versions, self._groups = versions, None
            self.captions = tuple(name for name in self.captions if name in versions)
            self.album.forget()
            self._displays += 1


def _few(values: pd.Series, most: int) -> bool:
    """Return whether a column can be grouped by, as far as its first rows tell."""
    if isinstance(values, pd.DataFrame) or (pd.api.types.is_float_dtype(values) and (values.dropna() % 1 != 0).any()):
        return False
    try:
        return 0 < values.nunique() <= most
    except TypeError:  # lists and the like
        return False


def _orders(table: pd.DataFrame) -> list[str]:
    """Return what a user may sort by: the columns, and before them the size of the residual if there is one."""
    names = [str(name) for name in table.columns]
    return ["abs(residual)", *names] if "residual" in names else names
