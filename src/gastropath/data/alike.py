"""Values that a person takes for the same: blanks around them, other case, characters that print alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from gastropath.report.wording import count
from gastropath.tissue_classes import TISSUE_CLASSES

_LATIN = str.maketrans(
    "АВСЕНІЈКМОРЅТУХасеіјорѕухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο‐‑‒–—−’‘",
    "ABCEHIJKMOPSTYXaceijopsyxABEZHIKMNOPTYXo------''",
)
"""Cyrillic and Greek letters, dashes and quotes that look like others, and these."""

_LONG_WORD = 5
_MOST_NAMES = 200
_OTHER_WIDTHS = ("<wide>", "<narrow>", "<noBreak>")


def cleaned(text: str) -> str:
    """Return a label or group without what nobody sees: outer blanks, marks without width, decomposed letters.

    Examples
    --------
    >>> cleaned(" TUM\\u200b")
    'TUM'
    """
    text = unicodedata.normalize("NFC", text)
    first, last = 0, len(text)
    while first < last and _is_blank(text[first]):
        first += 1
    while last > first and _is_blank(text[last - 1]):
        last -= 1
    return text[first:last]


def skeleton(text: str) -> str:
    """Return what is the same for all values that print alike or differ in case only.

    Examples
    --------
    >>> skeleton("Tum") == skeleton("TUM"), skeleton("P1") == skeleton("P01")
    (True, False)
    """
    kept = "".join(_usual(c) for c in cleaned(text) if unicodedata.category(c) != "Cf")
    return " ".join(kept.translate(_LATIN).casefold().split())


@dataclass(frozen=True)
class Joined:
    """Spellings that were taken for one value.

    Attributes
    ----------
    value
        What they are taken for.
    other
        How some were spelled.
    n
        How many tiles.
    """

    value: str
    other: str
    n: int

    def sentence(self, what: str) -> str:
        """Say it, e.g. of a ``"label"``."""
        why = "differ in case only" if self.value.casefold() == self.other.casefold() else "print alike"
        tiles = f"{count(self.n, 'tile')} with the {what}"
        verb = "counts" if self.n == 1 else "count"
        if why == "print alike":
            return f"{tiles} {self.other!a} {verb} as {self.value!a}: the two {why}"
        return f"{tiles} {self.other!r} {verb} as {self.value!r}: the two {why}"


def joined(values: Sequence[str], known: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[Joined, ...]]:
    """Give values that print alike, or differ in case only, one spelling.

    Parameters
    ----------
    values
        Cleaned labels or groups; empty ones stay empty.
    known
        Spellings to prefer, e.g. the classes of a model. Else the eight tissue classes are preferred, then the most
        frequent spelling. Two known ones stay apart.

    Returns
    -------
    values : tuple of str
        In one spelling.
    joined : tuple of Joined
        Which others there were.
    """
    counted = Counter(values)
    spellings: dict[str, list[str]] = defaultdict(list)
    for value in dict.fromkeys([*known, *counted]):
        spellings[skeleton(value)].append(value)
    codes = {tissue.code for tissue in TISSUE_CLASSES}
    becomes: dict[str, str] = {}
    for alike in spellings.values():
        wanted = min(alike, key=lambda value: (value not in known, value not in codes, -counted[value], value))
        becomes |= {value: wanted for value in alike if value != wanted and value not in known}
    becomes.pop("", None)
    told = (Joined(wanted, value, counted[value]) for value, wanted in becomes.items() if value in counted)
    return tuple(becomes.get(value, value) for value in values), tuple(told)


def similar(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of names of classes that may be one, spelled in two ways.

    They differ in the marks between their words, or in one of their longer words, by a letter more within or at its end
    or by two neighbours exchanged. Codes such as ``MUC`` and ``MUS``, and what numbers or a first letter tell apart,
    are no such pairs.

    Examples
    --------
    >>> similar(["TUM", "Tumour", "tumor", "typical", "atypical"])
    [('Tumour', 'tumor')]
    """
    if len(names) > _MOST_NAMES:  # no classes; each would be compared with each
        return []
    words = {name: re.findall(r"\d+|[^\W\d_]+", skeleton(name)) for name in names}
    return [(a, b) for a, b in combinations(words, 2) if _may_be_one(words[a], words[b])]


def _may_be_one(one: Sequence[str], other: Sequence[str]) -> bool:
    if len(one) != len(other):
        return "".join(one) == "".join(other)
    differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    return not differing or (len(differing) == 1 and _slip(*sorted(differing[0], key=len)))


def _slip(short: str, long: str) -> bool:
    if len(short) < _LONG_WORD or short.isdigit() or long.isdigit():
        return False
    if len(long) == len(short) + 1:
        return any(long[:i] + long[i + 1 :] == short for i in range(1, len(long)))
    exchanged = (long[:i] + long[i + 1] + long[i] + long[i + 2 :] for i in range(len(long) - 1))
    return len(long) == len(short) and short in exchanged


def _usual(character: str) -> str:
    kind, _, plain = unicodedata.decomposition(character).partition(" ")
    return chr(int(plain, 16)) if kind in _OTHER_WIDTHS and " " not in plain else character


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Cc")
