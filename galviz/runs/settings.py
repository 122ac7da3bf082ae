"""Settings: fields of a frozen dataclass, each declared once with its type, default, help, choices or bounds.

The checks, the form of a page, ``galviz train --set``, ``galviz recipe`` and ``docs/recipe.md`` are made from them.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, Self, dataclass_transform, get_args, get_origin

from galviz.io.records import fits


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of a setting beside its name, type and default."""

    help: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    above: float | None = None
    high: float | None = None
    below: float | None = None
    architectures: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def allows(self, value: Any) -> bool:
        """Return whether a value of the right type is one of the choices, or within the bounds."""
        if self.choices:
            return value in self.choices or bool(self.pattern and re.fullmatch(self.pattern, value))
        if not isinstance(value, int | float):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The bounds, whether they are allowed themselves or not."""
        return self.low if self.above is None else self.above, self.high if self.below is None else self.below

    def range(self, kind: Any) -> str:
        """Return the choices or the bounds in words; "" if there are none."""
        if self.choices:
            return f"{'some' if get_origin(kind) is tuple else 'one'} of {', '.join(self.choices)}"
        least, most = self.ends
        if most is not None and kind is int:
            return f"{least} to {most}"
        if most is not None:
            first, last = "[" if self.above is None else "(", "]" if self.below is None else ")"
            return f"a number in {first}{least:g}, {most:g}{last}"
        if self.above is not None:
            return "a positive number"
        return "" if least is None else f"at least {least:g}"


def setting(default: Any, help: str, **about: Any) -> Any:  # noqa: A002 - argparse's word too
    """Declare a field of a `Group`.

    Parameters
    ----------
    default : Any
        Its default; ``...`` if it must be given. A mapping is copied.
    help : str
        What it does, in one or two sentences.
    **about
        ``choices``: a tuple of texts; ``pattern``: other texts that are allowed, as a regular expression. ``low`` and
        ``high``, or ``above`` and ``below`` where the bound itself is not allowed. ``architectures``, ``tasks``: those
        that have the setting, if not all have it.
    """
    metadata = {"setting": Setting(help=help, **about)}
    if default is ...:
        return field(metadata=metadata)
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting, field))
def settings(cls: type) -> type:
    """Make a `Group` a frozen dataclass with keyword arguments, whose docstring lists its settings."""
    made = dataclass(frozen=True, kw_only=True)(cls)
    listed = [
        f"{one.name} : {type_text(one)}\n    {about(one).help}"
        if _is_setting(one)
        else f"{one.name} : {one.type.__name__}"
        for one in fields(made)
    ]
    made.__doc__ = "\n".join([(cls.__doc__ or "").rstrip(), "", "Parameters", "----------", *listed, ""])
    return made


class Group:
    """Settings that belong together. Values are converted and checked; a group in a group may be given as a mapping."""

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, self._checked(one, getattr(self, one.name)))

    @classmethod
    def key(cls, name: str) -> str:
        """Return the key of a field, such as ``"optimiser.schedule"``: group and name."""
        return f"{cls.__name__.lower()}.{name}"

    def used_fields(self) -> tuple[Field, ...]:
        """Return the fields that apply. Others have their default."""
        return fields(self)

    def flat(self) -> dict[str, Any]:
        """Return the value of each setting that applies: ``{"epochs": 20, "optimiser.learning_rates.head": 0.001}``."""
        found = {}
        for one in self.used_fields():
            value, key = getattr(self, one.name), self.key(one.name)
            if isinstance(value, Group):
                found |= value.flat()
            elif isinstance(value, Mapping):
                found |= {f"{key}.{inner}": number for inner, number in value.items()}
            else:
                found[key] = value
        return found

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed. The new values are checked.

        A group may be given as a mapping of what changes in it: ``recipe.replace(epochs=2, validation={"folds": 3})``.
        """
        self._refuse_strange(changes)
        for name, value in changes.items():
            old = getattr(self, name)
            if isinstance(old, Group) and isinstance(value, Mapping):
                changes[name] = old.replace(**value)
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Return the settings that apply as plain JSON values."""
        return {one.name: _plain(getattr(self, one.name)) for one in self.used_fields()}

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Return the group that `to_json` described.

        Raises
        ------
        ValueError
            If a setting is missing, has a wrong value, or is not known to this version.
        """
        where = cls.__name__.lower()
        if not isinstance(content, Mapping):
            raise ValueError(f"{where}: expected settings by name, got {content!r}.")  # noqa: TRY004 - bad content
        cls._refuse_strange(content)
        required = {one.name for one in fields(cls) if one.default is one.default_factory is MISSING}
        if missing := sorted(required - content.keys()):
            raise ValueError(f"{where}: expected all settings without a default, got none of {missing}.")
        return cls(**content)

    @classmethod
    def _refuse_strange(cls, content: Mapping[str, Any]) -> None:
        names = [one.name for one in fields(cls)]
        if strange := sorted(content.keys() - set(names)):
            where, got = cls.__name__.lower(), ", ".join(map(repr, strange))
            cure = "If a newer galviz made it, update galviz."
            raise ValueError(f"{where}: expected settings among {', '.join(names)}, got {got}. {cure}")

    @classmethod
    def _checked(cls, one: Field, value: Any) -> Any:
        if isinstance(one.type, type) and issubclass(one.type, Group):
            return value if isinstance(value, one.type) else one.type.from_json(value)
        key, kind, known = cls.key(one.name), one.type, about(one)
        value = _built_in(value)
        if not fits(value, kind):
            raise ValueError(f"{key}: expected {_expected(known, kind)}, got {value!r}.")
        parts = [(key, value)]
        if kind is float:
            value = float(value)
            parts = [(key, value)]
        elif get_origin(kind) is tuple:
            value = tuple(value)
            parts = [(key, part) for part in value]
        elif get_origin(kind) is not None:
            value = {inner: float(number) for inner, number in value.items()}
            parts = [(f"{key}.{inner}", number) for inner, number in value.items()]
        for name, part in parts:
            if not known.allows(part):
                raise ValueError(f"{name}: expected {known.range(kind) or 'a finite number'}, got {part!r}.")
        return value


def about(one: Field) -> Setting:
    """Return what is known of a field that `setting` declared."""
    return one.metadata["setting"]


def _is_setting(one: Field) -> bool:
    return "setting" in one.metadata


def declared(group: type[Group]) -> Iterator[tuple[str, Field]]:
    """Yield the key and the field of each setting of a group and of the groups in it."""
    for one in fields(group):
        if _is_setting(one):
            yield group.key(one.name), one
        else:
            yield from declared(one.type)


def type_text(one: Field) -> str:
    """Return the type of a field, its choices or bounds, and its default, in words."""
    known = about(one)
    words = [_expected(known, one.type)]
    if one.default is not MISSING:
        words.append(f"default {text_of(one.default) or 'none'}")
    elif one.default_factory is not MISSING:
        words.append("default " + ", ".join(f"{key} {text_of(value)}" for key, value in one.default_factory().items()))
    return ", ".join(words)


def text_of(value: Any) -> str:
    """Return a value as ``--set`` takes it: ``true``, ``0.001``, ``d4,seeing``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


def parsed(key: str, text: str, kind: Any) -> Any:
    """Return the value that a text stands for, of the type `kind`; the inverse of `text_of`.

    Raises
    ------
    ValueError
        If the text does not have the type.
    """
    if kind is bool and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is str:
        return text
    try:
        return {int: int, float: float}[kind](text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{key}: expected {_kind_text(kind)}, got {text!r}.") from error


def _expected(known: Setting, kind: Any) -> str:
    """Return the type with its choices or bounds, in words."""
    kind_text, ranged = _kind_text(kind), known.range(kind)
    return ranged if known.choices or ranged.startswith(kind_text) else ", ".join(filter(None, (kind_text, ranged)))


def _kind_text(kind: Any) -> str:
    known = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if get_origin(kind) is tuple:
        return "texts"
    return known[kind] if kind in known else f"{known[get_args(kind)[1]]} by name"


def _built_in(value: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Group):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
