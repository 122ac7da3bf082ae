"""The cure for torchvision, each time in a fresh interpreter: it works on what was not imported before."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow


def run(code: str, *paths: Path) -> str:
    script = f"import sys; sys.path[:0] = {[str(p) for p in paths]!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fake_torchvision(folder: Path, extension: Path | None) -> Path:
    """A package named torchvision whose extension is the given library, or a file that cannot be loaded."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    if extension is None:
        (package / "_C.so").write_bytes(b"no library")
    else:
        (package / "_C.so").symlink_to(extension)
    return folder


HEAL = "from galviz.nn._torchvision import heal, _kept\nimport torch\n"


def test_lightning_and_resnets_import_after_the_networks():
    code = """
import galviz.nn
import torch, lightning.pytorch, torchmetrics
from torchvision.models import resnet18
print(tuple(resnet18()(torch.zeros(1, 3, 64, 64)).shape))
"""
    assert run(code) == "(1, 1000)"


def test_operators_are_declared_once_where_the_extension_does_not_load(tmp_path):
    fake_torchvision(tmp_path, None)
    code = "print(len(_kept), heal(), hasattr(torch.ops.torchvision, 'nms'), hasattr(torch.ops.torchvision, 'qnms'))"
    assert run(HEAL + code, tmp_path) == "1 False True True"


def test_nothing_is_declared_where_the_extension_loads(tmp_path):
    loadable = next((Path(torch.__file__).parent / "lib").glob("libc10.*"))
    fake_torchvision(tmp_path, loadable)
    assert run(HEAL + "print(len(_kept), hasattr(torch.ops.torchvision, 'nms'))", tmp_path) == "0 False"


def test_spawned_workers_of_a_loader_are_cured_too(tmp_path):
    script = tmp_path / "main.py"
    script.write_text("""
import numpy as np

def main():
    from torch.utils.data import DataLoader
    from galviz.nn.training.data import Chunks, Samples
    samples = Samples(np.zeros((4, 2, 8, 8), np.float32), np.arange(4), np.zeros((4, 1)))
    batches = DataLoader(
        samples, sampler=Chunks(4, 2), batch_size=None, num_workers=1, multiprocessing_context="spawn",
        worker_init_fn=look,
    )
    print([tuple(batch["images"].shape) for batch in batches])

def look(_):
    import torchvision.models

if __name__ == "__main__":
    main()
""")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "[(2, 2, 8, 8), (2, 2, 8, 8)]", done.stderr
