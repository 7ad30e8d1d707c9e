"""``duplicates.csv``: a row for two tiles that show the same picture, label conflicts first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

from gastropath.data.duplicates.duplicates import Duplicates, NearPair
from gastropath.tables import write_table

PAIR_COLUMNS = ("path_a", "path_b", "kind", "distance", "label_a", "label_b")
MORE_COLUMNS = ("conflict", "duplicate_group", "turn", "zoom", "shift_right", "shift_down", "overlap")

TURNS = (
    "none",
    "mirrored left-right",
    "mirrored top-bottom",
    "turned by 180 degrees",
    "mirrored on the diagonal",
    "turned left by 90 degrees",
    "turned right by 90 degrees",
    "mirrored on the other diagonal",
)
"""What brings the second tile onto the first, by :attr:`NearPair.orientation`."""

ALL_PAIRS_UP_TO = 10
"""Up to so many equal tiles are all paired with each other; of more, each is paired with the first."""

Row = tuple[int, int, NearPair | None]


def pairs_of(duplicates: Duplicates) -> Iterator[Row]:
    """Yield two rows and how they match (``None``: identical) for each pair.

    In a group of more than ten identical tiles, each is paired with the first only: a thousand equal tiles give a
    thousand rows, not half a million.
    """
    members = {group[0]: group for group in duplicates.identical}
    for group in duplicates.identical:
        together = combinations(group, 2) if len(group) <= ALL_PAIRS_UP_TO else ((group[0], b) for b in group[1:])
        yield from ((a, b, None) for a, b in together)
    for pair in duplicates.near:
        first, second = members.get(pair.a, (pair.a,)), members.get(pair.b, (pair.b,))
        if len(first) * len(second) > ALL_PAIRS_UP_TO**2:
            first, second = first[:1], second[:1]
        yield from ((a, b, pair) for a, b in product(first, second))


def write_pairs(path: Path, paths: Sequence[str], labels: Sequence[str], duplicates: Duplicates) -> None:
    """Write the duplicates among tiles with these paths and labels."""
    write_rows(path, paths, labels, duplicates, pairs_of(duplicates))


def write_rows(
    path: Path, paths: Sequence[str], labels: Sequence[str], duplicates: Duplicates, pairs: Iterable[Row]
) -> None:
    """Write some of the pairs, label conflicts first, then identical before near, then the closest first."""
    number = {row: i for i, group in enumerate(duplicates.groups, start=1) for row in group}
    order = sorted(
        pairs, key=lambda p: (labels[p[0]] == labels[p[1]], p[2] is not None, p[2].distance if p[2] else 0.0, *p[:2])
    )
    write_table(
        path,
        (*PAIR_COLUMNS, *MORE_COLUMNS),
        (
            {
                "path_a": paths[a],
                "path_b": paths[b],
                "kind": "near" if near else "identical",
                "distance": f"{near.distance:.4f}" if near else "0.0000",
                "label_a": labels[a],
                "label_b": labels[b],
                "conflict": "yes" if labels[a] != labels[b] else "",
                "duplicate_group": number[a],
                "turn": TURNS[near.orientation] if near else TURNS[0],
                "zoom": f"{near.zoom:.3f}" if near else "1.000",
                "shift_right": f"{near.shift[0]:z.3f}" if near else "0.000",
                "shift_down": f"{near.shift[1]:z.3f}" if near else "0.000",
                "overlap": f"{near.overlap:.3f}" if near else "1.000",
            }
            for a, b, near in order
        ),
    )
