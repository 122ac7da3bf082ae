"""The filters on a page: a histogram or a list of values for each column, which selects as it is brushed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn

from galviz.tools.client import script
from galviz.tools.filters.core import Exchange, Filters
from galviz.tools.scripted import Scripted
from galviz.tools.selection.core import Selection


class FiltersPanel(Scripted):
    """The browser part of the filters."""

    _esm = script(Path(__file__))


class FiltersView(pn.viewable.Viewer):
    """Filters of a table's columns, which select objects. Nothing is read before a browser shows them.

    Parameters
    ----------
    selection : Selection
        Selection of the page. While it shows another table, filters do nothing.
    table : pandas.DataFrame, optional
        The objects; by default those of the selection.
    units : mapping of str to str, optional
        Column → unit.

    Attributes
    ----------
    filters : Filters
        What is set.
    """

    def __init__(
        self,
        selection: Selection,
        table: pd.DataFrame | None = None,
        units: Mapping[str, str] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        table = selection.table if table is None else table
        self.panel = FiltersPanel(sizing_mode="stretch_width")
        self.exchange = Exchange(Filters(table, units), selection, self.panel.send)
        self.panel.on_message = self.exchange.receive

    @property
    def filters(self) -> Filters:
        """What is set."""
        return self.exchange.filters

    def close(self) -> None:
        """Follow the selection no longer."""
        self.exchange.close()

    def to_json(self) -> dict[str, Any]:
        """Return columns and filters as JSON values, for `restore`."""
        return self.filters.to_json()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set the filters that `to_json` returned, and select what passes them.

        A selection that was made with these filters, and perhaps narrowed down since, stays.

        Raises
        ------
        ValueError
            If they do not fit the table.
        """
        self.exchange.restore(Filters.from_json(state, self.filters.table, self.filters.units))

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel
