"""The fast occlusion engine: exact features of a ResNet with a patch covered, computed only where the patch matters.

A patch of 16 pixels changes a small box of pixels in the first layers, and a larger box in each later one. The
unoccluded ("clean") image is computed once. For each position of the patch, only the pixels in its boxes are computed
again, for many positions at a time.

The boxes differ in size, so they do not fit into one batch of images. Instead, each layer is a table whose rows are
pixels with all their channels: first the clean pixels, then a row of zeros (the padding), then the changed pixels of
all positions. For each position, an index map tells in which row each pixel is found. A layer then gathers rows and
multiplies matrices: tiles of 4×4 pixels for 3×3 convolutions with stride 1 (`galviz.nn.explain.winograd`), single
pixels of the box for all others. Clean pixels are stored once and shared by all positions. Batch norm is folded into
the convolutions (`galviz.nn.explain.fused_norms`).

References
----------
Nakandala, Kumar and Papakonstantinou (2019), SIGMOD, section 4, for the boxes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn

from galviz.nn.explain.fused_norms import EDGE, Layer, blocks, body, understands
from galviz.nn.explain.winograd import TILE, WINDOW, scratch


@dataclass(frozen=True)
class Changed:
    """The pixels of one layer for n positions of the patch.

    Parameters
    ----------
    rows : Tensor, shape (R, C)
        H·W clean pixels, a row of zeros, and the changed pixels of all positions.
    at : Tensor of int32, shape (n, H + 8, W + 8)
        The row of each pixel. The border points to the row of zeros, so that padding needs no special case.
    box : Tensor of int, shape (n, 2, 2)
        Box of the changed pixels: first and last + 1 pixel of each axis.
    size : (int, int)
        H and W.
    listed : bool
        Whether the changed rows are exactly the pixels of the boxes, in order. Then a 1×1 convolution can use them
        without gathering.
    """

    rows: Tensor
    at: Tensor
    box: Tensor
    size: tuple[int, int]
    listed: bool

    def index(self, place: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the indices in the flattened `at` of pixels (y, x) of positions."""
        return (place * self.at.shape[1] + y + EDGE) * self.at.shape[2] + x + EDGE

    def window(self, side: int) -> Tensor:
        """Return the index offsets of a square of pixels relative to its first pixel, shape (side²,)."""
        steps = torch.arange(side, device=self.at.device)
        return (steps[:, None] * self.at.shape[2] + steps).flatten()

    def gather(self, index: Tensor) -> Tensor:
        """Return the pixels at these indices of `at`, shape (size of the index, C), in scratch memory."""
        rows = self.at.view(-1)[index.view(-1)]
        return torch.index_select(self.rows, 0, rows, out=scratch(self.rows, len(rows), self.rows.shape[1]))

    def pixels(self) -> Tensor:
        """Return the pixels of all positions, shape (n, H·W, C)."""
        height, width = self.size
        at = self.at[:, EDGE : EDGE + height, EDGE : EDGE + width]
        return self.rows.index_select(0, at.flatten()).reshape(len(at), height * width, -1)


class Incremental:
    """Features of a ResNet, before its last layer, for an image with a patch covered at many positions.

    Parameters
    ----------
    network : nn.Module
        A ResNet of ours, torchvision or timm (see `galviz.nn.explain.fused_norms.understands`), in evaluation mode. Its
        convolutions are copied, so later training has no effect on them.

    Attributes
    ----------
    last : nn.Module
        The last layer, features (n, F) -> outputs.

    Raises
    ------
    ValueError
        If the network is not supported.
    """

    def __init__(self, network: nn.Module) -> None:
        if not understands(network):
            raise ValueError(
                f"network: expected a ResNet of basic or bottleneck blocks, got {type(body(network)).__name__}. "
                "Use engine='captum'."
            )
        self.blocks = list(blocks(network))
        self.last = getattr(body(network), "fc", nn.Identity())
        # A channel that the first convolution multiplies by zero cannot change an output, however it is covered.
        self.used = self.blocks[0].layers[0].weight.abs().sum((0, 2, 3)) > 0  # channels with a non-zero weight

    def clean(self, image: Tensor) -> list[Tensor]:
        """Return every layer of an image (C, H, W): tables (H·W + 1, C') of its pixels and a row of zeros.

        It uses the code for occluded images, with every pixel marked as changed.
        """
        size = image.shape[1:]
        pixels = _with_zeros(image.flatten(1).T)
        # One position whose box is the whole image: then `_walk` computes every pixel, by the code that occlusion uses.
        # So clean and occluded features are rounded alike, and their difference is exactly 0 where nothing changed.
        everything = torch.tensor([[[0, size[0]], [0, size[1]]]], device=image.device)
        at = _clean_rows(size, 1, image.device)
        tables = self._walk(Changed(pixels, at, everything, size, listed=False), None)
        return [pixels, *(_with_zeros(table.pixels()[0]) for table in tables)]

    def features(self, clean: list[Tensor]) -> Tensor:
        """Return the features (F,) of an image from its layers, as returned by `clean`."""
        # The last row is the padding, not a pixel.
        return clean[-1][:-1].mean(0)

    def occluded(self, clean: list[Tensor], image: Tensor, cover: Tensor, places: Tensor, patch: int) -> Tensor:
        """Return the features of an image with a patch covered at each of n positions.

        Parameters
        ----------
        clean : list of Tensor
            The layers of the image, from `clean`.
        image, cover : Tensor, float32, shape (C, H, W)
            The image, and the values inside the patch.
        places : Tensor of int, shape (n, 2)
            Top and left pixel of the patch.
        patch : int
            Side of the patch, pixels.

        Returns
        -------
        Tensor, shape (n, F)
            Identical to the clean features, to the last bit, where the patch changes nothing that the network uses.
        """
        # Positions where the cover equals the image, in all used channels, are skipped: they keep the clean features.
        size = image.shape[1:]
        box = torch.stack([places, places + patch], dim=-1)
        place, y, x = _listed(box)
        differs = (image != cover)[self.used].any(0)
        # A position is computed if at least one of its pixels differs; `place` repeats its number for each pixel.
        live = torch.zeros(len(places), dtype=bool, device=image.device)
        live[place[differs[y, x]]] = True
        features = self.features(clean).repeat(len(places), 1)
        if live.any():
            features[live] = self._changed(clean, cover, box[live], size)
        return features

    def _changed(self, clean: list[Tensor], cover: Tensor, box: Tensor, size: tuple[int, int]) -> Tensor:
        at = _clean_rows(size, len(box), cover.device)
        place, y, x = _listed(box)
        # `at` counts rows, and row len(clean[0]) is the first pixel of the cover.
        at[place, y + EDGE, x + EDGE] = (len(clean[0]) + y * size[1] + x).int()
        # All positions share one copy of the cover: a pixel under the patch points to its row behind the clean pixels.
        changed = Changed(torch.cat([clean[0], cover.flatten(1).T]), at, box, size, listed=False)
        # Only the last layer is kept, so that memory is that of the layers in use.
        return deque(self._walk(changed, clean), maxlen=1).pop().pixels().mean(1)

    def _walk(self, x: Changed, clean: list[Tensor] | None) -> Iterator[Changed]:
        """Yield layer after layer. Without `clean` tables, everything in the image counts as changed."""
        # Tables are in the order in which layers are yielded, shortcuts included: `clean` made them with this method.
        tables = iter(clean[1:]) if clean else repeat(None)
        for block in self.blocks:
            # The shortcut must see the input of the block, so it is kept before a layer replaces x.
            added = x if block.adds else None
            if block.shortcut:
                added = _apply(block.shortcut, x, next(tables), relu=False)
                yield added
            for layer in block.layers[:-1]:
                x = _apply(layer, x, next(tables))
                yield x
            x = _apply(block.layers[-1], x, next(tables), added)
            yield x


def _apply(
    layer: Layer, x: Changed, clean: Tensor | None, added: Changed | None = None, *, relu: bool = True
) -> Changed:
    """Return the next layer: the clean pixels, and the changed outputs computed from windows of the input.

    The outputs are computed in units, which are single pixels or 4×4 tiles. Each unit needs a window of input pixels.
    """
    size = layer.size(x.size)
    box = layer.reach(x.box, size)
    # `step` is the stride: if a unit begins at output y, its window begins at input y · step − padding.
    unit, side, step = (TILE, WINDOW, 1) if layer.tiled else (1, layer.kernel, layer.stride)
    place, y, x_ = _listed(box, unit)
    start = x.index(place, y * step - layer.padding, x_ * step - layer.padding)

    pixels = size[0] * size[1]
    channels = x.rows.shape[1] if layer.weight is None else len(layer.weight)
    # Every row is written below: clean rows are copied, the others computed. Filling them first would cost a pass.
    rows = x.rows.new_empty(pixels + 1 + len(place) * unit**2, channels)
    rows[: pixels + 1] = 0 if clean is None else clean
    out = Changed(rows, _clean_rows(size, len(box), rows.device), box, size, listed=unit == 1)
    target = (out.window(unit)[:, None] + out.index(place, y, x_)).view(-1)
    changed = rows[pixels + 1 :]
    if added is not None:
        # The shortcut goes into the output first; the matrix product below adds to it without another copy.
        torch.index_select(added.rows, 0, added.at.view(-1)[target], out=changed)
    _compute(layer, x, start, side, changed, add=added is not None)
    if relu:
        changed.relu_()
    out.at.view(-1)[target] = torch.arange(pixels + 1, len(rows), dtype=torch.int32, device=rows.device)
    if unit > 1:  # tiles may end outside the map; point the border to the row of zeros again
        out.at[:, EDGE + size[0] :] = pixels
        out.at[:, :, EDGE + size[1] :] = pixels
    return out


def _compute(layer: Layer, x: Changed, start: Tensor, side: int, out: Tensor, *, add: bool) -> None:
    """Write the outputs of windows to `out`, or add them to its content (the shortcut)."""
    if layer.tiled:
        layer.tiles.write(x.gather(x.window(side)[:, None] + start), out, add=add)
    elif layer.weight is None:
        inputs = x.gather(x.window(side)[:, None] + start)
        torch.amax(inputs.view(-1, *out.shape), dim=0, out=out)
    else:
        # The input rows of a 1×1 convolution are its output pixels, in the same order: no window has to be gathered.
        ready = layer.kernel == layer.stride == 1 and x.listed
        inputs = x.rows[-len(out) :] if ready else x.gather(start[:, None] + x.window(side)).view(len(out), -1)
        # With `add` the product goes on top of the shortcut, and the bias follows; addmm takes one addend only.
        torch.addmm(out if add else layer.bias, inputs, layer.matrix, out=out)
        if add:
            out += layer.bias


def _listed(box: Tensor, unit: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return the units that cover boxes (n, 2, 2), as index of the box, first y and first x.

    A unit is a pixel or a square of `unit` × `unit` pixels. Boxes of any size are listed without a loop over them.
    """
    # A box clipped away at the edge of the image can have a negative size: it holds no unit.
    counts = ((box[..., 1] - box[..., 0]).clamp(min=0) + unit - 1) // unit
    y, x = (torch.arange(int(counts[:, k].max()), device=box.device) < counts[:, k, None] for k in (0, 1))
    place, y, x = (y[:, :, None] & x[:, None, :]).nonzero(as_tuple=True)
    return place, box[place, 0, 0] + unit * y, box[place, 1, 0] + unit * x


def _clean_rows(size: tuple[int, int], places: int, device: torch.device) -> Tensor:
    """Return the index map `at` when nothing has changed, int32, shape (n, H + 8, W + 8)."""
    # int32 halves the memory of the index maps; no table has 2³¹ rows.
    pixels = torch.arange(size[0] * size[1], dtype=torch.int32, device=device).view(size)
    return nn.functional.pad(pixels, (EDGE, EDGE, EDGE, EDGE), value=pixels.numel()).repeat(places, 1, 1)


def _with_zeros(pixels: Tensor) -> Tensor:
    return torch.cat([pixels, pixels.new_zeros(1, pixels.shape[1])])
