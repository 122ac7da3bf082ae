"""3×3 convolutions of stride 1 with 2.25 multiplications a pixel instead of 9: Winograd's F(4×4, 3×3).

A tile of 4×4 outputs is made of 6×6 inputs d: Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A; ⊙ is a product of matrices, channels in by
channels out, at each of 36 points. Two-sided products of small matrices are written as one product with the Kronecker
product, so that all tiles are transformed at once.

References
----------
Winograd (1980), "Arithmetic Complexity of Computations". Lavin and Gray (2016), CVPR, section 4. Points that keep
the rounding errors small: Barabasz et al. (2020), ACM TOMS 46, 37.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

TILE, WINDOW = 4, 6
ONES = WINDOW + 1  # what is added at point (1, 1) is added to every output of the tile
_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)


@lru_cache(maxsize=1)
def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Give Bᵀ ⊗ Bᵀ (36, 36), G ⊗ G (36, 9) and Aᵀ ⊗ Aᵀ (16, 36), float64."""
    points = np.array(_POINTS)
    others = [np.delete(points, k) for k in range(len(points))]
    scale = np.array([np.prod(point - rest) for point, rest in zip(points, others, strict=True)])
    B, G, A = np.zeros((WINDOW, WINDOW)), np.zeros((WINDOW, 3)), np.zeros((TILE, WINDOW))
    B[:-1, :-1] = [np.poly(rest)[::-1] for rest in others]
    B[-1] = np.poly(points)[::-1]
    G[:-1] = np.vander(points, 3, increasing=True) / scale[:, None]
    A[:, :-1] = np.vander(points, TILE, increasing=True).T
    G[-1, -1] = A[-1, -1] = 1
    return tuple(torch.from_numpy(np.kron(matrix, matrix)) for matrix in (B, G, A))


def of_windows(like: Tensor) -> Tensor:
    """Give the matrix (36, 36) that transforms the pixels of windows."""
    return _matrices()[0].to(like)


def of_kernels(weight: Tensor) -> Tensor:
    """Transform kernels (C', C, 3, 3) to one matrix for each point, (36, C, C')."""
    flat = weight.permute(2, 3, 1, 0).reshape(9, -1)
    return (_matrices()[1].to(flat.device) @ flat.double()).to(weight).reshape(WINDOW**2, *weight.shape[1::-1])


def to_tiles(like: Tensor) -> Tensor:
    """Give the matrix (16, 36) that makes the pixels of tiles."""
    return _matrices()[2].to(like)
