"""What a user changed in a diagram, as JSON values of a saved view."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from galviz.measure.red_sequence import RedSequence
from galviz.tools.diagram.core import ALL, Regions

Polygon = tuple[tuple[float, float], ...]
_DIGITS = 5  # of the corners of a drawn region: finer than a pixel


@dataclass(frozen=True)
class Settings:
    """What was changed by hand. Where nothing was, the guesses and fits of a table hold.

    Parameters
    ----------
    fields : mapping of str to str
        Columns or expressions that were typed.
    regions : Regions
        With a line that was moved, or None for the fitted one.
    polygon : tuple of (float, float)
        Corners of the drawn region; empty without one.
    region : str
        The region of the report.
    kind : str
        The curve: ``"ROC"`` or ``"purity"``.
    member, fit_to : str
        The class that scores are of, and the one that the line is fitted to; ``""`` for the first choice.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    regions: Regions = field(default_factory=Regions)
    polygon: Polygon = ()
    region: str = ALL
    kind: str = "ROC"
    member: str = ""
    fit_to: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        first = _plain(Settings())
        return {name: value for name, value in _plain(self).items() if value != first[name]}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """Return the settings that `to_json` described.

        Raises
        ------
        ValueError, TypeError or AttributeError
            If they are something else.
        """
        given = _plain(cls()) | state
        line, cuts = given.pop("sequence"), {name: given.pop(name) for name in ("faintest", "reddest")}
        regions = Regions(
            sequence=None if line is None else RedSequence(**{name: float(value) for name, value in line.items()}),
            edges=tuple(map(float, given.pop("edges"))),
            **{name: None if value is None else float(value) for name, value in cuts.items()},
        )
        given["fields"] = {name: str(text) for name, text in given["fields"].items()}
        given["polygon"] = tuple((float(x), float(y)) for x, y in given["polygon"])
        return cls(regions=regions, **given)


def _plain(settings: Settings) -> dict[str, Any]:
    found = asdict(settings)
    found |= found.pop("regions")
    corners = [[float(f"{value:.{_DIGITS}g}") for value in corner] for corner in settings.polygon]
    return found | {"edges": list(found["edges"]), "polygon": corners}
