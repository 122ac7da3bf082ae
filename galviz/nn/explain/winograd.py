"""3×3 convolutions with stride 1 by Winograd's F(4×4, 3×3): 2.25 multiplications per pixel and channel instead of 9.

A tile of 4×4 outputs is computed from 6×6 inputs d: Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, where ⊙ is a matrix product, input by
output channels, at each of 36 points. It pays on the changed tiles of `galviz.nn.explain.incremental`; for whole images
it was measured to gain nothing.

References
----------
Winograd (1980), "Arithmetic Complexity of Computations". Lavin and Gray (2016), CVPR, section 4. Points that keep
the rounding errors small: Barabasz et al. (2020), ACM TOMS 46, 37.
"""

import math
import threading

import numpy as np
import torch
from torch import Tensor

TILE, WINDOW = 4, 6
_POINTS = np.array([0.0, 1.0, -1.0, 0.5, -2.0])  # and infinity
_ONE = WINDOW + 1  # the point (1, 1): its powers are all 1, so a value added here is added to every output of the tile


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Bᵀ (6, 6), G (6, 3) and Aᵀ (4, 6), float64, for the points 0, ±1, ½, −2 and infinity."""
    # Toom–Cook: a polynomial product is known from its values at enough points. B interpolates, G and A evaluate.
    # Infinity as the last point picks the leading coefficient.
    others = [np.delete(_POINTS, k) for k in range(len(_POINTS))]
    # The Lagrange denominators are put into G, which is applied once per network, not into B, applied per window.
    scale = np.array([np.prod(point - rest) for point, rest in zip(_POINTS, others, strict=True)])
    B, G, A = np.zeros((WINDOW, WINDOW)), np.zeros((WINDOW, 3)), np.zeros((TILE, WINDOW))
    B[:-1, :-1] = [np.poly(rest)[::-1] for rest in others]
    B[-1] = np.poly(_POINTS)[::-1]
    G[:-1] = np.vander(_POINTS, 3, increasing=True) / scale[:, None]
    A[:, :-1] = np.vander(_POINTS, TILE, increasing=True).T
    G[-1, -1] = A[-1, -1] = 1
    return B, G, A


class Tiles:
    """A 3×3 convolution with stride 1, computed on tiles of 4×4 outputs.

    Parameters
    ----------
    weight : Tensor, shape (C', C, 3, 3)
    bias : Tensor, shape (C',)
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        B, G, A = (torch.from_numpy(matrix).to(weight) for matrix in matrices())
        outputs, inputs = weight.shape[:2]
        # Done once: weights become 36 matrices (input × output channels), one for each point.
        kernels = (G @ weight.permute(2, 3, 1, 0).reshape(3, -1)).view(WINDOW, 3, -1)
        kernels = torch.bmm(G.expand(WINDOW, -1, -1), kernels)
        self.kernels, self.bias = kernels.view(WINDOW**2, inputs, outputs), bias
        # `expand` copies nothing; bmm wants a batch, and all entries of the batch are the same matrix.
        self.before, self.after = B.expand(WINDOW, -1, -1), A.expand(TILE, -1, -1)

    def write(self, windows: Tensor, out: Tensor, *, add: bool) -> None:
        """Compute T tiles.

        Parameters
        ----------
        windows : Tensor, shape (36 T, C)
            The input pixels of the windows, ordered as (6, 6, T).
        out : Tensor, shape (16 T, C')
            Receives the output pixels of the tiles, ordered as (4, 4, T).
        add : bool
            If True, add to the content of `out` instead of replacing it.
        """
        # Both transforms are separable. The first axis is one large product (mm), the second a product per row (bmm).
        inputs, outputs, tiles = windows.shape[1], out.shape[1], len(windows) // WINDOW**2
        points = windows.view(WINDOW, -1)
        points = torch.mm(self.before[0], points, out=scratch(points, *points.shape)).view(WINDOW, WINDOW, -1)
        points = torch.bmm(self.before, points, out=scratch(points, *points.shape)).view(WINDOW**2, tiles, inputs)
        # The only step whose cost grows with input × output channels: 36 products for 16 pixels, instead of 144.
        points = torch.bmm(points, self.kernels, out=scratch(points, WINDOW**2, tiles, outputs))
        points[_ONE] += self.bias  # cheaper here than on the 16 outputs
        points = points.view(WINDOW, -1)
        points = torch.mm(self.after[0], points, out=scratch(points, TILE, points.shape[1])).view(TILE, WINDOW, -1)
        out = out.view(TILE, TILE, -1)
        # beta 0 ignores the content of `out`, even NaN in memory that was never written.
        torch.baddbmm(out, self.after, points, beta=int(add), out=out)


class _Scratch(threading.local):
    """Two buffers per thread that are reused, because allocating them for each layer takes longer than using them.

    Two are enough, since each step reads the result of the step before and writes the next.
    """

    turn = 0

    def __init__(self) -> None:
        self.held = [torch.empty(0), torch.empty(0)]

    def __call__(self, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor of a shape. It is valid until the second next call."""
        # Alternate, so that the result of the last step, which is the input of this one, is not overwritten.
        self.turn, size = 1 - self.turn, math.prod(shape)
        held = self.held[self.turn]
        if held.numel() < size or held.device != like.device:
            with torch.inference_mode(mode=False):  # an inference tensor could not be written in another mode
                held = self.held[self.turn] = torch.empty(size, device=like.device)
        return held[:size].view(shape)


scratch = _Scratch()
