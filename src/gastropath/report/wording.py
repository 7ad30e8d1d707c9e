"""Numbers, nouns and names as sentences and tables write them."""

from __future__ import annotations

from collections.abc import Sequence

from gastropath.results.interval import Interval
from gastropath.tissue_classes import tissue_class


def count(n: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(2, "copy", "copies")
    '2 copies'
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["noise", "text", "glass"])
    'noise, text and glass'
    """
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), *words[-1:]])


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def share(value: float | None) -> str:
    """Write a share in percent; a dash where it is not defined."""
    return "–" if value is None else f"{value:.1%}"


def interval(value: Interval | None) -> str:
    """Write a value with its interval; a dash where there is none."""
    return "–" if value is None else str(value)


def decimals(value: float, *, sign: str = "-") -> str:
    """Write a number with two decimals; ``sign="+"`` puts a plus before those above 0.

    Examples
    --------
    >>> decimals(-1.304), decimals(0.211, sign="+"), decimals(-0.001)
    ('−1.30', '+0.21', '0.00')
    """
    rounded = round(value, 2)
    return f"{rounded:{sign}.2f}".replace("-", "−") if rounded else "0.00"


def named(code: str) -> str:
    """Return code and name of a class: ``"LYM (lymphocytes)"``; the code alone where it has no other name."""
    name = tissue_class(code).name
    return code if name == code else f"{code} ({name})"
