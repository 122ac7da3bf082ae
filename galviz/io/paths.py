"""Safe paths and file names: a path named in a file must not lead out of the folder that the user opened."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from unicodedata import normalize
from urllib.parse import quote

# Control characters, characters not allowed on Windows, "%" (used for encoding), a leading or trailing dot or blank.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"%*/:<>?\\|\ud800-\udfff]|^[. ]|[. ]$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)  # device names on Windows


def home() -> Path:
    """Return the folder of skies (``skies/``) and runs (``runs/``): ``GALVIZ_HOME``, or ``~/galviz``."""
    return Path(os.environ.get("GALVIZ_HOME") or Path.home() / "galviz")


def inside(root: str | Path, name: str | PurePath, argument: str = "path") -> Path:
    """Return the path of `name` below `root`, with links resolved.

    A list of files, a table with a column of paths, or an unpacked archive may come from a stranger. The files that it
    names are opened only if they lie in the folder that the user opened.

    Parameters
    ----------
    root : str or Path
        The folder that the user opened. It may itself be a link.
    name : str or PurePath
        A path relative to `root`, or an absolute path below it.
    argument : str
        Name of the argument in the error message.

    Raises
    ------
    ValueError
        If the path leads out of `root`, as an absolute path, through ``..`` or through a link, or is not a valid path.
    """
    top = Path(root).resolve()
    try:
        path = (top / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte
        raise ValueError(f"{argument}: expected a file in {root}, got {str(name)!r} ({error}).") from None
    if not path.is_relative_to(top):
        raise ValueError(
            f"{argument}: expected a file in {root}, got {str(name)!r}, which lies outside. "
            "Copy the file into the folder, or give the folder that holds it."
        )
    return path


def refuse_links_out(folder: str | Path, argument: str = "path") -> None:
    """Check that no entry of a folder is a link out of it. Subfolders are not searched.

    Raises
    ------
    ValueError
        If there is such a link. The message names it.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                inside(folder, entry.name, argument)


def file_name(text: str) -> str:
    r"""Return a text as a file name that is valid on all systems. `distinct_names` also limits its length.

    Characters that are not allowed are percent-encoded (UTF-8): control characters, any of ``"%*/:<>?\|``, a dot or a
    blank at either end, and the first letter of a Windows device name (``CON``, ``nul.txt``). An empty text becomes
    ``%``.
    """
    name = _UNSAFE.sub(lambda found: _percent(found[0]), text)
    if _RESERVED.match(name):
        name = _percent(name[0]) + name[1:]
    return name or "%"


def distinct_names(names: Iterable[str], longest: int = 255) -> Iterator[str]:
    """Yield the names, made distinct on a disk that ignores case, and at most `longest` bytes (UTF-8) long.

    A name that is too long, or already taken, is shortened and ends with ``~`` and 16 digits of the SHA-256 of the
    whole name. The first of several names that differ only in case is unchanged.
    """
    taken: set[str] = set()
    for whole in names:
        name, tries = whole, 0
        while len(name.encode()) > longest or _key(name) in taken:
            digest = hashlib.sha256(f"{whole}{tries or ''}".encode()).hexdigest()[:16]
            name = f"{whole.encode()[: longest - 17].decode(errors='ignore')}~{digest}"
            tries += 1
        taken.add(_key(name))
        yield name


def _key(name: str) -> str:
    return normalize("NFC", name).casefold()


def _percent(text: str) -> str:
    if text.isascii() and text.isprintable():
        return "".join(f"%{ord(character):02X}" for character in text)  # `quote` leaves letters and dots alone
    return quote(text, safe="", errors="surrogatepass")
