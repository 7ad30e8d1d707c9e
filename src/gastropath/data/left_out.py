"""What was found where tiles were looked for and is not among them, counted by reason: nothing is lost silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAMED = 6
_IN_FOLDERS = ("no_class",)

LEFT_OUT = {
    "other_suffix": "files that are not images",
    "other_format": "images of a format that is not read; save them as PNG or TIFF",
    "no_class": "images that lie in no folder of a class",
    "hidden": "images whose names hide them",
    "empty_class": "folders without an image beside the classes",
    "closed_folder": "folders that cannot be opened",
    "closed_file": "files that cannot be opened",
    "broken_link": "links that lead nowhere",
    "linked_again": "linked folders that were already read",
    "repeated_row": "rows that repeat a path",
    "other_class": "tiles of classes that were not asked for",
}
"""Why something that was found is not among the tiles: codes, and what each means."""


@dataclass(frozen=True)
class LeftOut:
    """What was found and not taken.

    Attributes
    ----------
    code
        Why, one of :data:`LEFT_OUT`.
    detail
        Suffix of the files, what the system said of a folder, or the class; empty where there is no more to say.
    n
        How many.
    """

    code: str
    detail: str
    n: int

    def __str__(self) -> str:
        return f"{LEFT_OUT[self.code]} ({_placed(self.code, self.detail)})" if self.detail else LEFT_OUT[self.code]


def counted(counter: Counter[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Return the entries of a counter of (code, detail)."""
    return tuple(LeftOut(code, detail, n) for (code, detail), n in counter.items())


def in_words(left_out: Iterable[LeftOut]) -> Iterator[str]:
    """Say what was left out, a line a reason, with the numbers of its most frequent details.

    Examples
    --------
    >>> list(in_words([LeftOut("other_class", "STR", 3), LeftOut("other_class", "MUS", 5)]))
    ['tiles of classes that were not asked for: 8 (5 MUS, 3 STR)']
    """
    by_code: dict[str, Counter[str]] = {}
    for entry in left_out:
        by_code.setdefault(entry.code, Counter())[entry.detail] += entry.n
    for code, details in by_code.items():
        named = [f"{n:,} {_placed(code, detail)}" for detail, n in details.most_common() if detail]
        more = [f"{len(named) - _NAMED:,} more"] if len(named) > _NAMED else []
        listed = f" ({', '.join([*named[:_NAMED], *more])})" if named else ""
        yield f"{LEFT_OUT[code]}: {details.total():,}{listed}"


def _placed(code: str, detail: str) -> str:
    return f"in {detail}" if code in _IN_FOLDERS else detail
