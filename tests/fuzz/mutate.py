"""One file, damaged in one of the ways in which files come damaged, or made hostile."""

import re

import numpy as np

_NUMBERS = [b"-1", b"0", b"99999999999999999999", b"1e999", b"nan", b"NaN", b"2147483648", b"4294967296", b"''", b"-0"]
_TOKENS = [b"{", b"}", b"[", b"]", b'"', b"'", b",", b"\n", b"\0", b"<", b">", b"&", b"%", b"\xff\xfe", b"#", b"null"]
_DEEP = 50_000


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file: flipped bits, cut off, pieces lost, doubled, moved or of zeros, other numbers, tokens, nesting."""
    ways = [_flip, _flip_many, _cut, _lose, _double, _zero, _swap, _number, _token, _nested, _empty, _header]
    odds = np.array([6, 3, 2, 2, 1, 2, 2, 6, 3, 0.3, 0.3, 4])
    result = content
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        way = ways[int(rng.choice(len(ways), p=odds / odds.sum()))]
        result = way(result, rng) if result else result
    return result


def _flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _flip_many(content: bytes, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(2, 20))):
        content = _flip(content, rng)
    return content


def _header(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage the first bytes, where most formats say how they are to be read."""
    size = min(len(content), int(rng.choice([16, 64, 400, 2880])))
    return _flip(content[:size], rng) + content[size:]


def _span(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(content)))
    return start, min(len(content), start + int(rng.integers(1, max(2, len(content) // 4))))


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _lose(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _double(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:end] + content[start:end] + content[end:]


def _zero(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + bytes(end - start) + content[end:]


def _swap(content: bytes, rng: np.random.Generator) -> bytes:
    (a, b), (c, _) = _span(content, rng), _span(content, rng)
    return content[:c] + content[a:b] + content[c + b - a :]


def _number(content: bytes, rng: np.random.Generator) -> bytes:
    """Write another number in place of one that stands there as text."""
    found = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", content[:200_000])]
    if not found:
        return _flip(content, rng)
    start, end = found[int(rng.integers(len(found)))]
    return content[:start] + _NUMBERS[int(rng.integers(len(_NUMBERS)))] + content[end:]


def _token(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + _TOKENS[int(rng.integers(len(_TOKENS)))] + content[at + int(rng.integers(2)) :]


def _nested(content: bytes, rng: np.random.Generator) -> bytes:
    """Put brackets in brackets in brackets at a place where a value begins."""
    places = [match.end() for match in re.finditer(rb"[:=,>]\s*", content[:200_000])] or [0]
    at = places[int(rng.integers(len(places)))]
    return content[:at] + b"[" * _DEEP + b"]" * _DEEP + content[at:]


def _empty(_: bytes, rng: np.random.Generator) -> bytes:
    return b"" if rng.random() < 0.5 else bytes(rng.integers(0, 256, 500, dtype=np.uint8))
