"""Damaged files: turn any exception that a library raises into an error that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(name: str | Path, what: str, cure: str, kind: type[Exception] = ValueError) -> Iterator[None]:
    """Turn any exception of the block into one that names the file.

    For a damaged file, astropy, Zarr, pyarrow and Pillow raise almost any exception. One that is not caught would stop
    the reading of all other files as well. The block should therefore contain only the calls of the library.

    Parameters
    ----------
    name : str or Path
        The file. The message begins with it. An error that already begins with it passes unchanged.
    what : str
        What was expected, for the message: ``"FITS frame"``.
    cure : str
        What the user can do: ``"Fetch it again."``.
    kind : type
        Type of the error that is raised.

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
