"""Values of a table as text, under pictures and in read-outs."""

from typing import Any

import numpy as np
import pandas as pd

_WHOLE = 1e15  # larger floats are hardly whole numbers that someone has counted


def text_of(value: Any) -> str:
    """Return a value of a table as plain text: four significant digits, whole numbers in full, – if missing."""
    if pd.isna(value):
        return "–"
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
