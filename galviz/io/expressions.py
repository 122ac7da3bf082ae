"""Expressions over table columns, typed by a user.

They are parsed to a syntax tree, and only known nodes are computed. Nothing is executed, so a text from a stranger is
safe.
"""

import ast
import difflib
import keyword
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_FEW = 10  # names of columns in a message
_ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type, Callable] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_EXACT: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "ln": np.log,
    "log10": np.log10,
    "isnan": pd.isna,  # of text too
    "isfinite": np.isfinite,
}
_HELP = f"Use columns, numbers, texts in quotes, + - * / % **, < <= > >= == != in, and or not, {', '.join(_FUNCTIONS)}."
_LONGEST = 2000


def evaluate(expression: str, table: pd.DataFrame) -> np.ndarray:
    """Return the value of an expression for each row of a table.

    Parameters
    ----------
    expression : str
        For example ``"z < 0.3 and abs(ln_richness - ln_richness_true) > 0.2"``, ``"object_id in ('1', '2')"``. Names
        are columns, or the index. A name that is not a Python identifier is written ``col("u - g")``.
    table : pandas.DataFrame
        N rows. Missing values are NaN (None in text). Comparisons with them are False, except ``!=``, which is True.

    Returns
    -------
    numpy.ndarray, shape (N,)
        float64, bool or text. Integers of any size are compared exactly, and ``+``, ``-``, ``*``, ``//`` and ``%`` are
        exact as well; only the final result is converted to float64.

    Raises
    ------
    ValueError
        If the expression cannot be parsed, uses something that is not allowed, or names an unknown column.
    """
    if len(expression) > _LONGEST:
        raise ValueError(f"expression: expected at most {_LONGEST} characters, got {len(expression)}.")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, RecursionError) as error:
        hint = " To compare, write ==." if re.search(r"[^<>=!]=[^=]", expression) else ""
        raise ValueError(
            f"expression: expected something like 'z < 0.3', got {expression!r} ({error.args[0]}).{hint}"
        ) from None
    try:
        with np.errstate(all="ignore"):
            value = _Reader(table).read(tree)
            value = _floats(value) if _is_whole(value) else value
    except OverflowError:
        raise ValueError(f"expression: expected numbers that a float64 can hold, got {expression!r}.") from None
    except (TypeError, RecursionError) as error:
        raise ValueError(
            f"expression: expected numbers with numbers and text with text, got {expression!r}: {error}."
        ) from None
    return np.broadcast_to(np.asarray(value), (len(table),))


def matches(expression: str, table: pd.DataFrame) -> np.ndarray:
    """Return for which rows a condition is true, bool, shape (N,). An empty expression is true for all rows.

    Raises
    ------
    ValueError
        As `evaluate`, and if the expression is not a condition.
    """
    if not expression.strip():
        return np.ones(len(table), dtype=bool)
    mask = evaluate(expression, table)
    if mask.dtype != bool:
        raise ValueError(
            f"expression: expected a condition, got {expression!r}, which is a value. Compare it: 'z < 0.3'."
        )
    return mask


def columns_in(expression: str, table: pd.DataFrame) -> list[str]:
    """Return the columns of a table that an expression uses; none if it cannot be parsed."""
    if expression in table.columns:
        return [expression]
    try:
        nodes = list(ast.walk(ast.parse(expression, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names.update(texts)  # col("u - g")
    return [str(name) for name in table.columns if name in names]


def column(name: str) -> str:
    """Return a column name as an expression: ``"z"``, ``'col("u - g")'``."""
    plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    return name if plain else f"col({name!r})"


class _Reader:
    """Computes a syntax tree node by node. A node without a method here is refused."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def read(self, node: ast.AST) -> Any:
        method = getattr(self, f"_read_{type(node).__name__.lower()}", None)
        if method is None:
            raise ValueError(f"expression: {ast.unparse(node)!r} is not allowed. {_HELP}")
        return method(node)

    def _read_constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, int | float | str | bool):
            raise ValueError(f"expression: {ast.unparse(node)!r} is not allowed. {_HELP}")  # noqa: TRY004 - a user's text
        return node.value

    def _read_name(self, node: ast.Name) -> np.ndarray:
        return self._column(node.id)

    def _read_unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.read(node.operand)
        if isinstance(node.op, ast.Not):
            return np.logical_not(_condition(value, node.operand))
        if _is_whole(value):
            return _whole(operator.sub, 0, value) if isinstance(node.op, ast.USub) else value
        return np.negative(value) if isinstance(node.op, ast.USub) else np.positive(value)

    def _read_binop(self, node: ast.BinOp) -> Any:
        if type(node.op) not in _ARITHMETIC:
            raise ValueError(f"expression: {ast.unparse(node)!r} is not allowed; write 'and', 'or'. {_HELP}")
        operate, sides = _ARITHMETIC[type(node.op)], [_number(self.read(side)) for side in (node.left, node.right)]
        if type(node.op) in _EXACT and all(_is_whole(side) for side in sides):
            return _whole(_EXACT[type(node.op)], *sides)
        return operate(*(_floats(side) for side in sides))

    def _read_boolop(self, node: ast.BoolOp) -> np.ndarray:
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        parts = [_condition(self.read(part), part) for part in node.values]  # noqa: PD011 - a syntax tree, not a table
        return join.reduce([np.broadcast_to(part, len(self._table)) for part in parts])

    def _read_compare(self, node: ast.Compare) -> np.ndarray:
        left, result = self.read(node.left), np.ones(len(self._table), dtype=bool)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                result &= self._is_in(left, right_node) ^ isinstance(op, ast.NotIn)
                continue
            if type(op) not in _COMPARISONS:
                raise ValueError(f"expression: {ast.unparse(node)!r} is not allowed. {_HELP}")
            right = self.read(right_node)
            result &= np.asarray(_compare(_COMPARISONS[type(op)], left, right), dtype=bool)
            left = right
        return result

    def _read_call(self, node: ast.Call) -> np.ndarray:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if len(node.args) == 1 and not node.keywords:
            if name == "col" and isinstance(node.args[0], ast.Constant):
                return self._column(str(node.args[0].value))
            if name in _FUNCTIONS:
                value = self.read(node.args[0])
                if name == "abs" and _is_whole(value):
                    return abs(value)
                return _FUNCTIONS[name](_floats(value))
        raise ValueError(f"expression: {ast.unparse(node)!r} is not allowed. {_HELP}")

    def _is_in(self, left: Any, node: ast.AST) -> np.ndarray:
        if not isinstance(node, ast.Tuple | ast.List | ast.Set):
            raise ValueError(f"expression: expected a list after 'in', got {ast.unparse(node)!r}. Write ('a', 'b').")  # noqa: TRY004
        items = [self.read(item) for item in node.elts]
        if _is_text(left):
            return pd.Series(np.asarray(left)).isin(items).to_numpy()
        equal = [_compare(operator.eq, left, item) for item in items if not _is_text(item)]
        return np.logical_or.reduce([np.zeros(len(self._table), dtype=bool), *equal])

    def _column(self, name: str) -> np.ndarray:
        if name in self._table.columns:
            values = self._table[name]
        elif name in self._table.index.names:
            values = self._table.index.get_level_values(name).to_series()
        else:
            known = [str(n) for n in [*self._table.index.names, *self._table.columns] if n is not None]
            near = [n for n in known if n.lower() == name.lower()] or difflib.get_close_matches(name, known, n=3)
            near = near or [n for n in known if n.lower().startswith(f"{name.lower()}_")]
            cure = f"Similar names: {', '.join(near[:_FEW])}." if near else f"Columns: {_listed(known)}."
            raise ValueError(f"expression: expected a column, got {name!r}. {cure}")
        if pd.api.types.is_bool_dtype(values) and not values.isna().any():
            return values.to_numpy(dtype=bool)
        if pd.api.types.is_integer_dtype(values):
            return _whole_column(values)
        if pd.api.types.is_numeric_dtype(values):
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return values.astype(object).where(values.notna(), None).to_numpy()


def _whole_column(values: pd.Series) -> np.ndarray:
    """Return integers as int64, or as Python ints if int64 is too small. Missing values are masked."""
    missing = values.isna().to_numpy()
    plain = values.fillna(0) if missing.any() else values
    ends = [int(plain.min()), int(plain.max())] if len(plain) else []
    fits = all(-(2**63) < end < 2**63 for end in ends)  # so that -x fits too
    plain = plain.to_numpy(dtype=np.int64) if fits else np.array([int(v) for v in plain], dtype=object)
    return plain if fits and not missing.any() else np.ma.MaskedArray(plain, missing)


def _is_whole(value: Any) -> bool:
    """Return whether a value consists of integers. Arrays of Python ints are always masked arrays here."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "i" or (isinstance(value, np.ma.MaskedArray) and value.dtype == object)
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(operate: Callable, left: Any, right: Any) -> np.ndarray:
    """Return the result of an integer operation: in int64 if it surely fits, else in Python ints. n // 0 is masked."""
    sides = [np.atleast_1d(np.ma.getdata(side)) for side in (left, right)]
    most = [max(abs(int(side.min())), abs(int(side.max()))) if side.size else 0 for side in sides]
    missing = np.ma.getmaskarray(left) | np.ma.getmaskarray(right)
    if (most[0] * most[1] if operate is operator.mul else sum(most)) >= 2**63:
        sides = [side.astype(object) for side in sides]
    if operate in {operator.floordiv, operator.mod}:
        zero = (sides[1] == 0).astype(bool)
        missing, sides[1] = missing | zero, np.where(zero, 1, sides[1])
    values = operate(*sides)
    return np.ma.MaskedArray(values, np.broadcast_to(missing, values.shape))


def _floats(value: Any) -> Any:
    """Return integers as float64, NaN where masked. Anything else is returned unchanged."""
    if isinstance(value, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(value), np.nan, np.ma.getdata(value).astype(np.float64))
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind == "i" else value
    return float(value) if _is_whole(value) else value


def _is_text(value: Any) -> bool:
    plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    return isinstance(value, str) or (plain and value.dtype == object)


def _number(value: Any) -> Any:
    if _is_text(value):
        raise TypeError("text cannot be calculated with")
    return value


def _condition(value: Any, node: ast.AST) -> Any:
    if np.asarray(value).dtype != bool:
        raise ValueError(f"expression: expected a condition, got {ast.unparse(node)!r}. Compare it: 'z < 0.3'.")
    return value


def _compare(compare: Callable, left: Any, right: Any) -> Any:
    """Compare text with text, or numbers with numbers. A missing text is unequal to all, and never less or greater."""
    texts = [_is_text(side) for side in (left, right)]
    if not any(texts):
        if not all(_is_whole(side) for side in (left, right)):
            return compare(_floats(left), _floats(right))
        missing = np.ma.getmaskarray(left) | np.ma.getmaskarray(right)
        return np.where(missing, compare is operator.ne, compare(np.ma.getdata(left), np.ma.getdata(right)))
    if not all(texts):
        raise TypeError("a number is compared with a text")
    if compare in (operator.eq, operator.ne):
        return compare(left, right)
    missing = pd.isna(left) | pd.isna(right)
    return np.where(missing, False, compare(*(np.where(pd.isna(s), "", s) for s in (left, right))))  # noqa: FBT003


def _listed(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more > 0 else "")
