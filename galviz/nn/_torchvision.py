"""Make torchvision importable if its compiled operators cannot be loaded, for example beside a CPU build of torch."""

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
    """Declare the operators that torchvision registers fakes for, if its own are missing.

    ``import torchvision`` (and with it lightning and torchmetrics) fails with "operator torchvision::nms does not
    exist" if its extension ``_C`` does not load, for example because it was built for CUDA. Declaring the names without
    an implementation is enough: models and transforms work, and only `torchvision.ops.nms` raises when it is called.
    This must run before the first import of torchvision. It does nothing if torchvision is complete or not installed.

    Returns
    -------
    bool
        True if operators had to be declared.
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
    """Load the extension as torchvision does, and return whether that worked."""
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
