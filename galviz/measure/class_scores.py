"""Precision, recall and F1 of each class."""

import numpy as np
import pandas as pd


def class_scores(truth: np.ndarray, estimate: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return precision, recall, F1 and the number of objects of each class.

    Parameters
    ----------
    truth, estimate : numpy.ndarray of object, shape (N,)
        Names of classes. Objects whose truth is not known (None or NaN) are left out.
    classes : tuple of str
        All classes, in the order of the rows.

    Returns
    -------
    pandas.DataFrame
        Index ``class``; columns precision (TP / (TP + FP)), recall (TP / (TP + FN)), f1 (their harmonic mean) and
        support (objects of the class). NaN where a denominator is 0.

    References
    ----------
    ``sklearn.metrics.precision_recall_fscore_support``.
    """
    from sklearn.metrics import precision_recall_fscore_support  # imported here because it takes a second

    known, names = pd.notna(truth), ["precision", "recall", "f1", "support"]
    if not known.any():  # scikit-learn refuses an empty list
        return pd.DataFrame(np.nan, pd.Index(classes, name="class"), names).assign(support=0)
    pairs = truth[known].astype(str), estimate[known].astype(str)
    found = precision_recall_fscore_support(*pairs, labels=list(classes), zero_division=np.nan)
    return pd.DataFrame(dict(zip(names, found, strict=True)), index=pd.Index(classes, name="class"))
