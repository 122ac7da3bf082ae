"""A request to read a table from a file: which table and columns. Readers also collect notes for the user in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from galviz.io.damage import Refused
from galviz.io.formats.common import unique

ID_NAMES = (
    "object_id", "objid", "dr7objid", "dr8objid", "galaxyid", "iauname", "source_id", "photoid", "specobjid", "id",
)  # fmt: skip
NUMBERED = "#"
"""Use this as the id column to number the rows of a table without ids."""


class SeveralTables(Refused):
    """A file holds several tables, and it is not clear which one to read.

    Parameters
    ----------
    message : str
    names : sequence of str
        The tables in the file, as `galviz.io.tables.tables_in` lists them.
    """

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


@dataclass
class Request:
    """The arguments of `galviz.io.tables.read_table`, and the findings of the reader.

    Parameters
    ----------
    path : Path
    id_column, columns, table
        As in `galviz.io.tables.read_table`.
    id_name : str, optional
        Set by `choose_columns`: the column with the ids; None where rows are numbered.
    notes : list of str
        Sentences for the user.
    """

    path: Path
    id_column: str | None = None
    columns: Sequence[str] | None = None
    table: str | int | None = None
    id_name: str | None = None
    notes: list[str] = field(default_factory=list)

    def choose_table(self, names: Sequence[str], columns: Sequence[Sequence[str]]) -> int:
        """Return the index of the table to read, given the names of all tables and of their columns.

        Raises
        ------
        SeveralTables
            If the choice is not clear.
        Refused
            If there is no table with the requested name or number.
        """
        if self.table is not None:
            places = range(len(names))
            place = self.table if isinstance(self.table, int) else (*names, self.table).index(self.table)
            if place not in places:
                raise Refused(f"table: expected one of {', '.join(names)} in {self.path}, got {self.table!r}.")
            return place
        if len(names) == 1:
            return 0
        with_ids = [k for k, found in enumerate(columns) if self.id_column != NUMBERED and self._id_in(found)]
        if len(with_ids) != 1:
            raise SeveralTables(
                f"table: expected the name of one of the tables in {self.path}, got none. "
                f"It has {', '.join(names)}: choose with table=…",
                names,
            )
        selected, others = names[with_ids[0]], [name for k, name in enumerate(names) if k != with_ids[0]]
        self.notes.append(
            f"The file has {len(names)} tables. {selected!r} was read because it alone has a column of ids; "
            f"not {', '.join(map(repr, others[:5]))}{' …' if len(others) > 5 else ''}."
        )
        return with_ids[0]

    def unique(self, names: Sequence[str]) -> list[str]:
        """Return the names with duplicates renamed, with a note for each."""
        different = unique(names)
        for before, after in zip(names, different, strict=True):
            if before != after:
                self.notes.append(f"Two columns are called {before!r}: the second was renamed to {after!r}.")
        return different

    def choose_columns(self, names: Sequence[str]) -> dict[str, bool]:
        """Return the columns to read, ids first, and whether each must be read as text.

        Raises
        ------
        Refused
            If a requested column, or a column of ids, is missing.
        """
        ids = []
        if self.id_column != NUMBERED:
            if self.id_column not in {None, "object_id"} and "object_id" in names:
                raise Refused(
                    f"id_column: expected 'object_id', which {self.path} has, got {self.id_column!r}. "
                    "Rename that column."
                )
            self.id_name = self._id_in(names)
            if self.id_name is None:
                raise Refused(self._no_ids(names))
            ids = [self.id_name]
        missing = [name for name in self.columns or () if name not in names]
        if missing:
            raise Refused(f"columns: expected some of {', '.join(names[:20])}, got {missing[0]!r}.")
        wanted = names if self.columns is None else self.columns
        return {name: name.lower() in ID_NAMES or name in ids for name in dict.fromkeys([*ids, *wanted])}

    def leave_out(self, name: str, why: str) -> None:
        """Note that a column is not read.

        Raises
        ------
        Refused
            If the user requested this column.
        """
        if name == self.id_name or name in (self.columns or ()):
            raise Refused(
                f"columns: expected numbers, truth values, dates or text in column {name!r} of {self.path}, got {why}. "
                "Name other columns: read_table(path, columns=[…])."
            )
        self.notes.append(f"Column {name!r} was left out: it has {why}.")

    def _id_in(self, names: Sequence[str]) -> str | None:
        if self.id_column is not None:
            return self.id_column if self.id_column in names else None
        lower = [name for name in names if name == name.lower()]
        by_name = {name.lower(): name for name in reversed(names)} | {name: name for name in lower}
        return next((by_name[name] for name in ID_NAMES if name in by_name), None)

    def _no_ids(self, names: Sequence[str]) -> str:
        if self.id_column is not None:
            return f"id_column: expected some of {', '.join(names[:20])}, got {self.id_column!r}."
        return (
            f"id_column: expected a column of ids ({', '.join(ID_NAMES)}), got {', '.join(names[:20])} in {self.path}. "
            f"Name the one with unique ids: id_column=…; or number the rows: id_column={NUMBERED!r}."
        )
