"""Labels and groups in one spelling, and the groups that the names of files tell where nobody else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gastropath.data.alike import Joined, cleaned, joined, similar
from gastropath.data.columns import counted_groups
from gastropath.data.listing import Listing
from gastropath.data.names import named_groups
from gastropath.report.wording import count

TAKEN_FROM = "groups (patients or slides) are taken from"
FOLDERS, FILE_NAMES = "sub-folders", "file names"


def spelled(listing: Listing) -> Listing:
    """Bring labels and groups to one spelling, and say which tiles had another.

    Where no tile has a group, the slide or patient in the names of files becomes the group of those classes whose names
    all have one; see :data:`gastropath.data.names.PATTERNS`.
    """
    labels, of_labels = joined([cleaned(label) for label in listing.labels])
    groups, of_groups = joined([cleaned(group) for group in listing.groups])
    source = listing.grouped_by or (FOLDERS if any(groups) else "")
    notes = [*listing.notes, *told("label", of_labels), *_one_class(labels), *told("group", of_groups)]
    if not any(groups):
        found = named_groups(listing.paths, labels)
        groups, _ = joined(found.groups)
        if any(groups):
            source = f"{FILE_NAMES} ({', '.join(found.patterns)})"
            notes.append(f"{TAKEN_FROM} the {source}: {counted_groups(groups)}")
        notes += found.notes
    return replace(listing, labels=labels, groups=groups, grouped_by=source, notes=tuple(notes))


def told(what: str, found: Sequence[Joined]) -> Iterator[str]:
    """Yield what is said of spellings of a ``"label"`` or ``"group"`` that were joined."""
    return (f"warning: {entry.sentence(what)}" for entry in found)


def _one_class(labels: Sequence[str]) -> Iterator[str]:
    counts = Counter(labels)
    for a, b in similar(sorted(counts)):
        yield (
            f"warning: the classes {a!r} ({count(counts[a], 'tile')}) and {b!r} ({count(counts[b], 'tile')}) may be "
            "one, spelled in two ways: if they are, give both the same name"
        )
