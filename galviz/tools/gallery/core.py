"""The gallery without its page: which objects are shown in which order, and the messages to and from the browser.

The browser (``client.js``) never holds the table. It requests windows of it and gets ids, captions and a contact
sheet in one message, so an id and its picture always match. The messages are declared in ``messages.py``.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import evaluate, matches
from galviz.io.ids import check_ids
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.pair import Pair, pair_of
from galviz.tools.columns.core import column_versions
from galviz.tools.display import Stretch, default_stretch
from galviz.tools.gallery import messages
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection

MOST = 400
"""Largest number of objects in one window."""

MOST_GROUPS = 60
"""Largest number of groups."""

NO_VALUE = "no value"
"""Name of the group of objects without a value."""

SIZES = (48, 320)
"""Smallest and largest width of a picture in px."""

Badges = Pair | tuple[str, str] | str | None
"""What says whether a prediction is right: truth and prediction, or a column of flags."""

_WHOLE = 1e15  # larger floats are hardly whole numbers that someone has counted
_GLANCE = 5000  # rows read to see whether a column can be grouped by


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
    groups : list of (str, int)
        Value and number of objects of each group, those that are closed too; empty if objects are not grouped.
    closed : set of str
        Groups whose objects are not among `rows`.
    """

    def __init__(self, table: pd.DataFrame, cutouts: CutoutSet | None = None, labels: Labels | None = None) -> None:
        check_ids(table.index)
        self.table, self.cutouts, self.labels = table, cutouts, labels
        self._pictured = None if cutouts is None else cutouts.catalogue.index
        self.rows = np.arange(len(table), dtype=np.int32)
        self.version = 0
        self.groups: list[tuple[str, int]] = []
        self.closed: set[str] = set()
        self._all = self.rows
        self._sorted: tuple[tuple[str, bool], np.ndarray]
        self._parted: tuple[str, np.ndarray, list[str]] | None
        self.forget()

    def __len__(self) -> int:
        return len(self.rows)

    def forget(self) -> None:
        """Forget what was read of columns: they have changed. `rows` stays as it is."""
        self._sorted, self._parted = (("", False), np.arange(len(self.table), dtype=np.int32)), None

    @cached_property
    def pictured(self) -> bool:
        """Whether any object has a picture."""
        if self._pictured is None:
            return False
        same, index = self._pictured is self.table.index, self.table.index
        return len(index) > 0 and (
            same or index[:_GLANCE].isin(self._pictured).any() or index.isin(self._pictured).any()
        )

    def arrange(
        self,
        order: str = "",
        *,
        descending: bool = False,
        keep: str = "",
        among: np.ndarray | None = None,
        group: str = "",
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
        group : str
            A column with at most `MOST_GROUPS` values; objects with the same value stand together. Texts are sorted,
            missing values come last.

        Raises
        ------
        ValueError
            If `order`, `keep` or `group` is invalid. `rows` stays as it was.
        """
        mask = None if not keep.strip() else matches(keep, self._columns(keep))
        if self._sorted[0] != (order, descending) or "label" in order:
            self._sorted = (order, descending), self._sort(order, descending=descending)
        rows = self._sorted[1]
        parted = self._parts(group) if group else None
        masks = [only for only in (mask, among) if only is not None]
        rows = rows[np.logical_and.reduce(masks)[rows]] if masks else rows
        self.groups = []
        if parted is not None:
            _, codes, names = parted
            rows = rows[np.argsort(codes[rows], kind="stable")]
            counts = np.bincount(codes[rows], minlength=len(names))
            self.groups = [(name, int(count)) for name, count in zip(names, counts, strict=True) if count]
        self._all = rows
        self.closed &= {name for name, _ in self.groups}
        self.fold()

    def fold(self, name: str = "", *, open: bool = True) -> None:  # noqa: A002 - as on the page
        """Close a group, or open it; without a name, only apply what is closed."""
        self.closed = self.closed - {name} if open else self.closed | {name}
        shown = [np.full(count, text not in self.closed) for text, count in self.groups]
        self.rows = self._all[np.concatenate(shown)] if shown else self._all
        self.version += 1

    def _parts(self, group: str) -> tuple[str, np.ndarray, list[str]]:
        """Return the column, the number of each row's group, and the names of the groups."""
        if self._parted is None or self._parted[0] != group or group == "label":
            values = self._columns(group)
            if group not in values.columns:
                raise ValueError(f"group: expected a column of the table, got {group!r}.")
            try:
                codes, found = pd.factorize(values[group], sort=True)
            except TypeError:
                raise ValueError(f"group: expected a column of one kind of values, got {group!r}.") from None
            if len(found) > MOST_GROUPS:
                raise ValueError(
                    f"group: expected a column with at most {MOST_GROUPS} values, got {group!r} with {len(found):,}."
                )
            names = _distinct(list(found))
            self._parted = group, np.where(codes < 0, len(found), codes).astype(np.uint8), [*names, NO_VALUE]
        return self._parted

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

    def unlabelled(self) -> np.ndarray:
        """Return which rows of the table have no label, bool, shape (N,)."""
        free = np.ones(len(self.table), dtype=bool)
        rows = (
            _row(self.table.index, object_id) for object_id in ({} if self.labels is None else self.labels.to_dict())
        )
        free[[row for row in rows if row >= 0]] = False
        return free

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
        more = {"captions": first_captions(table), "keys": keys, "badges": badges, "controls": controls}
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

    def send_state(self) -> None:
        """Send the current state to the browsers."""
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
            tile=self.tile,
            lines=len(self.captions) + isinstance(self.badges, Pair),
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
                orders=[str(name) for name in album.table.columns] if "sort" in self.controls else [],
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
        lines = [[[str(name), text_of(value)] for name, value in row.items()] for row in shown.to_dict("records")]
        rows = [_row(self.selection.table.index, object_id) for object_id in ids]
        found, words = verdicts(table, self.badges, places)
        if isinstance(self.badges, Pair):
            lines = [[["", said], *line] for said, line in zip(words, lines, strict=True)]
        return [
            messages.Tile(
                id=object_id,
                lines=line,
                label="" if labels is None else labels.get(object_id),
                later=object_id in self.later,
                selected=bool(row >= 0 and mask[row]),
                verdict=verdict,
                cell=-1,
            )
            for object_id, line, row, verdict in zip(ids, lines, rows, found, strict=True)
        ]

    def _focus(self, message: messages.Focus) -> None:
        if _row(self.album.table.index, message["id"]) >= 0:
            self.selection.focus = message["id"]

    def _toggle(self, message: messages.Toggle) -> None:
        row = _row(self.selection.table.index, message["id"])
        if row >= 0:
            self.selection.choose([message["id"]], how="remove" if self.selection.mask[row] else "add")

    def _range(self, message: messages.Range) -> None:
        ends = [self.album.place_of(message[end]) for end in ("start", "end")]
        if min(ends) >= 0:
            ids = self.album.ids(min(ends), max(ends) + 1 - min(ends))
            known = self.selection.table.index
            same = known is self.album.table.index
            self.selection.choose(ids if same else [one for one in ids if _row(known, one) >= 0], how="add")

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
        if _row(self.album.table.index, object_id) >= 0 and self.keys:
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
        later = [object_id for object_id in self.later if shown[row := _row(index, object_id)] and free[row]]
        free[[_row(index, object_id) for object_id in self.later]] = False
        places = np.flatnonzero(free[album.rows])
        if len(places):
            self.selection.focus = str(index[album.rows[places[0]]])
        elif later:
            self.selection.focus = next((one for one in later if one != self.selection.focus), later[0])
        self.send_state()

    def _label(self, message: messages.Label) -> None:
        known = _row(self.album.table.index, message["id"]) >= 0
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
        self._marks += not events or any(event.name == "version" for event in events)
        self._renew()
        self.send_state()

    def _renew(self) -> None:
        """Forget what was read of columns once some were added, removed or replaced; captions that are gone too."""
        versions = column_versions(self.album.table)
        if versions != self._versions:
            self._versions, self._groups = versions, None
            self.captions = tuple(name for name in self.captions if name in versions)
            self.album.forget()
            self._displays += 1


def verdicts_of(table: pd.DataFrame, badges: Badges) -> Pair | str | None:
    """Return what says whether a prediction is right, checked; None if the two are numbers, which are never just right.

    Raises
    ------
    ValueError
        If a column does not exist, or the two do not fit together.
    """
    if isinstance(badges, tuple):
        try:
            badges = pair_of(table, *badges)
        except KeyError as error:
            raise ValueError(f"badges: {error.args[0]}") from None
    names = [badges.truth, badges.estimate] if isinstance(badges, Pair) else [badges] if badges else []
    if missing := [name for name in names if name not in table.columns]:
        raise ValueError(f"badges: expected columns of the table, got {missing[0]!r}.")
    return None if isinstance(badges, Pair) and not badges.classes else badges or None


def verdicts(table: pd.DataFrame, badges: Pair | str | None, rows: np.ndarray) -> tuple[list[str], list[str]]:
    """Return of some rows whether their prediction is right, and what was predicted and what is true, as text."""
    if badges is None:
        return [""] * len(rows), [""] * len(rows)
    if isinstance(badges, str):
        flags = table[badges].iloc[rows]
        found = ["" if pd.isna(flag) else "right" if bool(flag) else "wrong" for flag in flags]
        return found, [""] * len(rows)
    some = table.iloc[rows]
    true, given = badges.true(some), badges.given(some)
    known = ~(pd.isna(true) | pd.isna(given))
    found = np.where(known, np.where(true == given, "right", "wrong"), "")
    words = [f"predicted {text_of(a)}, true {text_of(b)}" for a, b in zip(given, true, strict=True)]
    return found.tolist(), words


def _few(values: pd.Series, most: int) -> bool:
    """Return whether a column can be grouped by, as far as its first rows tell."""
    if isinstance(values, pd.DataFrame) or (pd.api.types.is_float_dtype(values) and (values.dropna() % 1 != 0).any()):
        return False
    try:
        return 0 < values.nunique() <= most
    except TypeError:  # lists and the like
        return False


def first_captions(table: pd.DataFrame) -> list[str]:
    """Return the columns shown under pictures at first: an estimate and its truth, else two numeric columns."""
    judged = [str(name) for name in table.columns if f"{name}_true" in table.columns][:1]
    numbers = [str(name) for name in table.select_dtypes("number").columns][:2]
    return [*judged, f"{judged[0]}_true"] if judged else numbers


def _distinct(values: list[Any]) -> list[str]:
    """Return a name for each value; no two are the same, and none is `NO_VALUE`."""
    short, names = [text_of(value) or "empty" for value in values], [NO_VALUE]
    for text, value in zip(short, values, strict=True):
        name = text if short.count(text) == 1 else str(value) or text  # with all digits
        while name in names:
            name += " (2)"
        names.append(name)
    return names[1:]


def _row(index: pd.Index, object_id: str | None) -> int:
    """Return the row of an id in an index, or -1; unlike ``get_indexer`` it does not copy a large index."""
    try:
        return int(index.get_loc(object_id))
    except KeyError:
        return -1


def text_of(value: Any) -> str:
    """Return a value of a table as plain text: four significant digits, whole numbers in full, – if missing."""
    if pd.isna(value):
        return "–"
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
