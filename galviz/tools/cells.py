"""Values of a table as text, under pictures and in read-outs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

_NO_WORDS: Mapping[str, str] = MappingProxyType({})
_WHOLE = 1e15  # larger floats are hardly whole numbers that someone has counted


def text_of(value: Any, words: Mapping[str, str] = _NO_WORDS) -> str:
    """Return a value of a table as plain text: four significant digits, whole numbers in full, – if missing.

    A class is called as `words` has it, see `galviz.tasks.class_words.class_words`.
    """
    if pd.isna(value):
        return "–"
    written = str(value)
    if isinstance(value, float | np.floating):
        written = str(int(value)) if float(value).is_integer() and abs(value) < _WHOLE else f"{value:.4g}"
    return words.get(written, written)
