"""A strip of small pictures; one that is chosen comes into focus."""

from base64 import b64encode
from collections.abc import Sequence
from typing import ClassVar

import panel as pn
import param

from galviz.figures.contact_sheet import contact_sheet, default_look
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
    columns = param.Integer(default=1, doc="pictures a row of the contact sheet")
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
        `background-image:url(${model.sheet}); background-size:${model.columns * model.side}px auto;` +
        `background-position:${-(k % model.columns) * model.side}px ${-Math.floor(k / model.columns) * model.side}px`
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
    part, look = cutouts.select(ids), default_look(cutouts.bands, cutouts.unit)
    coverage = None if part.coverage is None else part.coverage[:]
    drawn = contact_sheet(part.images[:], coverage, part.bands, look, side=SIDE)
    sheet = "data:image/png;base64," + b64encode(drawn.png).decode()
    focus = pn.bind(lambda focus: focus or "", selection.param.focus)
    shown = {"ids": list(ids), "notes": list(notes), "sheet": sheet, "columns": drawn.columns}
    strip = PictureStrip(**shown, focus=focus, sizing_mode="stretch_width")
    strip.on_msg(lambda event: setattr(selection, "focus", str(event.data)))
    return strip
