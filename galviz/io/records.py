"""Type checks of JSON files, done before anything uses their content."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin


def check_fields(content: Any, types: Mapping[str, Any], where: str, required: frozenset[str] = frozenset()) -> None:
    """Check a JSON object against the types of its fields.

    Parameters
    ----------
    content : Any
        The parsed JSON value.
    types : mapping of str to type
        Type of each known field, written as an annotation: ``int``, ``str | None``, ``tuple[str, ...]``,
        ``Mapping[str, float]``, ``Literal["a", "b"]``. Other fields are not checked.
    where : str
        The file or argument, for the error message.
    required : frozenset of str
        Fields that must exist.

    Raises
    ------
    ValueError
        If `content` is not an object, a required field is missing, or a field has the wrong type.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a JSON object, got {type(content).__name__}. Restore or remove it.")  # noqa: TRY004 - the file is bad
    lacking = sorted(required - content.keys())
    if lacking:
        raise ValueError(f"{where}: expected {', '.join(lacking)} in it, got none. Restore or remove it.")
    for name, kind in types.items():
        if name in content and not fits(content[name], kind):
            got = repr(content[name])
            got = got if len(got) < 200 else f"{got[:200]} …"
            raise ValueError(f"{where}: expected {name} to be {_written(kind)}, got {got}. Restore or remove it.")


def fits(value: Any, kind: Any) -> bool:
    """Return whether a JSON value has a type. Lists are accepted as tuples, and integers as floats."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if kind is Any or origin in (Union, UnionType):
        return kind is Any or any(fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(fits(one, inner[0]) for one in value)
    if origin is not None:  # a mapping
        return isinstance(value, Mapping) and all(
            fits(key, inner[0]) and fits(one, inner[1]) for key, one in value.items()
        )
    if kind in (int, float):
        return isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _written(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
