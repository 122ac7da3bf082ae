"""Folders by their names, for people: found, and to be made."""

from pathlib import Path
from shutil import rmtree

from galviz.io.paths import file_name

_LONGEST = 200  # bytes of a name: files beside a folder are called after it


def level(root: Path, name: str) -> list[Path]:
    """Find a file in a folder, else in the folders in it."""
    return [root / name] if (root / name).exists() else sorted(root.glob(f"*/{name}"))


def named(found: list[tuple[Path, Path]]) -> dict[str, Path]:
    """Name folders by their place below their root; the full path where that is not unique."""
    result: dict[str, Path] = {}
    for root, path in found:
        if path not in result.values():
            name = path.name if path == root else str(path.relative_to(root))
            result[str(path) if name in result else name] = path
    return result


def free_name(folder: Path, stem: str) -> str:
    """Give a name that is not taken in a folder: ``"richness-quick-2"``."""
    return next(name for k in range(1, 10_000) if not (folder / (name := f"{stem}-{k}")).exists())


def let_go(folder: Path) -> None:
    """Remove a folder in which a process has left its log and nothing else."""
    if folder.is_dir() and [part.name for part in folder.iterdir()] == ["log.txt"]:
        rmtree(folder)


def new_folder(folder: Path, name: str) -> Path:
    """Give the path of a folder that is to be made in another.

    Raises
    ------
    ValueError
        If the name is no name of one folder, or is taken.
    """
    name = name.strip()
    if not name or file_name(name) != name or len(name.encode()) > _LONGEST:
        raise ValueError(f"name: expected a name for a new folder, such as first-try, got {name!r}.")
    if (folder / name).exists():
        raise ValueError(f"name: expected a name that is not taken, got {name!r}. Choose another.")
    return folder / name
