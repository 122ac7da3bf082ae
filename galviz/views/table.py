"""A catalogue as a table: a row that is clicked comes into focus, the object in focus is marked."""

import pandas as pd
import panel as pn
import param
from bokeh.models.widgets.tables import NumberFormatter

from galviz.selection import Selection
from galviz.views.words import TABLE_CSS, safe_for_page

_DECIMALS = "0.[0000]"


class TableView(pn.viewable.Viewer):
    """A table of objects, read from the server a page at a time.

    Parameters
    ----------
    table : pandas.DataFrame
        A row an object, index ``object_id``.
    selection : Selection
        Follows the row that is clicked; the row of its focus is marked and brought into sight.
    rows : int
        Rows a page.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)

    def __init__(self, table: pd.DataFrame, selection: Selection, rows: int = 12, **params: object) -> None:
        super().__init__(selection=selection, **params)
        table = safe_for_page(table)
        numbers = dict.fromkeys(table.select_dtypes("floating"), NumberFormatter(format=_DECIMALS, nan_format="–"))
        right = dict.fromkeys(map(str, table.select_dtypes("number")), "right")
        self.widget = pn.widgets.Tabulator(
            table,
            pagination="remote",
            page_size=rows,
            disabled=True,
            selectable=False,
            formatters=numbers,
            text_align=right,
            header_align=right,
            sizing_mode="stretch_width",
            layout="fit_data_fill",
            stylesheets=[TABLE_CSS],
            min_height=30 * (min(rows, max(len(table), 1)) + 2),
        )
        self.widget.on_click(self._clicked)
        self._show_focus()

    def _clicked(self, event: object) -> None:
        self.selection.focus = str(self.widget.value.index[event.row])

    @param.depends("selection.focus", watch=True)
    def _show_focus(self) -> None:
        ids, shown = self.widget.value.index, self.widget.current_view.index
        if self.selection.focus in ids:
            self.widget.selection = [int(ids.get_loc(self.selection.focus))]
        if self.selection.focus in shown:
            self.widget.page = int(shown.get_loc(self.selection.focus)) // self.widget.page_size + 1

    def __panel__(self) -> pn.viewable.Viewable:
        return self.widget
