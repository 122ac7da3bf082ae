"""Messages between Python and a script. Each is declared once, as a TypedDict in the ``messages.py`` of its tool.

Messages of a browser are held to their declaration by `check`. `typescript` writes the declarations as types for the
script, into ``messages.d.ts`` beside it. ``python -m galviz.tools.messages`` writes all of them again.
"""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

MODULES = tuple(
    f"galviz.tools.{tool}.messages" for tool in ("diagram", "filters", "gallery", "occlusion", "threshold", "viewer")
)
"""The modules that declare messages."""

_NAMES = {str: "string", int: "number", float: "number", bool: "boolean", bytes: "Bytes", NoneType: "null"}


def check(message: Mapping[str, Any], kinds: tuple[type, ...]) -> None:
    """Check a message against the declaration of its type; fields that are not declared are ignored.

    Parameters
    ----------
    message : mapping
    kinds : tuple of TypedDict
        The messages that are expected; each has a field ``type`` with one value.

    Raises
    ------
    ValueError
        If its type is none of these, or a field is missing or has a wrong type.
    """
    hints = {get_args(kind.__annotations__["type"])[0]: kind for kind in kinds}
    if message.get("type") not in list(hints):
        raise ValueError(f"message: expected one of {', '.join(hints)}, got {message.get('type')!r}.")
    kind = hints[message["type"]]
    for name, hint in get_type_hints(kind).items():
        if name in message and not _fits(message[name], hint):
            raise ValueError(f"message {message['type']}: expected {name}: {_typescript(hint)}, got {message[name]!r}.")
        if name not in message and name in kind.__required_keys__:
            raise ValueError(f"message {message['type']}: expected {name}, got only {', '.join(message)}.")


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type; lists may stand for tuples, as in JSON."""
    origin, args, many = get_origin(hint) or hint, get_args(hint), isinstance(value, list | tuple)
    if origin in (int, float):
        fits = isinstance(value, int if origin is int else int | float) and not isinstance(value, bool)
    elif origin is Literal:
        fits = value in args
    elif origin in (Union, UnionType):
        fits = any(_fits(value, arg) for arg in args)
    elif origin is list:
        fits = many and all(_fits(each, args[0]) for each in value)
    elif origin is tuple:
        fits = many and len(value) == len(args) and all(map(_fits, value, args))
    elif origin is dict:
        fits = isinstance(value, Mapping) and all(_fits(each, args[1]) for each in value.values())
    elif is_typeddict(hint):
        fits = isinstance(value, Mapping) and hint.__required_keys__ <= value.keys()
        fits = fits and all(_fits(value[name], of) for name, of in get_type_hints(hint).items() if name in value)
    else:
        fits = isinstance(value, hint)
    return fits


def typescript(module: ModuleType) -> str:
    """Return the messages of a module as types of TypeScript, with the unions ``ToBrowser`` and ``FromBrowser``."""
    lines = []
    for kind in filter(is_typeddict, vars(module).values()):
        signs = {name: "" if name in kind.__required_keys__ else "?" for name in get_type_hints(kind)}
        fields = [f"  {name}{signs[name]}: {_typescript(hint)};" for name, hint in get_type_hints(kind).items()]
        lines += ["", f"export type {kind.__name__} = {{", *fields, "};"]
    for name, kinds in (("ToBrowser", module.TO_BROWSER), ("FromBrowser", module.FROM_BROWSER)):
        lines += ["", f"export type {name} = {' | '.join(kind.__name__ for kind in kinds)};"]
    if any("Bytes" in line for line in lines):
        lines = ['import type { Bytes } from "../shared.js";', *lines]
    first = "// Written from messages.py, which explains the fields, by python -m galviz.tools.messages"
    return "\n".join([first, *lines]) + "\n"


def _typescript(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(map(json.dumps, args))
    names = [_typescript(arg) for arg in args]
    if origin in (Union, UnionType):
        return " | ".join(names)
    shapes = {dict: "Record<{}>", list: "Array<{}>", tuple: "[{}]"}
    return shapes[origin].format(", ".join(names)) if origin else _NAMES.get(hint) or hint.__name__


def files() -> dict[Path, str]:
    """Return the files with the types of all modules, and what they should hold."""
    modules = [import_module(name) for name in MODULES]
    return {Path(module.__file__).with_suffix(".d.ts"): typescript(module) for module in modules}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
