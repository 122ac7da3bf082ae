"""What was left out when images were read into a sky. A page shows it, and so imports none of their readers."""

from pathlib import Path

import pandas as pd

from galviz.io.files import read_parquet

REJECTED = "rejected.parquet"
"""Name of the table in the folder of a sky."""
COLUMNS = ("object_id", "file", "reason")


def rejected(path: str | Path) -> pd.DataFrame:
    """Return what was left out of a sky on disk: object_id, file and reason, all text; no row if nothing was."""
    file = Path(path) / REJECTED
    return read_parquet(file) if file.is_file() else pd.DataFrame(columns=list(COLUMNS), dtype="str")
