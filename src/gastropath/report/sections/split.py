"""How tiles were divided, in words."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

from gastropath.report.sections.leakage import pairs_in_words
from gastropath.report.wording import count
from gastropath.results.metrics import Metrics, SplitInfo
from gastropath.results.split import SplitDocument
from gastropath.tables import write_rows

_FEW_GROUPS = 5


def method_in_words(split: SplitInfo) -> str:
    """Say how the tiles were divided, and what stays together."""
    if split.kept_together:
        together = "; ".join(_kept_in_words(split.kept_together, split.grouped_by))
    else:
        together = {
            "block": "neighbouring file numbers of a class stay together",
            "group": "groups and duplicates stay together",
            "random": "nothing stays together, so the metrics are optimistic",
            "folders": "the parts in which the tiles were published are kept",
            "file": "a table of which nothing else is known",
        }.get(split.method)
    how = split.method if split.seed is None else f"{split.method}, seed {split.seed}"
    return f"{how}: {together}" if together else how


def left_out_in_words(split: SplitInfo | SplitDocument) -> str:
    """Say how many tiles were left out so that parts lie apart, and why."""
    if not sum(split.purged.values()):
        return "none" if split.method != "file" else "not known"
    near, copies = split.purged.get("gap", 0), split.purged.get("copies", 0)
    return (
        f"{count(near, 'tile')} too close to another part in file number, {count(copies, 'tile')} with a copy in "
        "another part"
    )


def split_rows(metrics: Metrics) -> list[tuple[str, str]]:
    """Return what a table says of the split that the metrics were computed with; nothing where there was none."""
    split = metrics.split
    if split is None:
        return []
    return [
        ("split", method_in_words(split)),
        ("tiles of each part", ", ".join(f"{n:,} {part}" for part, n in split.tiles.items())),
        ("tiles left out by the split", left_out_in_words(split)),
        ("duplicate tiles across parts", f"pairs: {pairs_in_words(metrics.leakage)}"),
    ]


def _kept_in_words(kept: Mapping[str, int], grouped_by: str) -> Iterator[str]:
    """Say what keeps the tiles of a slide together, where something does; what was not found is not claimed."""
    if n := kept.get("groups", 0):
        yield f"{count(n, 'tile')} stay together by group{f', from {grouped_by}' if grouped_by else ''}"
    if n := kept.get("neighbours", 0):
        yield f"{count(n, 'tile')} stay together by neighbouring file numbers of their class"
    if n := kept.get("nothing", 0):
        yield f"nothing keeps {count(n, 'tile')} with others of their slide"


def method_warning(method: str, kept_together: Mapping[str, int] | None = None, *, counted: bool) -> str | None:
    """Say what makes metrics on a split of this method optimistic; ``None`` where nothing does.

    Parameters
    ----------
    kept_together
        Tiles by what keeps them with others of their slide; ``None`` where that is not known.
    counted
        Whether duplicates in different parts were counted.
    """
    if kept_together and (n := kept_together.get("nothing", 0)):
        total = sum(kept_together.values())
        of_whom = "all tiles" if n == total else f"{n:,} of {count(total, 'tile')}"
        numbers = ", and no numbered neighbours stay with them" if method == "block" else ""
        return (
            f"Nothing keeps the tiles of a slide together for {of_whom}: no group is known of them{numbers}. Tiles "
            "of one slide may lie in several parts, so the metrics may be too good. Name the patient or slide of each "
            "tile: a column group in the table of tiles, or a table path,group for gastropath split --groups."
        )
    if method == "random":
        return (
            "The split is random: tiles of one slide lie in several parts, so the metrics are optimistic. Use them "
            "for comparison with published work only."
        )
    if method == "file":
        uncounted = "" if counted else ", and duplicates in different parts were not counted"
        return (
            "The split is a table of which nothing else is known: tiles of one slide may lie in several "
            f"parts{uncounted}."
        )
    return None


def review_in_words(dropped: int, relabelled: int) -> str:
    """Say what a review of the labels changed."""
    return (
        f"{count(dropped, 'tile')} dropped and {relabelled:,} relabelled before training; the test part keeps its "
        "published labels"
    )


def split_in_words(
    split: SplitDocument, *, unnumbered: Sequence[str] = (), ungrouped_parts: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Say how a split was made, and what to think of it, a line a finding.

    Parameters
    ----------
    split
        What ``split.json`` holds.
    unnumbered
        Paths of the tiles with neither a group nor a number in their file names.
    ungrouped_parts
        Parts that hold tiles without a group.
    """
    if split.method == "block" and unnumbered:
        yield (
            f"{count(len(unnumbered), 'tile')} with neither a group nor a number in the name: nothing is known of "
            "their neighbours. Say which patient or slide each is of, in a table with the first line path,group and "
            f"then a line a tile, such as {_line(unnumbered[0])}, and give it with --groups to gastropath split"
        )
    kept = split.kept_together
    if kept:
        yield from _kept_in_words({**kept, "nothing": 0}, split.grouped_by)  # of the rest the warning below speaks
    if split.block and split.gap and (kept is None or kept["neighbours"]):
        yield f"blocks of about {_range(split.block)} neighbouring files, more than {_range(split.gap)} numbers apart"
    if sum(split.purged.values()):
        yield f"left out: {left_out_in_words(split)}"
    if split.identical_pairs_across_parts is not None:
        yield f"pairs of duplicate tiles in different parts: {pairs_in_words(split)}"
    if folds := split.folds:
        none = f"; {count(folds.left_out, 'tile')} in none of them: too close to another fold, or a copy"
        yield f"{count(folds.k, 'fold')}{none if folds.left_out else ''}"
    for part in ("val", "test"):
        groups = split.groups.get(part, 0)
        if 0 < groups < _FEW_GROUPS and part not in ungrouped_parts:
            tiles = count(split.tiles[part], "tile")
            yield f"warning: the {part} part holds {tiles} of only {count(groups, 'group')}"
    warning = method_warning(split.method, kept, counted=split.duplicate_pairs_across_parts is not None)
    if warning:
        yield f"warning: {warning}"


def _line(path: str) -> str:
    """Write the line that is missing in a table of groups, as it must stand there."""
    line = io.StringIO()
    write_rows(line, [path, "PATIENT"], [])
    return line.getvalue().strip()


def _range(numbers: Mapping[str, int]) -> str:
    low, high = min(numbers.values()), max(numbers.values())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
