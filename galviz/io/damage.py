"""Damaged files: what a library raises for one becomes an error that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(name: str | Path, what: str, cure: str, kind: type[Exception] = ValueError) -> Iterator[None]:
    """Turn any exception of the block into one that names the file.

    What astropy, Zarr, pyarrow or Pillow raise for a damaged file can be almost any exception, and one that slips
    through ends the reading of all other files too. So the block should hold the library's calls and little else.

    Parameters
    ----------
    name : str or Path
        The file, with which the message begins. An error that begins with it already passes unchanged.
    what : str
        What was expected: ``"FITS frame"``.
    cure : str
        What the user can do: ``"Fetch it again."``.
    kind : type
        Of the error that is raised.

    Raises
    ------
    FileNotFoundError
        Unchanged, if a file is not there.
    Exception
        Of type `kind`, for every other exception.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        if isinstance(error, ValueError | OSError) and str(error).startswith(f"{name}: "):
            raise
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise kind(f"{name}: expected a whole {what}, got a damaged one ({reason}). {cure}") from error
