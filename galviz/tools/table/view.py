"""The catalogue as a table. A click on a row sets the focus; selected objects and the focus are marked."""

import numpy as np
import pandas as pd
import panel as pn
import param
from bokeh.models.widgets.tables import NumberFormatter

from galviz.io.markup import Markup
from galviz.io.tables import safe_for_page
from galviz.tools.formatting import data_table, text
from galviz.tools.selection.core import Selection

_DECIMALS = "0.[0000]"


class TableView(pn.viewable.Viewer):
    """A table of objects that loads one page of rows at a time.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per object, index ``object_id``.
    selection : Selection
        A click on a row sets its focus. Its objects and its focus are marked, and the focus is scrolled into view.
    rows : int
        Rows per page.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)

    def __init__(self, table: pd.DataFrame, selection: Selection, rows: int = 12, **params: object) -> None:
        super().__init__(selection=selection, **params)
        table = safe_for_page(table)
        numbers = dict.fromkeys(table.select_dtypes("floating"), NumberFormatter(format=_DECIMALS, nan_format="–"))
        right = dict.fromkeys(map(str, table.select_dtypes("number")), "right")
        self.widget = data_table(
            table,
            pagination="remote",
            page_size=rows,
            formatters=numbers,
            text_align=right,
            header_align=right,
            min_height=30 * (min(rows, max(len(table), 1)) + 2),
        )
        self.widget.on_click(self._clicked)
        self._mark()
        self._show_focus()

    def _clicked(self, event: object) -> None:
        self.selection.focus = str(self.widget.value.index[event.row])

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

    @param.depends("selection.focus", "selection.version")
    def summary(self) -> str | Markup:
        """Return which rows are marked, as text."""
        selected, focus = len(self.selection), self.selection.focus
        marked = [f"the {selected:,} selected"] * bool(selected)
        in_focus = Markup("<b>{}</b>, which is in focus").format(focus)
        marked += [in_focus] if focus in self.widget.value.index else []
        summary = Markup("<span class='note'>Marked: {}.</span>")
        return summary.format(Markup(" and ").join(marked)) if marked else ""

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(text(self.summary), self.widget, sizing_mode="stretch_width")
