"""The messages between an image viewer and its browsers (``client.js``)."""

from typing import Literal, NotRequired, TypedDict


class Wcs(TypedDict):
    """A tangent plane in degrees, as FITS has it: pixels count from 1."""

    crval: list[float]  # right ascension and declination
    crpix: list[float]
    cd: list[float]  # cd1_1, cd1_2, cd2_1, cd2_2


class Source(TypedDict):
    """A known source. Pixels count from 0, whole numbers at their centres, row 0 at the bottom."""

    x: float
    y: float
    kind: str
    p_mem: float | None


class Stretch(TypedDict):
    """How pixels become colours."""

    name: str  # of the picture to show
    all: str  # the name that stands for all pictures
    pictures: list[tuple[str, list[str]]]  # name and bands of each: three bands, or one
    limits: dict[str, tuple[float, float]]  # values of black and white; of "lupton", of black and the linear range
    kind: str  # linear, asinh or lupton
    a: float  # softening of asinh
    Q: float  # of Lupton et al. (2004)
    gamma: float
    palette: list[list[int]]  # 255 colours of a single band: red, green, blue, 0 … 255


class Object(TypedDict):
    """An object with all that is shown of it, so that id and pixels belong together."""

    type: Literal["object"]
    id: str
    bands: list[str]
    width: int
    height: int
    unit: str
    origin: str
    place: int  # in the order of the objects, from 1; 0 if it is not one of them
    count: int  # objects in the order
    facts: list[tuple[str, str]]
    sources: list[Source]
    marks: dict[str, tuple[str, str, str]]  # kind of source → path of its shape (SVG), colour, name
    wcs: Wcs | None
    links: list[tuple[str, str]]  # name and address of pages that show this place of the sky
    arcsec: float  # of a pixel; 0: not known
    tallest: int  # largest height of a large picture, px; 0: the viewer fills its pane
    stretch: Stretch
    pixels: NotRequired[bytes]  # (B, H, W) of <f4, row 0 at the bottom; missing: there is no image
    coverage: NotRequired[bytes]  # (B, H, W) of uint8, 0: not observed; missing: all pixels were observed


class NewStretch(TypedDict):
    """Other display settings of an object."""

    type: Literal["stretch"]
    id: str
    stretch: Stretch
    turn: bool  # show the picture `stretch.name`


class Alert(TypedDict):
    """Why a request was refused."""

    type: Literal["alert"]
    text: str


class Contours(TypedDict):
    """Contour lines of a band; the answer to `ContoursOf`."""

    type: Literal["contours"]
    id: str
    band: str
    levels: list[float]
    lines: list[list[float]]  # x, y, x, y … of each: pixels from 0, whole numbers at their centres


class Fluxes(TypedDict):
    """What a circle measures in one band. None: not known."""

    band: str
    flux: float | None
    error: float | None
    snr: float | None
    mag: float | None
    mag_error: float | None
    mag_limit: float | None  # of 3 times the error
    missing: float  # pixels inside the circle that were not observed


class Photometry(TypedDict):
    """The answer to `Circle`."""

    type: Literal["photometry"]
    id: str
    bands: list[Fluxes]
    problem: str  # why nothing was measured


class Hello(TypedDict):
    """A new browser; `Object` is the answer."""

    type: Literal["hello"]


class Step(TypedDict):
    """Moves the focus in the order of the objects."""

    type: Literal["step"]
    by: int


class Go(TypedDict):
    """Puts an object in focus by its id, as it was typed."""

    type: Literal["go"]
    id: str


class Picture(TypedDict):
    """Shows another picture, in all views that share the display settings."""

    type: Literal["picture"]
    name: str


class ContoursOf(TypedDict):
    """Asks for contour lines of a band."""

    type: Literal["contours"]
    id: str
    band: str
    count: int  # levels


class Circle(TypedDict):
    """Asks for the flux inside a circle, less the sky in a ring around it. All in pixels, as `Source`."""

    type: Literal["circle"]
    id: str
    x: float
    y: float
    radius: float
    inner: float  # of the ring
    outer: float


TO_BROWSER = (Object, NewStretch, Alert, Contours, Photometry)
FROM_BROWSER = (Hello, Step, Go, Picture, ContoursOf, Circle)
