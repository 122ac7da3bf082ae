"""What the classes in the columns of a table are called on pages. The values themselves stay as they are."""

from collections.abc import Mapping

import pandas as pd

from galviz.tasks.target import Target

_WORDS = "galviz_class_words"  # where a table keeps column → class → its words


def with_class_words(table: pd.DataFrame, target: Target | None) -> pd.DataFrame:
    """Return a table that knows what the classes of a target are called; the same table where they have no words.

    The columns are those of the catalogue, of the prediction, and of the truth. The values are shared.

    Parameters
    ----------
    table : pandas.DataFrame
    target : Target, optional
        Of a classification; others have no words.
    """
    if target is None or not target.class_words:
        return table
    names = (*target.columns, target.name, f"{target.name}_true")
    table = table.copy(deep=False)
    table.attrs[_WORDS] = table.attrs.get(_WORDS, {}) | dict.fromkeys(names, target.class_words)
    return table


def class_words(table: pd.DataFrame, column: str) -> Mapping[str, str]:
    """Return class → what it is called on pages, for a column of `with_class_words`; empty for any other."""
    return table.attrs.get(_WORDS, {}).get(column, {})
