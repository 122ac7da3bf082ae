"""Checks of object ids: they must be unique strings."""

import pandas as pd


def check_strings(index: pd.Index) -> None:
    """Raise a TypeError if an id is not a string."""
    if isinstance(index.dtype, pd.StringDtype) and not index.hasnans:
        return
    if not all(isinstance(value, str) for value in index):
        raise TypeError(
            f"object_id: expected strings in the index, got {index.dtype}. "
            "Read ids as text (dtype=str): long numbers lose their last digits as floats."
        )


def check_ids(index: pd.Index) -> None:
    """Raise a TypeError if an id is not a string, or a ValueError if ids are not unique."""
    check_strings(index)
    if not index.is_unique:
        double = index[index.duplicated()][0]
        raise ValueError(f"object_id: expected unique ids, got {double!r} more than once. Remove or rename one.")
