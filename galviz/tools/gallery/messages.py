"""The messages between a gallery and its browsers (``client.js``).

A browser requests a window of the objects; Python answers with ids, captions and one contact sheet. Whatever changes
in Python is sent to every browser as a `State`. A browser acts on ids, never on rows.
"""

from typing import Literal, NotRequired, TypedDict


class Group(TypedDict):
    """The objects with one value of the column that they are grouped by."""

    text: str
    count: int  # objects that are shown while it is open
    open: bool


class Arrangement(TypedDict):
    """What the line of controls shows."""

    order: str  # column or expression; "" for the order of the table
    descending: bool
    group: str  # column; "" for none
    orders: list[str]  # columns to sort by
    groups: list[str]  # columns to group by


class State(TypedDict):
    """The whole gallery. A browser compares the three counters, and requests again what is out of date."""

    type: Literal["state"]
    version: int  # counter of the order, the filter and the groups
    top: bool  # the first version starts at its top too, not at the object in focus
    stays: bool  # this version keeps the place, as one group was closed; any other starts at the top
    display: int  # counter of display settings and captions
    marks: int  # counter of selection and labels
    count: int  # objects shown
    total: int  # objects of the table
    selected: int  # objects selected
    focus: str | None  # id in focus
    place: int  # its position among those shown, from 0; -1 if it is not shown
    found: int  # position of the first object that was just selected elsewhere, which is scrolled to; -1 for none
    tile: int  # width of a picture, px
    lines: int  # lines of a caption below the id
    aspect: float  # height / width of a picture; 0 without pictures
    pixels: int  # smaller side of an image, pixels; 0 without images
    enlarge: bool  # a picture under the pointer is enlarged
    groups: list[Group]  # none if the objects are not grouped
    controls: list[Literal["size", "sort", "group", "more"]]  # those that are shown
    arrangement: Arrangement
    error: str  # why the last change of it failed
    keys: dict[str, str]  # key → label
    labelled: int  # objects of the table with a label
    later: int  # objects that were skipped, and wait for their label
    acknowledged: dict[str, int]  # client → `seq` of its last message


class Tile(TypedDict):
    """What a gallery shows of one object."""

    id: str
    lines: list[tuple[str, str]]  # names and values of the caption
    label: str  # "" for none
    later: bool  # it was skipped
    selected: bool
    verdict: Literal["right", "wrong", ""]  # of its prediction; "" if one of the two is not known
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


class Range(TypedDict):
    """Selects all objects from one to another, in the order shown, besides those selected already."""

    type: Literal["range"]
    client: str
    seq: NotRequired[int]
    start: str  # id
    end: str


class Size(TypedDict):
    """Another width of the pictures."""

    type: Literal["tile"]
    client: str
    seq: NotRequired[int]
    tile: int  # px


class Arrange(TypedDict):
    """Another order or grouping."""

    type: Literal["arrange"]
    client: str
    seq: NotRequired[int]
    order: str
    descending: bool
    group: str


class Fold(TypedDict):
    """Closes a group, or opens it."""

    type: Literal["fold"]
    client: str
    seq: NotRequired[int]
    group: str  # its text
    open: bool


class More(TypedDict):
    """The user asks for the other settings."""

    type: Literal["more"]
    client: str


class Label(TypedDict):
    """Labels an object."""

    type: Literal["label"]
    client: str
    seq: NotRequired[int]
    id: str
    label: str


class Undo(TypedDict):
    """Takes back the last label, or the last Skip."""

    type: Literal["undo"]
    client: str
    seq: NotRequired[int]


class Skip(TypedDict):
    """Leaves an object for later: it comes again when all others have a label."""

    type: Literal["skip"]
    client: str
    seq: NotRequired[int]
    id: str


class Resume(TypedDict):
    """Puts the next object without a label in focus: the first that was not skipped, or the first that was."""

    type: Literal["resume"]
    client: str
    seq: NotRequired[int]


TO_BROWSER = (State, Window)
FROM_BROWSER = (
    Hello, Request, Focus, Toggle, Range, Size, Arrange, Fold, More, Label, Undo, Skip, Resume
)  # fmt: skip
