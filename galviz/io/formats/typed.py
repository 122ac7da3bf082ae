"""Type detection for columns read as text: numbers, booleans and dates. Nothing is rounded."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galviz.io.formats.common import whole_numbers
from galviz.io.formats.request import Request

MISSING = r"(?i)^(|na|n/a|#n/a|nan|null|none|-+|\.\.\.)$"
"""A cell that means a missing value if the rest of the column holds numbers, booleans or dates."""

_PROBE = 1000  # rows that tell text from numbers
_COMMA = r"^[+-]?(\d+,\d*|,?\d+)([eE][+-]?\d+)?$"


def found(text: pa.ChunkedArray, name: str, request: Request, *, comma: bool = False) -> pa.ChunkedArray:
    """Return a text column with its detected type.

    Parameters
    ----------
    text : pyarrow.ChunkedArray of large_string
        Null where a cell is empty.
    name : str
        Name of the column, for notes.
    request : Request
        Receives notes.
    comma : bool
        Whether a number may be written with a decimal comma.

    Returns
    -------
    pyarrow.ChunkedArray
        int64 or uint64 if all cells are integers that fit; float64; bool (``true``, ``False``, …); timestamp (ISO 8601
        without a time zone); else text. Cells that match `MISSING` (``NA``, ``nan``, ``null``, ``None``, ``--``) are
        missing, except in a text column, where ``NA`` may be a name. ``inf`` is a number. A column with leading zeros
        (``0266``) is text. So is a column with integers that fit neither 64 bits nor, among other numbers, exactly
        into a float.
    """
    if text.null_count == len(text):
        return pa.chunked_array([pa.nulls(len(text))])
    cells, numbers = text, _cast(text, pa.int64())
    numbers = _cast(text, pa.float64()) if numbers is None else numbers
    if numbers is None and not _promising(text, comma=comma):
        return text
    if numbers is None or (pa.types.is_floating(numbers.type) and pc.any(pc.is_nan(numbers)).as_py()):
        cells = _cleaned(text)
        if cells.null_count == len(cells):  # only words for nothing
            return text if numbers is None else numbers
    whole, numbers = whole_numbers(cells), _cast(cells, pa.float64())
    why = None
    if pa.types.is_integer(whole.type):
        numbers = whole
        why = "leading zeros" if _is_padded(cells) else None
    elif numbers is not None:
        why = "more digits than a number can hold" if _loses_digits(cells, numbers) else None
    elif comma and pc.all(pc.match_substring_regex(cells, _COMMA)).as_py():
        request.notes.append(f"Numbers in column {name!r} were read with a decimal comma.")
        numbers = pc.replace_substring(cells, ",", ".").cast(pa.float64())
    if why:
        request.notes.append(f"Column {name!r} was read as text: it has numbers with {why}.")
        return text
    return next((found for found in (numbers, _truths(cells), _dates(cells)) if found is not None), text)


def _cast(text: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return None


def _promising(text: pa.ChunkedArray, *, comma: bool) -> bool:
    """Return whether the first cells may be other than text. This avoids cleaning long text columns, which is slow."""
    cells = _cleaned(text.drop_null().slice(0, _PROBE)).drop_null()
    kinds = (r"(?i)^[+-]?(\d|\.\d|inf)", r"(?i)^(true|false)$", *([_COMMA] if comma else []))
    return not len(cells) or any(pc.all(pc.match_substring_regex(cells, kind)).as_py() for kind in kinds)


def _cleaned(text: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(text)
    text = pc.if_else(pc.match_substring_regex(text, MISSING), pa.scalar(None, pa.large_string()), text)
    return pc.replace_substring_regex(text, r"^\+", "")


def _is_padded(whole: pa.ChunkedArray) -> bool:
    """Return whether any integer has leading zeros or is hexadecimal."""
    first = pc.starts_with(pc.utf8_ltrim(whole, "-"), "0")
    return bool(pc.any(first).as_py()) and pc.any(pc.match_substring_regex(whole, r"^-?0[0-9xX]")).as_py()


def _loses_digits(text: pa.ChunkedArray, numbers: pa.ChunkedArray) -> bool:
    if (pc.max(pc.abs(numbers)).as_py() or 0) < 2**53:
        return False
    long = text.filter(pc.match_substring_regex(text, r"^-?\d{16,}$")).to_pylist()
    if long and pc.all(pc.match_substring_regex(text, r"^-?\d+$")).as_py():
        return True  # whole numbers beyond 64 bits
    return any(abs(float(number)) == np.inf or int(float(number)) != int(number) for number in long)


def _truths(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    words = pc.match_substring_regex(text, r"(?i)^(true|false)$")
    return pc.equal(pc.utf8_lower(text), "true") if pc.all(words).as_py() else None


def _dates(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if not pc.all(pc.match_substring_regex(text, r"^\d{4}-\d{2}-\d{2}")).as_py():
        return None
    return next((d for unit in ("s", "us", "ns") if (d := _cast(text, pa.timestamp(unit))) is not None), None)
