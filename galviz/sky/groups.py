"""Which objects belong together, so that they are never parted when some are held out."""

import numpy as np
import pandas as pd

_GROUPS = ("group", "field")  # catalogue columns whose objects belong together, the first that is there


def groups_of(catalogue: pd.DataFrame) -> np.ndarray:
    """Say which objects must stay together.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        Indexed by `object_id`. Rows with the same ``group`` (or else ``field``, for tiles of one frame) stay together;
        without such a column each object is its own group.

    Returns
    -------
    numpy.ndarray of str, shape (N,)
    """
    named = [name for name in _GROUPS if name in catalogue.columns]
    values = catalogue[named[0]] if named else catalogue.index
    return values.astype(str).to_numpy(dtype=object)
