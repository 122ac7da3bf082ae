"""Find and create the folders of skies, runs and sweeps by their names."""

from pathlib import Path
from shutil import rmtree

from galviz.io.paths import file_name

_LONGEST = 200  # bytes of a name: leaves room for suffixes, as files next to a folder share its name


def level(root: Path, name: str) -> list[Path]:
    """Return the paths of a file in a folder, or else in its direct subfolders.

    Hidden subfolders are left out: in them something is still being written.
    """
    return [root / name] if (root / name).exists() else sorted(root.glob(f"[!.]*/{name}"))


def named(found: list[tuple[Path, Path]]) -> dict[str, Path]:
    """Return folders by name: the path below their root, or the full path if that is not unique."""
    result: dict[str, Path] = {}
    for root, path in found:
        if path not in result.values():
            name = path.name if path == root else str(path.relative_to(root))
            result[str(path) if name in result else name] = path
    return result


def free_name(folder: Path, stem: str) -> str:
    """Return an unused name in a folder, such as ``"richness-quick-2"``."""
    return next(name for k in range(1, 10_000) if not (folder / (name := f"{stem}-{k}")).exists())


def remove_if_only_log(folder: Path) -> None:
    """Remove a folder if it contains only the log of a process."""
    if folder.is_dir() and [part.name for part in folder.iterdir()] == ["log.txt"]:
        rmtree(folder)


def new_folder(folder: Path, name: str) -> Path:
    """Return the path for a new folder; it is not created.

    Raises
    ------
    ValueError
        If the name is not a plain folder name, or is taken.
    """
    name = name.strip()
    if not name or file_name(name) != name or len(name.encode()) > _LONGEST:
        raise ValueError(f"name: expected a name for a new folder, such as first-try, got {name!r}.")
    if (folder / name).exists():
        raise ValueError(f"name: expected a name that is not taken, got {name!r}. Choose another.")
    return folder / name
