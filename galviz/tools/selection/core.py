"""The objects chosen and the one in focus, shared by every view that shows them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import param

from galviz.io.expressions import column, evaluate, matches
from galviz.tools.selection.polygon import inside

HOW = ("replace", "add", "remove", "keep")
_UNDO = 200  # steps that can be taken back


class Selection(param.Parameterized):
    """What is chosen. Views with the same selection are linked; everything is keyed by `object_id`, never by row.

    Each choice is a step: it can be undone, and `steps` replayed on the same table give the same ids. The steps take
    ``how``: ``"replace"`` what is chosen, ``"add"`` to it, ``"remove"`` from it, or ``"keep"`` of it only what matches.

    Parameters
    ----------
    table : pandas.DataFrame, optional
        The objects to choose from, indexed by unique `object_id` (str); none by default.
    focus : str or None
        The one object that is looked at closely.

    Attributes
    ----------
    version : int
        Grows whenever the choice changes: what views depend on.
    """

    focus = param.String(default=None, allow_None=True, doc="object_id of the object in focus")
    version = param.Integer(default=0, doc="grows whenever the choice, or a named subset, changes")

    def __init__(self, table: pd.DataFrame | None = None, **params: Any) -> None:
        self._table = pd.DataFrame(index=pd.Index([], name="object_id", dtype=str)) if table is None else table
        if not self._table.index.is_unique:
            raise ValueError("table: expected unique object_ids in its index, got some twice. Remove or rename them.")
        self._take(np.zeros(len(self._table), dtype=bool))
        self._named: dict[str, np.ndarray] = {}
        self._steps: list[tuple[str, dict[str, Any]]] = []
        self._past: list[tuple] = []
        self._future: list[tuple] = []
        super().__init__(**params)

    def __len__(self) -> int:
        return self._count

    @property
    def table(self) -> pd.DataFrame:
        """What is chosen from."""
        return self._table

    @property
    def mask(self) -> np.ndarray:
        """True where an object of the table is chosen, shape (N,)."""
        return self._mask.copy()

    @property
    def ids(self) -> np.ndarray:
        """The chosen ids, str, in the order of the table."""
        return self._table.index[self._mask].to_numpy(dtype=object)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the subsets that were kept."""
        return tuple(self._named)

    @property
    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """What led here, as (method, arguments); a choice that was replaced is not among them."""
        return list(self._steps)

    @property
    def undoable(self) -> int:
        """How many steps can be taken back."""
        return len(self._past)

    @property
    def redoable(self) -> int:
        """How many undone steps can be taken again."""
        return len(self._future)

    def choose(self, ids: Iterable[str], how: str = "replace") -> None:
        """Choose objects by their ids.

        Raises
        ------
        KeyError
            If an id is not in the table.
        """
        ids = [str(v) for v in ids]
        index = self._table.index
        rows = index.get_indexer(pd.Index(ids, dtype=index.dtype))  # of another type, the whole index is copied
        if (rows < 0).any():
            raise KeyError(f"ids: expected ids of the table, got {ids[int(np.argmin(rows))]!r}, which is not in it.")
        mask = np.zeros(len(self._table), dtype=bool)
        mask[rows] = True
        self._step("choose", {"ids": ids, "how": how}, mask)

    def where(self, expression: str, how: str = "replace") -> None:
        """Choose the objects for which a condition on their columns holds; see `galviz.io.expressions`."""
        self._step("where", {"expression": expression, "how": how}, matches(expression, self._table))

    def lasso(self, x: str, y: str, polygon: Sequence[tuple[float, float]], how: str = "replace") -> None:
        """Choose what lies in a polygon drawn over `x` and `y`, columns or expressions as `values` takes them."""
        corners = [(float(a), float(b)) for a, b in polygon]
        mask = inside(self.values(x), self.values(y), corners)
        self._step("lasso", {"x": x, "y": y, "polygon": corners, "how": how}, mask)

    def box(self, bounds: Mapping[str, tuple[float | None, float | None]], how: str = "replace") -> None:
        """Choose what lies within ``low ≤ value ≤ high`` of every column or expression in `bounds`; None is open."""
        bounds = {name: (_end(low), _end(high)) for name, (low, high) in bounds.items()}
        mask = np.ones(len(self._table), dtype=bool)
        for name, (low, high) in bounds.items():
            values = self.values(name)
            mask &= (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
        self._step("box", {"bounds": bounds, "how": how}, mask)

    def invert(self) -> None:
        """Choose what is not chosen, and nothing else."""
        self._step("invert", {}, ~self._mask)

    def keep_as(self, name: str) -> None:
        """Keep what is chosen as a named subset, over an older one of that name."""
        if not name.strip():
            raise ValueError("name: expected a name for the subset, got an empty one.")
        self._step("keep_as", {"name": name.strip()}, self._mask, named=self._named | {name.strip(): self._mask})

    def recall(self, name: str, how: str = "replace") -> None:
        """Choose a named subset.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        if name not in self._named:
            raise KeyError(f"name: expected one of {', '.join(self._named) or '(no subsets yet)'}, got {name!r}.")
        self._step("recall", {"name": name, "how": how}, self._named[name])

    def forget(self, name: str) -> None:
        """Drop a named subset."""
        self._step("forget", {"name": name}, self._mask, named={k: v for k, v in self._named.items() if k != name})

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Take the last undone step again; False where there is none."""
        return self._travel(self._future, self._past)

    def replay(self, steps: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take the steps that another selection took.

        Raises
        ------
        ValueError
            If a step is not one of this class.
        """
        for name, arguments in steps:
            if name not in {"choose", "where", "lasso", "box", "invert", "keep_as", "recall", "forget"}:
                raise ValueError(f"steps: expected a step of Selection, got {name!r}.")
            getattr(self, name)(**arguments)

    def python(self, variable: str = "selection") -> str:
        """Write the lines that repeat the steps."""
        lines = [f"{variable}.{name}({_arguments(given)})" for name, given in self._steps]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Give focus and steps as plain JSON values; `from_json` takes them on the same table."""
        return json.loads(json.dumps({"focus": self.focus, "steps": self._steps}))

    @classmethod
    def from_json(cls, state: Mapping[str, Any], table: pd.DataFrame | None = None) -> "Selection":
        """Make the selection that `to_json` described."""
        selection = cls(table, focus=state.get("focus"))
        selection.replay((name, given) for name, given in state.get("steps", []))
        return selection

    def values(self, name: str) -> np.ndarray:
        """Give a column, or the value of an expression over columns such as ``"g - r"``: float64, shape (N,).

        Raises
        ------
        ValueError
            If it is neither, or not of numbers.
        """
        values = evaluate(column(name) if name in self._table.columns else name, self._table)
        if values.dtype == object:
            raise ValueError(f"column: expected numbers, got {name!r}, which holds text.")
        return values.astype(np.float64, copy=False)

    def _step(
        self, name: str, given: dict[str, Any], new: np.ndarray, named: dict[str, np.ndarray] | None = None
    ) -> None:
        how = given.get("how", "replace")
        if how not in HOW:
            raise ValueError(f"how: expected one of {', '.join(HOW)}, got {how!r}.")
        combined = {"replace": new, "add": self._mask | new, "remove": self._mask & ~new, "keep": self._mask & new}
        self._past = [*self._past[-_UNDO + 1 :], self._here()]
        self._future = []
        self._take(combined[how])
        self._named = self._named if named is None else named
        self._steps = _needed([*self._steps, (name, given)])
        self.version += 1

    def _take(self, mask: np.ndarray) -> None:
        self._mask, self._count = mask, int(mask.sum())  # counted once: many views ask, of up to 10⁷ objects

    def _here(self) -> tuple:
        return np.packbits(self._mask), self._named, self._steps

    def _travel(self, back: list[tuple], forth: list[tuple]) -> bool:
        if not back:
            return False
        forth.append(self._here())
        packed, self._named, self._steps = back.pop()
        self._take(np.unpackbits(packed, count=len(self._table)).astype(bool))
        self.version += 1
        return True


def _needed(steps: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Leave out the steps on which nothing depends any more: a choice that was replaced before it was kept as a subset.

    A step that replaces begins a part; a part before the last one counts where it keeps or forgets a subset.
    """
    parts: list[list[tuple[str, dict[str, Any]]]] = [[]]
    for name, given in steps:
        if given.get("how") == "replace":
            parts.append([])
        parts[-1].append((name, given))
    kept = [part for part in parts[:-1] if any(name in ("keep_as", "forget") for name, _ in part)]
    return [step for part in [*kept, parts[-1]] for step in part]


def _end(value: float | None) -> float | None:
    if value is not None and np.isnan(value):
        raise ValueError("bounds: expected numbers or None, got NaN. None leaves an end open.")
    return None if value is None or np.isinf(value) else float(value)


def _arguments(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in given.items() if (key, value) != ("how", "replace"))
