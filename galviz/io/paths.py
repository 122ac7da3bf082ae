"""Paths that a file names, which may not lead out of the folder that the user opened; and names for new files."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from unicodedata import normalize
from urllib.parse import quote

# Not printable, not allowed on Windows, or the mark of an encoded character; a hidden file; an end that Windows drops.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"%*/:<>?\\|\ud800-\udfff]|^[. ]|[. ]$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)  # devices of Windows


def inside(root: str | Path, name: str | PurePath, argument: str = "path") -> Path:
    """Return the path of `name` below `root`, after following links.

    A list of files, a table with a column of paths or an unpacked archive may come from a stranger. What it names is
    opened only where it lies in the folder that the user gave.

    Parameters
    ----------
    root : str or Path
        The folder that the user opened. It may be a link itself.
    name : str or PurePath
        A path relative to `root`, or an absolute one that lies below it.
    argument : str
        What the error message calls it.

    Raises
    ------
    ValueError
        If the path is absolute, climbs (``..``) or follows a link to a place outside `root`, or is no path at all.
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
    """Check that no entry of a folder is a link to a place outside it. Folders below it are not searched.

    Raises
    ------
    ValueError
        If there is such a link, naming it.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                inside(folder, entry.name, argument)


def file_name(text: str) -> str:
    r"""Return a text as the name of a file that any disk can hold; `distinct_names` also limits its length.

    Characters that a disk does not take are percent-encoded (UTF-8): control characters, any of ``"%*/:<>?\|``, a dot
    or a blank at an end, and the first letter of a name that Windows keeps for devices (``CON``, ``nul.txt``). An empty
    text becomes ``%``.
    """
    name = _UNSAFE.sub(lambda found: _percent(found[0]), text)
    if _RESERVED.match(name):
        name = _percent(name[0]) + name[1:]
    return name or "%"


def distinct_names(names: Iterable[str], longest: int = 255) -> Iterator[str]:
    """Yield the names, made different on a disk that ignores case, and at most `longest` bytes (UTF-8) long.

    A name that is too long, or is taken, ends with ``~`` and 16 digits of the SHA-256 of the whole name. The first of
    several names that differ only in case stays as it is.
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
