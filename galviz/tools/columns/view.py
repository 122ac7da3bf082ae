"""Views that add columns to a table: computed from others, or joined from another table."""

from typing import Any

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.tables import KeyedTable
from galviz.tools.columns.core import TableColumns, example
from galviz.tools.columns.join import Joined, join
from galviz.tools.formatting import error_note, field, note, shown_error, text

_BY = {"object id": "id", "position on the sky": "position"}


class ColumnsView(pn.viewable.Viewer):
    """A form that adds a computed column, and the list of those that were added.

    Parameters
    ----------
    columns : TableColumns
    """

    columns = param.ClassSelector(class_=TableColumns, constant=True)
    called = param.String(default="", label="Name of the column")
    expression = param.String(default="", label="Expression", doc="of columns, such as g - r or log10(mass)")
    unit = param.String(default="", label="Unit")
    error = param.String(default="", doc="why the last step failed")

    def __init__(self, columns: TableColumns, **params: object) -> None:
        super().__init__(columns=columns, **params)

    def add(self, _: object = None) -> None:
        """Add the column, or show why it cannot be computed."""
        try:
            self.columns.add(self.called, self.expression, self.unit)
        except ValueError as error:
            self.error = shown_error(error)
        else:
            self.param.update(called="", expression="", unit="", error="")

    def remove(self, name: str) -> None:
        """Remove a column, or show why it stays."""
        try:
            self.columns.remove(name)
        except (ValueError, KeyError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    @param.depends("columns.version")
    def listed(self) -> pn.viewable.Viewable:
        """Return the computed columns, each with a button that removes it."""
        rows = []
        for name, expression in self.columns.computed.items():
            unit = self.columns.units.get(name, "")
            shown = Markup("<b>{}</b> = <code>{}</code>{}").format(name, expression, f" ({unit})" if unit else "")
            remove = pn.widgets.Button(label=f"Remove {name}", on_click=lambda _, name=name: self.remove(name))
            rows.append(pn.Row(text(shown, sizing_mode="stretch_width"), remove, sizing_mode="stretch_width"))
        return pn.Column(*rows, sizing_mode="stretch_width")

    @param.depends("error")
    def _refused(self) -> pn.viewable.Viewable:
        return error_note(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        add = pn.widgets.Button(label="Add column", on_click=self.add, align="end")
        form = pn.FlexBox(
            field(self.param.called, width=150),
            field(self.param.expression, width=260, placeholder=example(self.columns.table)),
            field(self.param.unit, width=90),
            add,
            align_items="flex-end",
        )
        return pn.Column(form, self._refused, self.listed, sizing_mode="stretch_width")


class JoinView(pn.viewable.Viewer):
    """Controls that join another table: by id or by position, with what matches counted before it is added.

    Parameters
    ----------
    columns : TableColumns
        Gets the columns of the other table. A page gives the other table to `receive`.
    """

    columns = param.ClassSelector(class_=TableColumns, constant=True)
    by = param.Selector(default="id", objects=_BY, label="Match by")
    radius = param.Number(default=1.0, bounds=(0.001, 3600.0), label="Radius (arcsec)")
    suffix = param.String(default="_2", label="Suffix for duplicate names")
    joined = param.ClassSelector(class_=Joined, default=None, doc="what would be added now")
    error = param.String(default="", doc="why the tables cannot be joined")
    done = param.String(default="", doc="what was added last")

    def __init__(self, columns: TableColumns, **params: object) -> None:
        super().__init__(columns=columns, **params)
        self.other: KeyedTable | None = None
        self.other_name, self._upload = "", ""

    def receive(self, other: KeyedTable, name: str, upload: str = "") -> None:
        """Take the other table and the digest of its upload; where no id is the same, match by position."""
        self.other, self.other_name, self._upload = other, name, upload
        same = other.table.index.isin(self.columns.table.index).any()
        self.param.update(by="id" if same else "position", done="")
        self._match()

    @param.depends("by", "radius", "suffix", watch=True)
    def _match(self) -> None:
        if self.other is None:
            return
        given = {"by": self.by, "radius": self.radius, "suffix": self.suffix, "units": self.columns.units}
        try:
            found = join(self.columns.table, self.other, **given)
        except ValueError as error:
            self.param.update(joined=None, error=shown_error(error))
        else:
            self.param.update(joined=found, error="")

    def add(self, _: object = None) -> None:
        """Add the columns of the other table."""
        found = self.joined
        if found is None:
            return
        try:
            how = {"file": self.other_name, "upload": self._upload, "by": self.by, "radius": self.radius}
            self.columns.attach(found.table, found.units, how)
        except ValueError as error:
            self.error = shown_error(error)
            return
        self.other = None
        self.param.update(joined=None, done=f"{len(found.table.columns):,} columns of {self.other_name} were added.")

    @param.depends("joined", "error", "done")
    def summary(self) -> pn.viewable.Viewable:
        """Return what matches, or why nothing can be matched."""
        if self.error:
            return error_note(self.error)
        if self.joined is None:
            return note(self.done, "status") if self.done else pn.Spacer(height=0)
        items = Markup("").join(Markup("<li>{}</li>").format(one) for one in self.joined.notes(self.other_name))
        return text(Markup("<ul role='status'>{}</ul>").format(items))

    def __panel__(self) -> pn.viewable.Viewable:
        there = self.param.joined.rx().rx.is_not(None)
        near = self.param.by.rx() == "position"
        number: dict[str, Any] = {"type": pn.widgets.FloatInput, "start": 0.001, "end": 3600.0, "step": 0.5}
        add = pn.widgets.Button(label="Add these columns", on_click=self.add, visible=there)
        add.align = "end"
        form = pn.FlexBox(
            field(self.param.by, width=180),
            field(self.param.radius, width=120, visible=near, **number),
            field(self.param.suffix, width=120),
            add,
            align_items="flex-end",
        )
        return pn.Column(form, self.summary, sizing_mode="stretch_width")
