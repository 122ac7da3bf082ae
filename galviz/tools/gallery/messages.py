"""The messages between a gallery and its browsers (``client.js``).

A browser requests a window of the objects; Python answers with ids, captions and one contact sheet. Whatever changes
in Python is sent to every browser as a `State`. A browser acts on ids, never on rows.
"""

from typing import Literal, NotRequired, TypedDict


class State(TypedDict):
    """The whole gallery. A browser compares the three counters, and requests again what is out of date."""

    type: Literal["state"]
    version: int  # counter of the order and the filter
    display: int  # counter of display settings and captions
    marks: int  # counter of selection and labels
    count: int  # objects shown
    total: int  # objects of the table
    selected: int  # objects selected
    focus: str | None  # id in focus
    place: int  # its position among those shown, from 0; -1 if it is not shown
    top: bool  # a new order starts at its top, not at the object in focus
    tile: int  # width of a picture, px
    lines: int  # lines of a caption below the id
    aspect: float  # height / width of a picture; 0 without pictures
    keys: dict[str, str]  # key → label
    acknowledged: dict[str, int]  # client → `seq` of its last message


class Tile(TypedDict):
    """What a gallery shows of one object."""

    id: str
    lines: list[tuple[str, str]]  # names and values of the caption
    label: str  # "" for none
    selected: bool
    cell: int  # of its picture in the contact sheet; -1 for none


class Sheet(TypedDict):
    """A contact sheet: cell k is in column k % columns and row k // columns, from the top left."""

    columns: int
    width: int  # of a cell, px
    height: int


class Window(TypedDict):
    """The answer to a `Request`, sent to every browser; only the client that requested it takes it."""

    type: Literal["window"]
    client: str
    request: int
    version: int  # as in `State`; another one than was requested has no tiles
    display: int
    marks: int
    first: int  # position of the first tile
    tiles: list[Tile]
    pictures: bool  # False: only marks were requested
    sheet: Sheet | None
    png: NotRequired[bytes]  # the contact sheet, for Panel; anywidget has it as the first buffer


class Hello(TypedDict):
    """A new browser; `State` is the answer."""

    type: Literal["hello"]
    client: str


class Request(TypedDict):
    """A request for a window of objects."""

    type: Literal["window"]
    client: str  # tells one browser from another
    request: int
    version: int
    first: int
    count: int
    side: int  # largest side of a picture, px
    pictures: bool  # False: marks are enough


class Focus(TypedDict):
    """Puts an object in focus."""

    type: Literal["focus"]
    client: str
    seq: NotRequired[int]  # number of the message; acknowledged in the next `State`
    id: str


class Toggle(TypedDict):
    """Selects an object, or removes it from the selection."""

    type: Literal["toggle"]
    client: str
    seq: NotRequired[int]
    id: str


class Label(TypedDict):
    """Labels an object."""

    type: Literal["label"]
    client: str
    seq: NotRequired[int]
    id: str
    label: str


class Undo(TypedDict):
    """Takes back the last label."""

    type: Literal["undo"]
    client: str
    seq: NotRequired[int]


TO_BROWSER = (State, Window)
FROM_BROWSER = (Hello, Request, Focus, Toggle, Label, Undo)
