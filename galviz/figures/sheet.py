"""Many small pictures as one: a contact sheet."""

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image


def contact_sheet(pictures: Iterable[np.ndarray], side: int = 96) -> bytes:
    """Put pictures side by side into one PNG.

    Parameters
    ----------
    pictures : iterable of numpy.ndarray
        (H, W, 4) uint8 each; row 0 is drawn at the bottom, as in all pictures here.
    side : int
        Pixels that each is wide and high.

    Returns
    -------
    bytes
        PNG, `side` high and n · `side` wide, the k-th picture from k · `side`; an empty one of width 1 for none.
    """
    tiles = [Image.fromarray(np.ascontiguousarray(rgba[::-1]), "RGBA").resize((side, side)) for rgba in pictures]
    sheet = Image.new("RGBA", (max(1, side * len(tiles)), side))
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k * side, 0))
    png = io.BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()
