"""The messages between the filters and their browsers (``client.js``)."""

from typing import Literal, NotRequired, TypedDict


class Value(TypedDict):
    """One value of a column that has few."""

    text: str
    all: int  # objects with it
    left: int  # those of them that are selected
    ticked: bool


class Column(TypedDict):
    """A column that is shown: a histogram, or a list of values."""

    name: str
    unit: str
    active: bool  # it filters
    edges: list[float]  # the first and the last of the histogram; none for a list
    ends: list[float]  # smallest and largest value; they may lie outside the histogram, whose last bins have them too
    all: list[int]  # objects in each bin
    left: list[int]  # those of them that are selected; none if nothing is
    low: float | None  # of the range; None is open
    high: float | None
    values: list[Value]  # the most frequent first
    more: int  # values that are not listed
    missing: int  # objects without a value
    missing_left: int
    with_missing: bool  # they pass the filter


class State(TypedDict):
    """All filters."""

    type: Literal["state"]
    total: int  # objects of the table
    selected: int
    active: bool  # a column filters
    columns: list[Column]
    others: list[str]  # columns that can be added
    error: str  # why the last change failed
    acknowledged: dict[str, int]  # client → `seq` of its last message


class Hello(TypedDict):
    """A new browser; `State` is the answer."""

    type: Literal["hello"]
    client: str


class Brush(TypedDict):
    """Another range of a column; both ends open: none."""

    type: Literal["brush"]
    client: str  # tells one browser from another
    seq: NotRequired[int]  # number of the message; acknowledged in the next `State`
    name: str
    low: float | None
    high: float | None
    done: bool  # False while it is dragged: all until then is one step


class Tick(TypedDict):
    """Ticks a value of a list, or not."""

    type: Literal["tick"]
    client: str
    seq: NotRequired[int]
    name: str
    place: int  # of the value in the list
    on: bool


class Missing(TypedDict):
    """Lets objects without a value pass, or not."""

    type: Literal["missing"]
    client: str
    seq: NotRequired[int]
    name: str
    on: bool


class Clear(TypedDict):
    """Clears the filter of a column, or all."""

    type: Literal["clear"]
    client: str
    seq: NotRequired[int]
    name: str  # "" for all


class Add(TypedDict):
    """Shows another column."""

    type: Literal["add"]
    client: str
    seq: NotRequired[int]
    name: str


class Remove(TypedDict):
    """Hides a column, and clears its filter."""

    type: Literal["remove"]
    client: str
    seq: NotRequired[int]
    name: str


TO_BROWSER = (State,)
FROM_BROWSER = (Hello, Brush, Tick, Missing, Clear, Add, Remove)
