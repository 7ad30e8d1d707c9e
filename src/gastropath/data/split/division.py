"""Dividing tiles into training, validation and test parts so that no test tile resembles what the model saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gastropath.data.audit.audit import Audit
from gastropath.data.duplicates.duplicates import Duplicates
from gastropath.data.split.blocks import default_block, default_gap
from gastropath.data.split.copies import Copies
from gastropath.data.split.published import published_parts
from gastropath.data.split.split import FRACTIONS, PARTS, Split
from gastropath.data.split.strata import counts, deal
from gastropath.data.split.units import KEPT_BY, Method, Units
from gastropath.errors import TooFewTiles, UnknownSetting
from gastropath.report.wording import count

TOLERANCE = 0.05
"""How far a class's share of a part may be from the wanted one after tiles are left out, beyond one whole unit."""

_ATTEMPTS = 20  # deals that are tried before tiles are refused


def make_split(
    audit: Audit,
    method: Method = "block",
    *,
    seed: int = 0,
    folds: int | None = None,
    block: int | None = None,
    gap: int | None = None,
) -> Split:
    """Divide the readable tiles 70 / 15 / 15, each class in the same proportion.

    Neither the order of the index nor the names matter, but for the numbers in them that ``"block"`` looks at: pixels,
    labels and groups decide about a tile's part.

    Parameters
    ----------
    audit
        The tiles and their duplicates.
    method
        ``"block"`` keeps neighbouring file numbers of a class (or, where one is known, a group) together, and leaves
        out what is too close to another part: tiles within the gap, and copies. ``"group"`` keeps tiles of one group,
        and duplicates, together, and leaves nothing out. ``"random"`` keeps nothing together: its test metrics are
        optimistic, and it is offered for comparison with published work. ``"folders"`` keeps the parts the tiles were
        published in; a part that is missing is taken out of train, by block.
    seed
        The same seed and tiles give the same split, byte for byte.
    folds
        Also divide the tiles into this many folds for cross-validation, 2 to 20, by the same method and regardless of
        their part.
    block
        Tiles in a block; by default a twentieth of the class.
    gap
        File numbers of tiles in neighbouring blocks of different parts differ by more than this; by default 16, or a
        quarter of a block where that is less.

    Returns
    -------
    Split
        Without the tiles left out. A class's share of a part is within :data:`TOLERANCE` plus one block of the wanted
        one, or as near to it as whole groups allow.

    Raises
    ------
    TooFewTiles
        If a class cannot be put into all parts (or folds), or leaving tiles out takes its shares too far.
    UnknownSetting
        If ``folds``, ``block`` or ``gap`` is out of its range.
    """
    for name, value, low in (("folds", folds, 2), ("block", block, 1), ("gap", gap, 0)):
        if value is not None and (value < low or (name == "folds" and value > 20)):
            allowed = "2 to 20" if name == "folds" else f"{low} or more"
            raise UnknownSetting(f"{value} is out of range; expected {allowed}", parameter=name)
    readable = np.zeros(len(audit.index), bool)
    readable[audit.readable()] = True
    order = audit.index.in_fixed_order()
    rows = order[readable[order]]
    index = audit.index.take(rows)
    if len(index.classes) < 2:
        only = f"only class {index.classes[0]!r}" if index.classes else "no readable tile"
        raise TooFewTiles(f"{only} found; a classifier needs at least two classes", where=index.root)
    blocks = {code: block or default_block(n) for code, n in index.counts().items()}
    gaps = {code: default_gap(n) if gap is None else gap for code, n in blocks.items()}
    units = Units.of(index, Copies.of(audit.duplicates).take(rows), method, blocks, gaps)
    rng = np.random.default_rng(seed)
    divided = _as_published(units, rng) if method == "folders" else _divide(units, _Sides.parts(), rng)
    blocked = units.neighbours is not None and (divided.by_block or bool(folds))
    numbered = blocked and units.neighbours is not None and bool((units.neighbours.series >= 0).any())
    parts, fold = np.full(len(audit.index), -1, np.int64), np.full(len(audit.index), -1, np.int64)
    parts[rows] = divided.parts
    if folds:
        listed = np.flatnonzero(divided.parts >= 0)
        rng = np.random.default_rng([seed, folds])  # of their own: the parts are the same with and without folds
        fold[rows[listed]] = _divide(units.take(listed), _Sides.folds(folds), rng).parts
    kept = np.flatnonzero(parts >= 0)
    duplicates = audit.duplicates
    identical = Duplicates(duplicates.n, duplicates.identical).pairs_across(parts)
    return Split(
        audit.index.take(kept),
        tuple(PARTS[p] for p in parts[kept]),
        method,
        seed,
        identical_pairs_across_parts=identical,
        near_pairs_across_parts=None if audit.near is None else duplicates.pairs_across(parts) - identical,
        folds=tuple("" if k < 0 else str(k) for k in fold[kept]) if folds else (),
        purged={"gap": divided.near, "copies": divided.copies},
        block=blocks if numbered else None,
        gap=gaps if numbered else None,
        kept_together=None if method == "folders" else _kept_together(units, divided.parts >= 0),
        grouped_by=index.grouped_by if any(index.groups) else "",
    )


def _kept_together(units: Units, listed: np.ndarray) -> dict[str, int] | None:
    """Count what keeps the listed tiles with others of their slides; ``None`` where nothing is meant to."""
    if units.kept_by is None:
        return None
    numbers = np.bincount(units.kept_by[listed], minlength=len(KEPT_BY))
    return {name: int(n) for name, n in zip(KEPT_BY, numbers, strict=True)}


@dataclass(frozen=True)
class _Divided:
    """Part of each tile, -1 where it is left out, and how many are left out: too near to another part, and copies."""

    parts: np.ndarray
    near: int
    copies: int
    by_block: bool = True


@dataclass(frozen=True)
class _Sides:
    """What tiles are divided into: names for a message, wanted shares, and how to leave out what is too close."""

    names: tuple[str, ...]
    fractions: np.ndarray
    leave_out: Callable[[Units, np.ndarray, np.random.Generator], _Divided]

    @property
    def are_parts(self) -> bool:
        return self.leave_out is _leave_out_of_parts

    @classmethod
    def parts(cls) -> _Sides:
        return cls(tuple(f"the {part} part" for part in PARTS), np.array(FRACTIONS), _leave_out_of_parts)

    @classmethod
    def taken(cls, part: int) -> _Sides:
        shares = np.array([FRACTIONS[0], FRACTIONS[part]])
        names = ("the train part", f"the {PARTS[part]} part")
        return cls(names, shares / shares.sum(), _leave_out_of_parts)

    @classmethod
    def folds(cls, k: int) -> _Sides:
        return cls(tuple(f"fold {fold}" for fold in range(k)), np.full(k, 1 / k), _leave_out_of_folds)


def _divide(units: Units, sides: _Sides, rng: np.random.Generator) -> _Divided:
    """Deal the units and leave out what is too close to another side; other deals are tried where that fails."""
    _check_enough(units, sides)
    faults: list[TooFewTiles] = []
    for way in units.ways:
        content = np.zeros((way.max() + 1, len(units.index.classes)), np.int64)
        np.add.at(content, (way, units.labels), 1)
        for attempt in range(_ATTEMPTS):
            part_of, empty = deal(content, sides.fractions, rng, largest_first=attempt % 2 == 0)
            if empty:
                faults.append(_cannot_deal(units, sides, *empty))
                continue
            divided = sides.leave_out(units, part_of[way], rng)
            fault = _fault(units, sides, content.max(axis=0), part_of[way], divided)
            if fault is None:
                return divided
            faults.append(fault)
    raise faults[0].at(units.index.root)


def _as_published(units: Units, rng: np.random.Generator) -> _Divided:
    """Keep the published parts; take one that is missing out of train."""
    parts = published_parts(units.index)
    missing = [part for part in range(len(PARTS)) if not (parts == part).any()]
    if not missing:
        return _Divided(parts, 0, 0, by_block=False)
    rows = np.flatnonzero(parts == PARTS.index("train"))
    divided = _divide(units.take(rows), _Sides.taken(missing[0]), rng)
    parts[rows] = np.where(divided.parts == 1, missing[0], divided.parts)
    return _Divided(parts, divided.near, divided.copies)


def _leave_out_of_parts(units: Units, dealt: np.ndarray, _: np.random.Generator) -> _Divided:
    """Leave out of the training part what is too close to the others, and of val what is too close to test."""
    parts, near = dealt.copy(), 0
    if units.neighbours:
        for part in (PARTS.index("val"), PARTS.index("train")):
            close = (parts == part) & units.neighbours.near_to(parts > part)
            parts[close] = -1
            near += int(close.sum())
    # Where two parts hold equally many copies, test is preferred, then val: a tile is a larger share of a small part.
    return _without_copies(units, parts, near, np.arange(len(PARTS)))


def _leave_out_of_folds(units: Units, dealt: np.ndarray, rng: np.random.Generator) -> _Divided:
    """Leave out the first tiles of a block that follows one of another fold; about copies, chance decides."""
    parts = dealt.copy()
    if units.neighbours:
        parts[units.neighbours.after_another(dealt)] = -1
    groups = int(units.copies.group.max(initial=-1)) + 1 if units.copies else 0
    return _without_copies(units, parts, int((parts < 0).sum()), rng.random((groups, int(dealt.max()) + 1)))


def _without_copies(units: Units, parts: np.ndarray, near: int, preference: np.ndarray) -> _Divided:
    if units.copies is None:
        return _Divided(parts, near, 0)
    redundant = units.copies.redundant(parts, preference)
    return _Divided(np.where(redundant, -1, parts), near, int(redundant.sum()))


def _check_enough(units: Units, sides: _Sides) -> None:
    for code, label in enumerate(units.index.classes):
        own = units.labels == code
        n, n_units, needed = int(own.sum()), len(np.unique(units.ways[0][own])), len(sides.names)
        if n_units >= needed:
            continue
        kind = "block" if units.neighbours else "group"
        tiles = f"{count(n, 'tile')} in {count(n_units, kind)}" if n_units < n else count(n, "tile")
        aim = ("train and another part", "train, val and test")[needed > 2] if sides.are_parts else f"{needed} folds"
        fewer = "" if sides.are_parts else "choose fewer `folds`, "
        smaller = "choose a smaller `block`, " if units.neighbours and n_units < n else ""
        raise TooFewTiles(
            f"class {label!r} has {tiles}; it needs at least {needed} independent {kind}s, one for each of {aim}",
            where=units.index.root,
            remedy=f"add tiles, {fewer}{smaller}or select other `classes`"
            + ("; the method 'random' keeps nothing together, and its metrics are optimistic" if n_units < n else ""),
        )


def _cannot_deal(units: Units, sides: _Sides, part: int, code: int) -> TooFewTiles:
    return TooFewTiles(
        f"class {units.index.classes[code]!r} cannot be put into {sides.names[part]} without emptying another: its "
        "tiles are in too few or too large groups",
        remedy="add groups, or select other `classes`",
    )


def _fault(
    units: Units, sides: _Sides, largest: np.ndarray, dealt: np.ndarray, divided: _Divided
) -> TooFewTiles | None:
    """Return what leaving tiles out has done to a class, as an error; ``None`` where all is well.

    Parameters
    ----------
    largest
        Tiles of the largest unit in each class, ``int64``, shape (classes,).
    dealt
        Part of each tile before any was left out, ``int64``, shape (n,).
    """
    shape = (len(sides.names), len(units.index.classes))
    before, after = counts(dealt, units.labels, shape), counts(divided.parts, units.labels, shape)
    total, wanted = np.maximum(after.sum(axis=0), 1), sides.fractions[:, None]
    allowed = TOLERANCE + np.maximum(largest / total, np.abs(before / before.sum(axis=0) - wanted))
    empty, astray = np.argwhere(after == 0), np.argwhere(np.abs(after / total - wanted) > allowed)
    if not len(empty) and not len(astray):
        return None
    part, code = empty[0] if len(empty) else astray[0]
    share = (
        f"{after[part, code] / total[code]:.0%} of its tiles in {sides.names[part]}, not {sides.fractions[part]:.0%}"
    )
    had, lost = int(before[:, code].sum()), int(before[:, code].sum() - after[:, code].sum())
    return TooFewTiles(
        f"class {units.index.classes[code]!r} would have {f'no tile in {sides.names[part]}' if len(empty) else share}: "
        f"{lost:,} of its {count(had, 'tile')} would be left out, because their file numbers are too close to another "
        "part or because they are copies",
        remedy=f"choose {'' if sides.are_parts else 'fewer `folds`, '}a smaller `gap` or another `block`, or select "
        "other `classes`",
    )
