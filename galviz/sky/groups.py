"""Groups of objects that must not be split between training and held-out data."""

import numpy as np
import pandas as pd

_GROUPS = ("group", "field")  # catalogue columns that define groups; the first that exists is used


def groups_of(catalogue: pd.DataFrame) -> np.ndarray:
    """Return the group of each object. Objects of a group must stay together.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        Indexed by `object_id`. Rows with the same ``group`` (or else ``field``, for tiles of one frame) form a group.
        Without such a column, each object is its own group.

    Returns
    -------
    numpy.ndarray of str, shape (N,)
    """
    named = [name for name in _GROUPS if name in catalogue.columns]
    values = catalogue[named[0]] if named else catalogue.index
    return values.astype(str).to_numpy(dtype=object)
