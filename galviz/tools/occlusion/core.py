"""An occlusion map without its page: the messages that the browser part (``client.js``) receives, and a PNG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from galviz.measure.occluders import GRAD_CAM, INTEGRATED_GRADIENTS, OCCLUSION, SHAPLEY, SUPERPIXELS
from galviz.sky.cutouts import CutoutSet
from galviz.tools.display import default_stretch
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.marks import marks_message
from galviz.tools.occlusion.figure import colour_scale, picture, rgb_of
from galviz.tools.occlusion.meaning import VALUES, effect_text, signs, verdict
from galviz.tools.viewer.figure import scale_bar
from galviz.work.effects import RegionEffects
from galviz.work.explanation import Explanation
from galviz.work.question import outputs


def drawn(cutouts: CutoutSet, object_id: str, shown_band: str = "") -> tuple[bytes, str]:
    """Draw one object at its own size, in colours or in the band `shown_band`; returns a PNG and the bands used."""
    row = cutouts.row_of([object_id])
    coverage = None if cutouts.coverage is None else cutouts.coverage[row]
    stretch = default_stretch((shown_band,) if shown_band else cutouts.bands, cutouts.unit)
    sheet = contact_sheet(cutouts.images[row], coverage, cutouts.bands, stretch, side=max(cutouts.images.shape[2:]))
    return sheet.png, f"band {shown_band}" if shown_band else " ".join(stretch.bands)


def object_message(
    cutouts: CutoutSet,
    object_id: str,
    sources: pd.DataFrame,
    shown_band: str = "",
    regions: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return everything shown of an object except its map, including its picture."""
    png, title = drawn(cutouts, object_id, shown_band)
    _, _, height, width = cutouts.images.shape
    scale = float(cutouts.pixel_scale[cutouts.row_of([object_id])[0]])
    length, label = scale_bar(width * scale) if np.isfinite(scale) else (0.0, "")
    bar = {"pixels": length / scale if label else 0.0, "label": label}
    message = {"type": "object", "id": object_id, "width": width, "height": height, "title": title, "bar": bar}
    message |= {"sources": sources[["x", "y", "kind"]].to_dict("records"), "marks": marks_message(sources["kind"])}
    message["regions"] = [dict(region) for region in regions]
    return message | {"png": png}


def name_of(found: Explanation) -> str:
    """Return the displayed name of the explained output."""
    return next(
        name for name, given in outputs(found.run.target, found.cutouts.bands).items() if given == found.settings.output
    )


METHOD_NAMES = {
    OCCLUSION: "",
    SUPERPIXELS: "",
    SHAPLEY: "Shapley values: ",
    INTEGRATED_GRADIENTS: "integrated gradients: ",
    GRAD_CAM: "Grad-CAM: ",
}


def kind_of_scale(found: Explanation, value: str) -> str:
    """Return the kind of colours that suit a map: about zero, or from its minimum to its maximum."""
    return "output" if value == "output" or found.settings.method == GRAD_CAM else "change"


def map_message(found: Explanation, row: int, value: str) -> dict[str, Any]:
    """Return the current state of a map: a row of `Explanation.map`, its colours, and the output at each place."""
    values = found.map(value)
    unit, method = name_of(found), found.settings.method
    limits, palette = colour_scale(values, kind_of_scale(found, value))
    what = {"change": "contribution to", "effect": "hiding changes", "output": "when hidden:"}[value]
    what = f"{METHOD_NAMES[method]}{what}"
    label = f"{what} {unit} · {found.bands[row]}"
    message = {"type": "map", "id": found.object_id, "limits": limits, "palette": rgb_of(palette)}
    message |= {"unit": "" if method == GRAD_CAM else unit, "signs": signs(method, value, unit)}
    message |= {
        "label": label,
        "clean": float(found.clean) if np.isfinite(found.clean) else None,
        "views": found.run.recipe.data.tta,
        "patch": found.settings.patch,
    }
    alone = not found.shown_band and method != GRAD_CAM and len(found.cutouts.bands) > 1
    known = alone and len(found.bands) > 1 and found.whole
    message |= {"band": found.bands[row], "bands": list(found.cutouts.bands) if alone else []}
    message["effects"] = found.of_bands().tolist() if known else []
    message |= {"tops": found.places[:, 0].tolist(), "lefts": found.places[:, 1].tolist()}
    arrays = {"values": values[row], "outputs": found.outputs[row] if len(found.places) else np.empty(0)}
    return message | {name: np.ascontiguousarray(array, "<f4").tobytes() for name, array in arrays.items()}


def to_png(found: Explanation, row: int, value: str, sources: pd.DataFrame) -> bytes:
    """Draw the object, its map and the settings of the explanation as one picture."""
    values = found.map(value)
    # The same limits for the maps of all bands, as on the page.
    scale_of_map = colour_scale(values, kind_of_scale(found, value))
    what = next(name for name, kind in VALUES.items() if kind == value)
    lines = [found.object_id, f"{found.run.name}: {found.question.text}; {found.bands[row]}"]
    lines.append(f"{what}; unchanged image: {found.clean:.4g}")
    image, _ = drawn(found.cutouts, found.object_id, found.shown_band)
    return picture(image, values[row], scale_of_map, "\n".join(lines), sources)


def effects_message(object_id: str, effects: RegionEffects | None, unit: str) -> dict[str, Any]:
    """Return what hiding each region changes, as far as it is known, and why it cannot be."""
    message = {"type": "effects", "id": object_id, "texts": {}, "busy": False}
    if effects is None:
        return message
    texts = {}
    for name, effect in effects.effects.items():
        comparison = verdict(effect)
        texts[name] = effect_text(effect, unit) + (f": {comparison}" if comparison else "")
    left = [name for name in effects.masks if name not in texts]
    if effects.work.status == "failed":
        return message | {"texts": texts | dict.fromkeys(left, f"not measured: {effects.work.error}")}
    return message | {"texts": texts, "busy": bool(left)}
