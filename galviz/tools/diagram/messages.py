"""The messages between a colour–magnitude diagram and its browsers (``client.js``)."""

from typing import Literal, NotRequired, TypedDict


class Chart(TypedDict):
    """The objects of the diagram. It is sent again only when the columns change."""

    type: Literal["chart"]
    x: tuple[float, float]  # ends of the axes
    y: tuple[float, float]
    outside: int  # objects that are not within the axes
    missing: int  # objects without a magnitude or a colour
    classes: list[str]
    names: list[str]  # what the classes are called
    unknown: tuple[int, int]  # objects without a true class, and without a predicted one
    colours: list[str]  # of the classes, and of objects of unknown class
    shapes: list[str]  # paths (SVG) of the same
    columns: list[str]  # that can be typed
    scored: bool  # whether there are probabilities, for a curve
    points: int  # objects that are drawn one by one; 0: their density is drawn
    wide: int  # pixels of the density
    high: int
    # Of points: x and y (<f4), predicted and true class (uint8). Of a density: objects in each pixel (<f4), the most
    # frequent predicted class (uint8); rows from below. Missing in a notebook, which has it as a buffer.
    data: NotRequired[bytes]


class Selected(TypedDict):
    """Which objects are selected: 1 or 0 for each point, or the number in each pixel (uint8)."""

    type: Literal["selected"]
    count: int
    data: NotRequired[bytes]


class Line(TypedDict):
    """The red sequence: colour = intercept + slope · (magnitude − pivot)."""

    slope: float
    intercept: float
    scatter: float
    pivot: float


class Scores(TypedDict):
    """The scores of a class, of all classes together, or of a region."""

    name: str
    objects: int
    values: list[float | None]  # purity, completeness, F1; None: undefined
    ends: list[tuple[float | None, float | None]]  # of their intervals; empty until they are computed


class Curve(TypedDict):
    """A curve of the probability of a class."""

    x: list[float]
    y: list[float]
    area: float


class State(TypedDict):
    """The settings, and what they give."""

    type: Literal["state"]
    fields: dict[str, str]  # what was typed: magnitude, colour, light, below, redshift
    line: Line | None
    words: str  # about the line
    moved: str  # how far it was dragged
    fit_to: str  # a class, or all
    edges: list[float]  # from blue to red, in units of the scatter
    faintest: float | None
    reddest: float | None
    left: dict[str, int]  # objects that remain after each cut
    counted: int  # objects of known classes
    region: str
    member: str  # the class that `regions` are about
    regions: list[Scores]
    matrix: list[list[int]]  # of the region: true classes in rows
    report: list[Scores]  # of the region: each class, accuracy, macro and weighted average
    polygon: list[tuple[float, float]]  # corners of the drawn region; empty without one
    undoable: int  # changes of the line, the cuts and the drawn region that can be undone
    kind: str  # of the curve: ROC or purity
    curve: Curve | None
    stars: int
    busy: str  # what is being computed
    error: str
    acknowledged: dict[str, int]  # client → `seq` of its last message


class Hello(TypedDict):
    """A new browser; all messages to a browser are the answer."""

    type: Literal["hello"]


class Move(TypedDict):
    """Another line; a browser sends the next one when this one is acknowledged."""

    type: Literal["move"]
    client: str  # tells one browser from another
    seq: int
    slope: float
    intercept: float
    scatter: float
    done: bool  # the line was released


class Set(TypedDict):
    """Another value of a setting: a field, edge0 to edge2, faintest, reddest, region, member, kind or fit_to."""

    type: Literal["set"]
    client: str
    seq: int
    name: str
    value: float | str | None
    done: NotRequired[bool]  # False while a slider is dragged


class Cell(TypedDict):
    """A click on a cell of the matrix: numbers of its classes."""

    type: Literal["cell"]
    client: str
    seq: int
    true: int
    given: int


class Lasso(TypedDict):
    """A polygon that was drawn."""

    type: Literal["lasso"]
    client: str
    seq: int
    polygon: list[tuple[float, float]]


class Act(TypedDict):
    """A button was pressed."""

    type: Literal["act"]
    client: str
    seq: int
    name: Literal["fit", "refit", "region", "stars", "undo"]


TO_BROWSER = (Chart, Selected, State)
FROM_BROWSER = (Hello, Move, Set, Cell, Lasso, Act)
