"""Values that a person takes for the same: blanks around them, other case, characters that print alike."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gastropath.tissue_classes import TISSUE_CLASSES

_LATIN = str.maketrans(
    "АВСЕНІЈКМОРЅТУХасеіјорѕухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο‐‑‒–—−’‘",
    "ABCEHIJKMOPSTYXaceijopsyxABEZHIKMNOPTYXo------''",
)
"""Cyrillic and Greek letters, dashes and quotes that look like others, and these."""

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
        tiles = f"{self.n:,} tile{'s' * (self.n != 1)}"
        if why == "print alike":
            return f"{tiles} with the {what} {self.other!a} count as {self.value!a}: the two {why}"
        return f"{tiles} with the {what} {self.other!r} count as {self.value!r}: the two {why}"


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


def _usual(character: str) -> str:
    kind, _, plain = unicodedata.decomposition(character).partition(" ")
    return chr(int(plain, 16)) if kind in _OTHER_WIDTHS and " " not in plain else character


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Cc")
