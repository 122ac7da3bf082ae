"""What was left out when images were read into a sky. A page shows it, and so imports none of their readers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.io.files import read_parquet

REJECTED = "rejected.parquet"
"""Name of the table in the folder of a sky."""
COLUMNS = ("object_id", "file", "reason")


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """A catalogue that was cleaned.

    Parameters
    ----------
    table : pandas.DataFrame
        All N rows, with the columns that the study needs.
    reasons : numpy.ndarray of object, shape (N,)
        Why an object is left out; ``""`` where it is kept.
    notes : list of str
        What was done, for the user.
    """

    table: pd.DataFrame
    reasons: np.ndarray
    notes: list[str]


def rejected(path: str | Path) -> pd.DataFrame:
    """Return what was left out of a sky on disk: object_id, file and reason, all text; no row if nothing was."""
    file = Path(path) / REJECTED
    return read_parquet(file) if file.is_file() else pd.DataFrame(columns=list(COLUMNS), dtype="str")
