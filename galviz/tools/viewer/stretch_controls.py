"""Controls of the display settings: bands, colours and stretch."""

from collections.abc import Callable
from typing import Any

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.sky.cutouts import CutoutSet
from galviz.tools.display import KINDS, PALETTES, Stretch, default_stretch
from galviz.tools.formatting import shown_error, text

RGB, ALL = "RGB", "all bands"
_NUMBERS = ("brightness", "gamma", "softening", "percentile")
_ORDER = ("picture", "red", "green", "blue", "kind", *_NUMBERS, "palette", "black", "white")


def alert(error: str) -> pn.viewable.Viewable:
    """Show an error; hidden if there is none."""
    message = Markup("<span role='alert'>⚠ {}</span>").format(error) if error else ""
    return text(message, visible=bool(message), margin=(0, 10))


class StretchView(pn.viewable.Viewer):
    """Controls of a `Stretch`; only those that have an effect are visible.

    Parameters
    ----------
    cutouts : CutoutSet
        Provides bands and unit. With more than one band, `picture` can also be `RGB`, or `ALL`: the colour picture and
        every band side by side, in views that support it.
    """

    picture = param.Selector(default=RGB, objects=[RGB], label="Picture")
    red = param.Selector(default=None, objects=[None], label="Red")
    green = param.Selector(default=None, objects=[None], label="Green")
    blue = param.Selector(default=None, objects=[None], label="Blue")
    kind = param.Selector(default=KINDS[0], objects=list(KINDS), label="Stretch")
    percentile = param.Number(default=99.5, bounds=(90, 100), step=0.1, label="Pixels within limits (%)")
    softening = param.Number(default=0.1, bounds=(0.01, 1), step=0.01, label="Softening of asinh")
    gamma = param.Number(default=1.0, bounds=(0.2, 3), step=0.05, label="Gamma", doc="below 1 shows faint structures")
    brightness = param.Number(default=1.0, bounds=(0.1, 5), step=0.1, label="Brightness of colours")
    palette = param.Selector(default="grey", objects=list(PALETTES), label="Palette")
    black = param.Number(
        default=None,
        allow_None=True,
        label="Black at",
        doc="pixel value, in the unit of the images; empty: set for each picture",
    )
    white = param.Number(default=None, allow_None=True, label="White at", doc="as for black; give both")
    error = param.String(default="", doc="why the pictures did not change")

    def __init__(self, cutouts: CutoutSet, **params: object) -> None:
        first = default_stretch(cutouts.bands, cutouts.unit)
        colours = dict(zip(("red", "green", "blue"), (first.bands * 3)[:3], strict=True))
        settings = {"kind": first.kind, "picture": RGB if len(first.bands) == 3 else first.bands[0]}
        settings |= dict(zip(("black", "white"), first.limits or (None, None), strict=True))
        super().__init__()
        self.unit = cutouts.unit
        self.param.picture.objects = [*([RGB, ALL] if len(cutouts.bands) > 1 else []), *cutouts.bands]
        for name in colours:
            self.param[name].objects = list(cutouts.bands)
        self.param.update(**(colours | settings | params))

    @property
    def names(self) -> list[str]:
        """Names of the controls, as saved views keep them."""
        return [*_ORDER]

    def stretch(self) -> Stretch:
        """Return the current display settings of one picture; for `ALL`, of the colour picture.

        Raises
        ------
        ValueError
            If the limits are invalid.
        """
        bands = (self.red, self.green, self.blue) if self.picture in (RGB, ALL) else (self.picture,)
        limits = None if self.black is None or self.white is None else (self.black, self.white)
        more = {name: getattr(self, name) for name in ("kind", "percentile", "gamma", "brightness", "palette")}
        return Stretch(bands=bands, limits=limits, a=self.softening, **more)

    def watch(self, changed: Callable[..., None]) -> param.parameterized.Watcher:
        """Call `changed` after each change of a control that leaves valid settings; ``param.unwatch`` ends it."""

        def try_it(*events: param.parameterized.Event) -> None:
            try:
                self.stretch()
            except ValueError as error:
                self.error = shown_error(error)
            else:
                self.error = ""
                changed(*events)

        return self.param.watch(try_it, [*_ORDER])

    def _has_effect(self, name: str) -> Any:
        """Return whether a control has an effect: True, or an expression that follows the other controls."""
        kind, picture = self.param.kind.rx(), self.param.picture.rx()
        colours, grey = picture.rx.in_([RGB, ALL]), picture != RGB
        own = self.param.black.rx().rx.is_(None).rx.or_(self.param.white.rx().rx.is_(None))
        lupton = kind == "lupton"
        asinh = (kind == "asinh").rx.or_(lupton.rx.and_(grey))
        rules = dict.fromkeys(("red", "green", "blue"), colours) | {"brightness": lupton.rx.and_(colours)}
        rules |= {"softening": asinh, "palette": grey, "percentile": asinh.rx.or_(kind == "percentile").rx.and_(own)}
        return rules.get(name, True)

    def __panel__(self) -> pn.viewable.Viewable:
        wide = dict.fromkeys(("red", "green", "blue"), 76) | dict.fromkeys(_NUMBERS, 184)
        wide |= {"picture": 104, "kind": 112, "palette": 100, "black": 112, "white": 112}
        given = {
            name: {"width": width, "visible": self._has_effect(name), "margin": (3, 8)} for name, width in wide.items()
        }
        for name in ("black", "white"):
            given[name] |= {"placeholder": "auto", "type": pn.widgets.FloatInput}
        controls = pn.Param(self, parameters=[*_ORDER], widgets=given, default_layout=pn.FlexBox, show_name=False)
        controls.layout[0].align_items = "end"
        return pn.Column(controls.layout[0], self.alert, sizing_mode="stretch_width")

    @param.depends("error")
    def alert(self) -> pn.viewable.Viewable:
        """Show why the pictures did not change."""
        return alert(self.error)
