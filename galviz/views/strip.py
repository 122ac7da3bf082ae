"""A strip of small pictures; one that is chosen comes into focus."""

from base64 import b64encode
from collections.abc import Sequence
from typing import ClassVar

import panel as pn
import param

from galviz.figures.images import rgb_pixels
from galviz.figures.sheet import contact_sheet
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet

SIDE = 92


class PictureStrip(pn.custom.JSComponent):
    """Pictures side by side, each a button that names its object.

    The pictures travel as one PNG with their ids in the same message, and the page answers with the id that it showed:
    whatever has changed meanwhile, a click means the object whose picture was clicked.
    """

    ids = param.List(default=[], item_type=str, doc="object_id of each picture, from left to right")
    notes = param.List(default=[], item_type=str, doc="what is written below each picture")
    sheet = param.String(default="", doc="data URL of the contact sheet")
    focus = param.String(default="", doc="object_id of the picture that is marked")
    side = param.Integer(default=SIDE, doc="pixels that a picture is wide and high")

    _esm = """
export function render({model}) {
  const strip = document.createElement("div")
  strip.className = "strip"
  strip.setAttribute("role", "group")
  strip.setAttribute("aria-label", "Pictures of objects; choose one to bring it into focus")
  const draw = () => {
    strip.replaceChildren(...model.ids.map((id, k) => {
      const picture = document.createElement("button")
      picture.type = "button"
      picture.dataset.id = id
      picture.setAttribute("aria-label", `object ${id}, ${model.notes[k] ?? ""}`)
      picture.title = id
      const image = document.createElement("span")
      image.className = "image"
      image.style.cssText = `width:${model.side}px; height:${model.side}px;` +
        `background-image:url(${model.sheet}); background-position:${-k * model.side}px 0`
      const note = document.createElement("span")
      note.className = "note"
      note.textContent = model.notes[k] ?? ""
      picture.append(image, note)
      picture.onclick = () => model.send_msg(id)
      return picture
    }))
    mark()
  }
  const mark = () => strip.querySelectorAll("button").forEach(
    (picture) => picture.setAttribute("aria-pressed", String(picture.dataset.id === model.focus)))
  model.on("sheet", draw)
  model.on("focus", mark)
  draw()
  return strip
}
"""
    _stylesheets: ClassVar[list[str]] = [
        """
.strip { display: flex; flex-wrap: wrap; gap: 6px }
button { padding: 3px; border: 2px solid transparent; border-radius: 6px; background: none; color: inherit }
button { cursor: pointer }
button:hover, button:focus-visible { border-color: #8a8a8a; outline: none }
button[aria-pressed="true"] { border-color: #d55e00 }
.image { display: block; background-color: #8c8c8c; border-radius: 3px }
.note { display: block; font-size: 11px; padding-top: 2px }
"""
    ]


def picture_strip(cutouts: CutoutSet, ids: Sequence[str], notes: Sequence[str], selection: Selection) -> PictureStrip:
    """Make a strip of these objects, linked with a selection both ways.

    Parameters
    ----------
    cutouts : CutoutSet
    ids : sequence of str
        At most a few dozen.
    notes : sequence of str
        A line for each, below its picture.
    selection : Selection

    Returns
    -------
    PictureStrip
    """
    part = cutouts.select(ids)
    pixels = [
        rgb_pixels(image, part.bands, coverage=None if coverage is None else coverage[k])
        for _, images, coverage in part.batches()
        for k, image in enumerate(images)
    ]
    sheet = "data:image/png;base64," + b64encode(contact_sheet(pixels, SIDE)).decode()
    focus = pn.bind(lambda focus: focus or "", selection.param.focus)
    strip = PictureStrip(ids=list(ids), notes=list(notes), sheet=sheet, focus=focus, sizing_mode="stretch_width")
    strip.on_msg(lambda event: setattr(selection, "focus", str(event.data)))
    return strip
