"""The catalogue as a table, and the statistics of its columns.

A click on a row sets the focus; selected objects and the focus are marked.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param
from bokeh.models.widgets.tables import NumberFormatter

from galviz.io.expressions import matches
from galviz.io.markup import Markup
from galviz.io.tables import safe_for_page
from galviz.sky.readers.positions import position_columns
from galviz.tools.columns.core import column_versions
from galviz.tools.formatting import data_table, error_note, field, shown_error, text, titles
from galviz.tools.selection.core import Selection
from galviz.tools.table.core import column_statistics

_DECIMALS = "0.[0000]"
_DEGREES = "0.[0000000]"  # 0.4 mas


class TableView(pn.viewable.Viewer):
    """A table of objects that loads one page of rows at a time. A click on a column's title sorts by it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per object, index ``object_id``. Columns that it gets later are shown once `Selection.show` is called.
    selection : Selection
        A click on a row sets its focus. Its objects and its focus are marked, and the focus is scrolled into view.
    rows : int
        Rows per page.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    filter = param.String(default="", label="Show rows where", doc="condition on columns, such as z < 0.3")
    only_selected = param.Boolean(default=False, label="Selected rows only")
    error = param.String(default="", doc="why the condition cannot be used")

    SAVED = ("filter", "only_selected")
    """Names of the parameters that a saved view has."""

    def __init__(self, table: pd.DataFrame, selection: Selection, rows: int = 12, **params: object) -> None:
        super().__init__(selection=selection, **params)
        self.table, self._rows = table, rows
        self._shown_columns = column_versions(table)
        self.widget = data_table(
            safe_for_page(table),
            pagination="remote",
            page_size=rows,
            **self._formats(),
            min_height=30 * (min(rows, max(len(table), 1)) + 2),
        )
        self.widget.on_click(self._clicked)
        if self.filter or self.only_selected:
            self._arrange()
        self._mark()
        self._show_focus()

    def _formats(self) -> dict[str, Any]:
        """Return how columns are written: titles, decimals, and numbers to the right."""
        shown = safe_for_page(self.table.iloc[:1]) if len(self.table) > 1 else safe_for_page(self.table)
        degrees = position_columns(self.table.iloc[:: max(len(self.table) // 1000, 1)]) or ()
        formats = {name: _DEGREES if name in degrees else _DECIMALS for name in shown.select_dtypes("floating")}
        numbers = {name: NumberFormatter(format=form, nan_format="–") for name, form in formats.items()}
        right = dict.fromkeys(map(str, self.table.select_dtypes("number")), "right")
        return {"titles": titles(self.table), "formatters": numbers, "text_align": right, "header_align": right}

    def _clicked(self, event: object) -> None:
        self.selection.focus = str(self.widget.value.index[event.row])

    @param.depends("filter", "only_selected", watch=True)
    def _arrange(self) -> None:
        """Show the rows that meet the condition."""
        try:
            keep = matches(self.filter, self.table)
        except ValueError as error:
            self.error = shown_error(error)
            return
        self.error = ""
        if self.only_selected:
            keep = keep & self.selection.mask_of(self.table)
        self.widget.selection = []  # rows that may not be there any more
        self.widget.value = safe_for_page(self.table if keep.all() else self.table[keep])
        self.widget.page = 1
        self._mark()

    @param.depends("selection.shown", watch=True)
    def _renew(self) -> None:
        """Show the columns that were added, removed or replaced."""
        columns = column_versions(self.table)
        if columns != self._shown_columns:
            self._shown_columns = columns
            formats, gone = self._formats(), self.widget.titles  # a column that is removed is shown until `_arrange`
            self.widget.param.update(**formats | {"titles": gone | formats["titles"]})
            self._arrange()

    @param.depends("selection.version", watch=True)
    def _follow(self) -> None:
        if self.only_selected:
            self._arrange()

    @param.depends("selection.focus", "selection.version", watch=True)
    def _mark(self) -> None:
        ids, focus = self.widget.value.index, self.selection.focus
        marked = ids.isin(self.selection.ids)
        if focus in ids:
            marked[ids.get_loc(focus)] = True
        self.widget.selection = np.flatnonzero(marked).tolist()

    @param.depends("selection.focus", watch=True)
    def _show_focus(self) -> None:
        shown = self.widget.current_view.index
        if self.selection.focus in shown:
            self.widget.page = int(shown.get_loc(self.selection.focus)) // self.widget.page_size + 1

    @param.depends("selection.focus", "selection.version", "filter", "only_selected")
    def summary(self) -> str | Markup:
        """Return how many rows are shown, and which are marked, as text."""
        selected, focus = len(self.selection), self.selection.focus
        marked = [f"the {selected:,} selected"] * bool(selected)
        in_focus = Markup("<b>{}</b>, which is in focus").format(focus)
        marked += [in_focus] if focus in self.widget.value.index else []
        shown = len(self.widget.value)
        parts = [] if shown == len(self.table) else [f"{shown:,} of {len(self.table):,} rows."]
        parts += [Markup("Marked: {}.").format(Markup(" and ").join(marked))] if marked else []
        return Markup("<span class='note'>{}</span>").format(Markup(" ").join(parts)) if parts else ""

    @param.depends("error")
    def _refused(self) -> pn.viewable.Viewable:
        return error_note(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        form = pn.FlexBox(
            field(self.param.filter, width=260, placeholder="all; for example z < 0.3"),
            field(self.param.only_selected, type=pn.widgets.Checkbox, align="end"),
            align_items="flex-end",
        )
        return pn.Column(form, self._refused, text(self.summary), self.widget, sizing_mode="stretch_width")


class StatisticsView(pn.viewable.Viewer):
    """Statistics of each column: of all objects, or of those selected. A click on a title sorts.

    Parameters
    ----------
    table : pandas.DataFrame
        Index ``object_id``.
    selection : Selection
    units : mapping of str to str, optional
        Column → unit.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    only_selected = param.Boolean(default=False, label="Of selected objects only")
    version = param.Integer(default=0, doc="grows when the statistics may have changed")

    def __init__(
        self, table: pd.DataFrame, selection: Selection, units: Mapping[str, str] | None = None, **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.table, self.units = table, {} if units is None else units
        self._shown_columns = column_versions(table)

    def statistics(self) -> pd.DataFrame:
        """Return the statistics that are shown."""
        mask = self.selection.mask_of(self.table) if self.only_selected else None
        return column_statistics(self.table, self.units, mask)

    @param.depends("selection.version", watch=True)
    def _follow(self) -> None:
        columns = column_versions(self.table)
        if self.only_selected or columns != self._shown_columns:
            self._shown_columns = columns
            self.version += 1

    @param.depends("version", "only_selected")
    def body(self) -> pn.viewable.Viewable:
        """Return the statistics as a table."""
        found = self.statistics()
        right = dict.fromkeys(map(str, found.select_dtypes("number")), "right")
        count = int(self.selection.mask_of(self.table).sum()) if self.only_selected else len(self.table)
        widget = data_table(found, text_align=right, header_align=right, layout="fit_data")
        about = text(Markup("<div role='status'>{:,} objects, {:,} columns</div>").format(count, len(found)))
        return pn.Column(about, widget, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        only = field(self.param.only_selected, type=pn.widgets.Checkbox)
        return pn.Column(only, self.body, sizing_mode="stretch_width")
