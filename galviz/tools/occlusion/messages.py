"""The messages between an occlusion map and its browsers (``client.js``)."""

from typing import Literal, NotRequired, TypedDict


class Source(TypedDict):
    """A source. Pixels count from 0, whole numbers at their centres, row 0 at the bottom."""

    x: float
    y: float
    kind: str


class Bar(TypedDict):
    """The scale bar."""

    pixels: float  # 0: the scale is not known
    label: str


class Region(TypedDict):
    """A region that someone drew: corners (x, y) as of a source."""

    name: str
    points: list[tuple[float, float]]


class Object(TypedDict):
    """An object with its picture, so that id and picture belong together."""

    type: Literal["object"]
    id: str
    width: int
    height: int
    title: str  # bands of the picture
    bar: Bar
    sources: list[Source]
    regions: list[Region]
    marks: dict[str, tuple[str, str, str]]  # kind of source → path of its shape (SVG), colour, name
    png: NotRequired[bytes]  # for Panel; anywidget has it as the first buffer


class Map(TypedDict):
    """The map of an object, as far as it is computed."""

    type: Literal["map"]
    id: str
    label: str
    signs: str  # what the colours mean
    unit: str
    limits: tuple[float, float]  # values of the first and the last colour
    palette: list[list[int]]  # red, green, blue, 0 … 255
    clean: float | None  # output for the unchanged image; None: not computed yet
    views: int  # of the image, over which the run's prediction is averaged
    patch: int  # side of the occluder, pixels
    tops: list[int]  # its places: rows from the bottom; none for a method without an occluder
    lefts: list[int]  # and columns
    band: str  # that is hidden, or "all bands"
    bands: list[str]  # that can be hidden one by one; none for a network of one band
    effects: list[float]  # mean absolute change by each of them; none until a map of each is computed
    values: NotRequired[bytes]  # (H, W) of <f4, row 0 at the bottom; NaN: not computed yet. anywidget: first buffer
    outputs: NotRequired[bytes]  # (places,) of <f4, with the occluder there; NaN: not computed yet. Second buffer


class Effects(TypedDict):
    """What hiding each region changes, as far as it is known."""

    type: Literal["effects"]
    id: str
    texts: dict[str, str]  # name of the region → what hiding it changes
    busy: bool  # more is to come


class Hello(TypedDict):
    """A new browser; `Object`, `Map` and `Effects` are the answer."""

    type: Literal["hello"]


class Step(TypedDict):
    """The wish to go to the object before (−1) or after (1)."""

    type: Literal["step"]
    by: int


class Regions(TypedDict):
    """All regions of an object, after one was drawn or removed."""

    type: Literal["regions"]
    id: str
    regions: list[Region]


class Band(TypedDict):
    """The wish to hide another band, or "all bands" at once."""

    type: Literal["band"]
    name: str


TO_BROWSER = (Object, Map, Effects)
FROM_BROWSER = (Hello, Step, Regions, Band)
