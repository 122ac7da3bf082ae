"""Make torchvision importable where its compiled operators cannot be loaded, as beside a CPU build of torch."""

import os
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_kept = []  # an operator lives as long as the library that declares it


def heal() -> bool:
    """Declare the operators that torchvision registers fakes for, where its own are not to be had.

    ``import torchvision`` (and with it lightning and torchmetrics) fails with "operator torchvision::nms does not
    exist" when its extension ``_C`` does not load, for example because it was built for CUDA. Declared, but without an
    implementation, the names are enough: models and transforms work, `torchvision.ops.nms` raises when called.
    Must run before the first import of torchvision; where torchvision is whole, or not there, nothing is done.

    Returns
    -------
    bool
        True where operators had to be declared.
    """
    spec = find_spec("torchvision")
    if spec is None or _loads(Path(spec.origin).parent):
        return False
    missing = [name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name)]
    if missing:
        library = torch.library.Library("torchvision", "DEF")
        for name in missing:
            library.define(_SCHEMAS[name])
        _kept.append(library)
    return bool(missing)


def _loads(folder: Path) -> bool:
    """Load the extension as torchvision itself does, and say whether that worked."""
    if os.name == "nt":
        os.add_dll_directory(str(folder))
    for file in (folder / f"_C{suffix}" for suffix in EXTENSION_SUFFIXES):
        if file.is_file():
            try:
                torch.ops.load_library(file)
            except (ImportError, OSError):
                return False
            return True
    return False
