"""Damaged files: turn any exception that a library raises into an error that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 300  # characters of a reason


class Refused(ValueError):  # noqa: N818 - not an error of the program
    """A file or a request is refused, with a message for the user."""


@contextmanager
def whole(
    name: str | Path, what: str, cure: str = "Save it again.", kind: type[Exception] = ValueError
) -> Iterator[None]:
    """Turn any exception of the block into one that names the file.

    For a damaged file, astropy, Zarr, pyarrow and Pillow raise almost any exception: struct.error, zlib.error,
    AssertionError, RecursionError, … One that is not caught would stop the reading of all other files as well.

    Parameters
    ----------
    name : str or Path
        The file. The message begins with it.
    what : str
        What was expected, for the message: ``"FITS frame"``.
    cure : str
        What the user can do: ``"Fetch it again."``.
    kind : type
        Type of the error that is raised.

    Raises
    ------
    Refused, FileNotFoundError, PermissionError
        Unchanged: these say more than that a file is damaged. So does a ValueError or OSError whose message begins with
        `name` or with ``path:``.
    Exception
        Of type `kind`, for every other exception.
    """
    try:
        yield
    except (Refused, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        if isinstance(error, ValueError | OSError) and str(error).startswith((f"{name}: ", "path: ")):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())[:_LONGEST]
        raise kind(f"{name}: expected a whole {what}, got a damaged one ({reason}). {cure}") from error
