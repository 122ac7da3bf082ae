"""The selected objects and the object in focus, shared by all views of a table."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import param

from galviz.io.expressions import column, evaluate, matches
from galviz.tools.selection.polygon import inside

HOW = ("replace", "add", "remove", "keep")
_UNDO = 200  # steps that can be undone


class Selection(param.Parameterized):
    """A set of selected objects. Views that share it are linked; objects are identified by `object_id`, not by row.

    A page has one selection; the view that is open shows its table through it (`show`).

    Every change is a step: it can be undone, and replaying `steps` on the same table gives the same ids. Steps take
    ``how``: ``"replace"`` the selection, ``"add"`` to it, ``"remove"`` from it, or ``"keep"`` only what matches.

    Parameters
    ----------
    table : pandas.DataFrame, optional
        The objects, indexed by unique `object_id` (str); empty by default. `show` replaces it.
    focus : str or None
        The object that is shown in detail.

    Attributes
    ----------
    version : int
        Counter of changes; views depend on it to stay up to date.
    """

    focus = param.String(default=None, allow_None=True, doc="object_id of the object in focus")
    version = param.Integer(default=0, doc="grows whenever the choice, or a named subset, changes")
    shown = param.Event(doc="a table was given to `show`")

    def __init__(self, table: pd.DataFrame | None = None, **params: Any) -> None:
        nothing = pd.DataFrame(index=pd.Index([], name="object_id", dtype=str))
        self._table = nothing if table is None else _checked(table)
        self._take(np.zeros(len(self._table), dtype=bool))
        self._named: dict[str, np.ndarray] = {}
        self._absent: dict[str, pd.Index] = {}  # subset, or "" for the selection → ids that the table does not have
        self._made: dict[Hashable, Any] = {}
        self._forget_steps()
        super().__init__(**params)

    def __len__(self) -> int:
        return self._count

    @property
    def table(self) -> pd.DataFrame:
        """The table of objects."""
        return self._table

    @property
    def mask(self) -> np.ndarray:
        """True for each selected object of the table, shape (N,)."""
        return self._mask.copy()

    def mask_of(self, table: pd.DataFrame) -> np.ndarray:
        """Return True for each selected object of another table, or of this one, shape (N,)."""
        return self.mask if self._table.index is table.index else table.index.isin(self.ids)

    @property
    def ids(self) -> np.ndarray:
        """The selected ids (str), in table order."""
        return self._table.index[self._mask].to_numpy(dtype=object)

    @property
    def absent(self) -> int:
        """Number of selected objects that are not in the table: they were selected in one that was shown before."""
        return len(self._absent.get("", ()))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the saved subsets."""
        return tuple(self._named)

    @property
    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """The steps that led to this selection, as (method, arguments); replaced selections are left out."""
        return list(self._steps)

    @property
    def undoable(self) -> int:
        """Number of steps that can be undone."""
        return len(self._past)

    @property
    def redoable(self) -> int:
        """Number of undone steps that can be redone."""
        return len(self._future)

    def show(self, table: pd.DataFrame) -> None:
        """Continue on another table.

        Selected objects, subsets and the focus stay as far as the table has them; else the first object is in focus.
        The others are `absent`, and selected again with a table that has them, unless the selection changed meanwhile.
        Steps start again from there, and cannot be undone. The table shown now stays as it is.

        Raises
        ------
        ValueError
            If an id occurs twice.
        """
        focus, self._made = self.focus, {}
        if table is not self._table:
            index, before = _checked(table).index, self._table.index
            wanted = {name: before[mask] for name, mask in {"": self._mask, **self._named}.items()}
            wanted |= {name: wanted[name].append(ids) for name, ids in self._absent.items()}
            if focus not in index and len(index):
                focus = str(index[0])
            found = {name: index.isin(ids) if len(ids) else np.zeros(len(index), bool) for name, ids in wanted.items()}
            self._absent = {
                name: ids[~ids.isin(index[found[name]])] for name, ids in wanted.items() if len(ids) > found[name].sum()
            }
            self._table = table
            self._take(found.pop(""))
            self._named = found
            self._forget_steps()
        self.param.update(shown=True, version=self.version + 1, focus=focus)

    def _forget_steps(self) -> None:
        """Restart the history: the present subsets and selection become its first steps."""

        def chosen(mask: np.ndarray) -> tuple[str, dict[str, Any]]:
            return "choose", {"ids": self._table.index[mask].tolist(), "how": "replace"}

        self._past: list[tuple] = []
        self._future: list[tuple] = []
        subsets = [[chosen(mask), ("keep_as", {"name": name})] for name, mask in self._named.items()]
        steps: list[tuple[str, dict[str, Any]]] = [step for pair in subsets for step in pair]
        self._steps = [*steps, chosen(self._mask)] if steps or self._count else []

    def choose(self, ids: Iterable[str], how: str = "replace", *, amend: bool = False) -> None:
        """Select objects by their ids. With `amend`, as `where`.

        Raises
        ------
        KeyError
            If an id is not in the table.
        """
        ids = [str(v) for v in ids]
        index = self._table.index
        rows = index.get_indexer(pd.Index(ids, dtype=index.dtype))  # another dtype copies the whole index
        if (rows < 0).any():
            raise KeyError(f"ids: expected ids of the table, got {ids[int(np.argmin(rows))]!r}, which is not in it.")
        mask = np.zeros(len(self._table), dtype=bool)
        mask[rows] = True
        self._step("choose", {"ids": ids, "how": how}, mask, amend=amend)

    def where(
        self, expression: str, how: str = "replace", *, mask: np.ndarray | None = None, amend: bool = False
    ) -> None:
        """Select the objects that meet a condition on their columns; see `galviz.io.expressions`.

        A view that already has the `mask` of the condition gives it. With `amend` the step takes the place of the last
        one, so that what is dragged is undone at once.
        """
        mask = matches(expression, self._table) if mask is None else mask
        self._step("where", {"expression": expression, "how": how}, mask, amend=amend)

    def lasso(self, x: str, y: str, polygon: Sequence[tuple[float, float]], how: str = "replace") -> None:
        """Select the objects in a polygon drawn over `x` and `y`: columns or expressions, as in `values`."""
        corners = [(float(a), float(b)) for a, b in polygon]
        mask = inside(self.values(x), self.values(y), corners)
        self._step("lasso", {"x": x, "y": y, "polygon": corners, "how": how}, mask)

    def box(self, bounds: Mapping[str, tuple[float | None, float | None]], how: str = "replace") -> None:
        """Select the objects with ``low ≤ value ≤ high`` for all columns or expressions in `bounds`; None is open."""
        bounds = {name: (_end(low), _end(high)) for name, (low, high) in bounds.items()}
        mask = np.ones(len(self._table), dtype=bool)
        for name, (low, high) in bounds.items():
            values = self.values(name)
            mask &= (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
        self._step("box", {"bounds": bounds, "how": how}, mask)

    def invert(self) -> None:
        """Select exactly the objects that are not selected now."""
        self._step("invert", {}, ~self._mask)

    def keep_as(self, name: str) -> None:
        """Save the selection as a named subset; overwrites an older one of that name."""
        if not name.strip():
            raise ValueError("name: expected a name for the subset, got an empty one.")
        self._step("keep_as", {"name": name.strip()}, self._mask, named=self._named | {name.strip(): self._mask})

    def recall(self, name: str, how: str = "replace") -> None:
        """Select the objects of a named subset.

        Raises
        ------
        KeyError
            If no subset has that name.
        """
        if name not in self._named:
            raise KeyError(f"name: expected one of {', '.join(self._named) or '(no subsets yet)'}, got {name!r}.")
        self._step("recall", {"name": name, "how": how}, self._named[name])

    def subset(self, name: str) -> np.ndarray:
        """Return True for each object of a named subset, shape (N,)."""
        return self._named[name].copy()

    def forget(self, name: str) -> None:
        """Delete a named subset."""
        self._step("forget", {"name": name}, self._mask, named={k: v for k, v in self._named.items() if k != name})

    def undo(self) -> bool:
        """Undo the last step. Returns False if there is none."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Redo the last undone step. Returns False if there is none."""
        return self._travel(self._future, self._past)

    def replay(self, steps: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Apply the steps of another selection.

        Raises
        ------
        ValueError
            If a step is not a method that changes a selection.
        """
        for name, arguments in steps:
            if name not in {"choose", "where", "lasso", "box", "invert", "keep_as", "recall", "forget"}:
                raise ValueError(f"steps: expected a step of Selection, got {name!r}.")
            getattr(self, name)(**arguments)

    def python(self, variable: str = "selection") -> str:
        """Return the Python lines that repeat the steps."""
        lines = [f"{variable}.{name}({_arguments(given)})" for name, given in self._steps]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return focus and steps as JSON values, for `from_json`."""
        return json.loads(json.dumps({"focus": self.focus, "steps": self._steps}))

    @classmethod
    def from_json(cls, state: Mapping[str, Any], table: pd.DataFrame | None = None) -> "Selection":
        """Return the selection described by `to_json`, on the same table."""
        selection = cls(table, focus=state.get("focus"))
        selection.replay((name, given) for name, given in state.get("steps", []))
        return selection

    def values(self, name: str) -> np.ndarray:
        """Return a column, or an expression over columns such as ``"g - r"``: float64, shape (N,).

        Raises
        ------
        ValueError
            If `name` is neither, or its values are not numbers.
        """
        values = evaluate(column(name) if name in self._table.columns else name, self._table)
        if values.dtype == object:
            raise ValueError(f"column: expected numbers, got {name!r}, which holds text.")
        return values.astype(np.float64, copy=False)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` returns, which is kept under a key until a table is shown: for numbers of 10⁷ objects.

        Give it only what the table alone decides, and what is small.
        """
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _step(
        self,
        name: str,
        given: dict[str, Any],
        new: np.ndarray,
        named: dict[str, np.ndarray] | None = None,
        *,
        amend: bool = False,
    ) -> None:
        how = given.get("how", "replace")
        if how not in HOW:
            raise ValueError(f"how: expected one of {', '.join(HOW)}, got {how!r}.")
        combined = {"replace": new, "add": self._mask | new, "remove": self._mask & ~new, "keep": self._mask & new}
        if not amend:
            self._past = [*self._past[-_UNDO + 1 :], self._here()]
        self._future = []
        self._take(combined[how])
        self._named = self._named if named is None else named
        changed = given["name"] if name in {"keep_as", "forget"} else "" if how in {"replace", "keep"} else None
        self._absent = {of: ids for of, ids in self._absent.items() if of != changed}
        self._steps = _needed([*self._steps, (name, given)])
        self.version += 1

    def _take(self, mask: np.ndarray) -> None:
        self._mask, self._count = mask, int(mask.sum())  # counted once: many views need the count, of up to 10⁷ objects

    def _here(self) -> tuple:
        return np.packbits(self._mask), self._named, self._steps, self._absent

    def _travel(self, back: list[tuple], forth: list[tuple]) -> bool:
        if not back:
            return False
        forth.append(self._here())
        packed, self._named, self._steps, self._absent = back.pop()
        self._take(np.unpackbits(packed, count=len(self._table)).astype(bool))
        self.version += 1
        return True


def _needed(steps: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Drop the steps that no longer matter: a selection that was replaced before it was saved as a subset.

    A replacing step starts a new part. A part before the last one is needed only if it saves or deletes a subset.
    """
    parts: list[list[tuple[str, dict[str, Any]]]] = [[]]
    for name, given in steps:
        if given.get("how") == "replace":
            parts.append([])
        parts[-1].append((name, given))
    kept = [part for part in parts[:-1] if any(name in ("keep_as", "forget") for name, _ in part)]
    return [step for part in [*kept, parts[-1]] for step in part]


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    if not table.index.is_unique:
        raise ValueError("table: expected unique object_ids in its index, got some twice. Remove or rename them.")
    return table


def _end(value: float | None) -> float | None:
    if value is not None and np.isnan(value):
        raise ValueError("bounds: expected numbers or None, got NaN. None leaves an end open.")
    return None if value is None or np.isinf(value) else float(value)


def _arguments(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in given.items() if (key, value) != ("how", "replace"))
