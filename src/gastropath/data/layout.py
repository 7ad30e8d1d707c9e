"""Which of the folders below a source are classes, which are patients or slides, and which are parts of a division.

Nothing is guessed silently: what can be read in two ways is refused, with what to type for either.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gastropath.data.folder_names import are_sets, have_numbers, is_tissue, names_tissue, part_named
from gastropath.data.folders import Folder, walk
from gastropath.errors import NoTilesFound
from gastropath.formats import FORMAT_NAMES

_DEPTH = 6
_NAMED = 30


@dataclass(frozen=True)
class ClassFolder:
    """A folder of tiles of one class.

    Attributes
    ----------
    folder
        Where they lie, at or below it.
    part
        Part of the published division that it lies in; empty where there is none.
    group
        Patient or slide whose folder it lies in; empty where the folders of patients are below it, or there are none.
    """

    folder: Folder
    part: str = ""
    group: str = ""

    @property
    def label(self) -> str:
        """Code of the class."""
        return self.folder.name


@dataclass(frozen=True)
class Layout:
    """How a source is laid out.

    Attributes
    ----------
    root
        Folder that holds the folders of classes, or those of parts or patients.
    classes
        Folders of classes that hold pictures.
    left_out
        Pictures and folders beside them, counted by code and detail.
    """

    root: Path
    classes: tuple[ClassFolder, ...]
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)


def layout_of(source: Path, classes: Sequence[str] = ()) -> Layout:
    """Find the folders of classes at or below a folder.

    Parameters
    ----------
    source
        The folder.
    classes
        Names of classes, where they are known: they tell which level of folders holds the classes.

    Raises
    ------
    NoTilesFound
        If there are none, if what is there can be read in two ways, or if ``source`` is a file or cannot be opened.
    """
    if source.is_file():
        raise NoTilesFound("is a file among several sources; expected folders only, or a single CSV file", where=source)
    folder = Folder(source)
    if folder.is_closed:
        (_, reason), *_ = folder.left_out
        raise NoTilesFound(f"cannot be opened: {reason}", where=source)
    _refuse_a_class(folder, classes)
    found = _find(folder, frozenset(classes), _DEPTH)
    if found:
        return found
    if folder.has_pictures:
        raise NoTilesFound(
            f"holds images but no sub-folder for each class; expected e.g. {source.name}/TUM/tile.png",
            where=source,
            remedy="if this folder is one class, give the folder above it; if a table lists their classes, give that",
        )
    what = f"no tiles found; expected a sub-folder for each class with {FORMAT_NAMES} files in it"
    raise NoTilesFound(what, where=source)


def _find(folder: Folder, classes: frozenset[str], depth: int) -> Layout | None:
    kids = folder.with_pictures(depth)
    divided = [kid for kid in kids if part_named(kid.name) and kid.name not in classes]
    nested = ((kid, _find(kid, classes, depth - 1)) for kid in divided if kid.with_pictures(depth - 1))
    inside = {kid: found for kid, found in nested if found}
    if inside:
        return _of_parts(folder, kids, inside)
    if divided:
        kids = [kid for kid in kids if kid not in divided]
        if not kids:
            raise _flat_parts(folder, divided)
    if not kids:
        return None
    if any(kid.has_pictures for kid in kids):
        _refuse_two_levels(folder, kids, depth)
        return _of_classes(folder, kids, divided)
    return _of_levels(folder, kids, classes, depth)


def _of_classes(folder: Folder, kids: Sequence[Folder], unlabelled: Iterable[Folder] = ()) -> Layout:
    """Take the folders in a folder for classes; pictures beside them have none."""
    left_out = _beside(folder) + Counter({why: n for why, n in folder.left_out.items() if why[0] == "other_suffix"})
    for other in folder.folders:
        if other not in kids and other not in unlabelled:
            left_out += _left_below(other)
            left_out["empty_class", other.name] += not other.is_closed
    for other in unlabelled:
        left_out += _left_below(other)
    return Layout(folder.path, tuple(map(ClassFolder, kids)), left_out)


def _of_parts(folder: Folder, kids: Sequence[Folder], inside: dict[Folder, Layout]) -> Layout:
    """Join the parts of a published division."""
    left_out = _beside(folder)
    classes: list[ClassFolder] = []
    for kid, found in inside.items():
        classes += [replace(each, part=part_named(kid.name)) for each in found.classes]
        left_out += found.left_out
    labels = {each.label for each in classes}
    for kid in kids:
        if kid in inside:
            continue
        if kid.name in labels:  # classes to train on, with only the test tiles in a folder of their own
            classes.append(ClassFolder(kid, part="train"))
        else:
            left_out += _left_below(kid)
    if len({each.part for each in classes}) == 1:  # one part alone divides nothing
        classes = [replace(each, part="") for each in classes]
        if len(inside) == 1:
            return Layout(next(iter(inside.values())).root, tuple(classes), left_out)
    return Layout(folder.path, tuple(classes), left_out)


def _of_levels(folder: Folder, kids: list[Folder], classes: frozenset[str], depth: int) -> Layout | None:
    """Tell whether the folders in a folder, which hold folders only, are classes or patients, or hold either."""
    outer = {kid.name for kid in kids}
    below = {kid: _unwrapped(kid, depth - 1).with_pictures(depth - 2) for kid in kids}
    inner = {grandkid.name for grandkids in below.values() for grandkid in grandkids}
    if classes & outer:
        return _of_classes(folder, kids)
    if len(kids) == 1 and not (is_tissue(kids[0].name) and have_numbers(inner) and not classes & inner):
        found = _find(kids[0], classes, depth - 1)
        return found and replace(found, left_out=found.left_out + _beside(folder))
    outside, within = _tissues(outer), _tissues(inner)
    if classes & inner and (outside or not within):
        return _of_patients(folder, below)
    extended = all(kid.name.lower() in grandkid.name.lower() for kid in kids for grandkid in below[kid])
    if outside and (not within or extended or (any(map(is_tissue, outer)) and not any(map(is_tissue, inner)))):
        return _of_classes(folder, kids)
    if within and not outside:
        if have_numbers(outer) and not are_sets(outer):
            return _of_patients(folder, below)
        raise _several(folder, kids)
    if not outside and not within:
        if len(inner) == 1 or (have_numbers(inner) and not have_numbers(outer)):
            return _of_classes(folder, kids)
        if have_numbers(outer) and not any(map(str.isdecimal, inner)) and not have_numbers(inner):
            return _of_patients(folder, below)
    raise NoTilesFound(
        f"can be read in two ways: classes {_few(outer)} with folders of patients or slides in them, or classes "
        f"{_few(inner)} in folders of patients or slides",
        where=folder.path,
        remedy=f"name the classes: `classes` {_typed(outer)}, or `classes` {_typed(inner)}",
    )


def _of_patients(folder: Folder, below: dict[Folder, list[Folder]]) -> Layout:
    """Take the folders in a folder for patients or slides, and those in them for classes."""
    classes = [ClassFolder(kid, group=patient.name) for patient, kids in below.items() for kid in kids]
    left_out = _beside(folder)
    for patient in below:
        left_out += _beside(patient)
    return Layout(folder.path, tuple(classes), left_out)


def _unwrapped(folder: Folder, depth: int) -> Folder:
    """Pass by folders that hold nothing but another, e.g. ``P1/tiles/TUM``."""
    while not folder.has_pictures:
        kids = folder.with_pictures(depth)
        if len(kids) != 1 or kids[0].has_pictures or is_tissue(kids[0].name):
            return folder
        folder = kids[0]
    return folder


def _tissues(names: set[str]) -> bool:
    return any(map(names_tissue, names))


def _beside(folder: Folder) -> Counter[tuple[str, str]]:
    """Count the pictures that lie beside folders of classes, not in one, and what may hold or be some."""
    left_out = Counter({reason: n for reason, n in folder.left_out.items() if reason[0] != "other_suffix"})
    left_out["no_class", folder.name] += len(folder.pictures)
    return +left_out


def _left_below(folder: Folder) -> Counter[tuple[str, str]]:
    """Count all that lies at or below a folder of which no tile is taken."""
    left_out: Counter[tuple[str, str]] = Counter()
    for *_, inner in walk(folder, set(), []):
        left_out += inner.left_out
        left_out["no_class", folder.name] += len(inner.pictures)
    return +left_out


def _refuse_a_class(folder: Folder, classes: Sequence[str]) -> None:
    """Refuse the folder of a class in place of the one above: its patients would be taken for classes."""
    names = {kid.name for kid in folder.with_pictures(_DEPTH)}
    if is_tissue(folder.name) and have_numbers(names) and not _tissues(names) and not names & set(classes):
        raise NoTilesFound(
            f"is named like a class, and holds {_few(names)}, which are named like patients or slides",
            where=folder.path,
            remedy=f"give the folder above it, {_quoted(folder.path.absolute().parent)}; or, if they are classes, name "
            f"them: `classes` {_typed(names)}",
        )


def _refuse_two_levels(folder: Folder, kids: Sequence[Folder], depth: int) -> None:
    names = {kid.name for kid in kids}
    for kid in kids:
        if not kid.has_pictures and (again := names & {below.name for below in kid.with_pictures(depth - 1)}):
            name = min(again)
            raise NoTilesFound(
                f"holds classes at two levels: {name} and {kid.name}/{name}",
                where=folder.path,
                remedy=f"move {kid.name} elsewhere, or give it alone: {_quoted(kid.path)}",
            )


def _flat_parts(folder: Folder, parts: Sequence[Folder]) -> NoTilesFound:
    tables = sorted(folder.path.glob("*.csv"))
    table = f"if {tables[0].name} lists their classes" if tables else "if a table lists their classes"
    return NoTilesFound(
        f"{' and '.join(part.name for part in parts)} hold images but no sub-folder for each class; expected e.g. "
        f"{parts[0].name}/TUM/tile.png",
        where=folder.path,
        remedy=f"{table}, give the table, with the columns path,label",
    )


def _several(folder: Folder, kids: Sequence[Folder]) -> NoTilesFound:
    named = " ".join(_quoted(kid.path) for kid in kids) if len(kids) <= _NAMED else f"{_quoted(folder.path)}/*"
    return NoTilesFound(
        f"holds several folders of classes: {_few({kid.name for kid in kids})}",
        where=folder.path,
        remedy=f"name the ones you mean: {named}",
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _few(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join([*shown, "…"] if len(names) > len(shown) else shown)


def _typed(names: set[str]) -> str:
    return shlex.quote(",".join(sorted(names)[:_NAMED]))
