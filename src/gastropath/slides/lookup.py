"""Tables that say something of slides by their names, such as their case, and of classes by their codes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gastropath.errors import CannotReadTable, did_you_mean
from gastropath.tables import read_table

_SLIDE = "slide"


@dataclass(frozen=True)
class SlideTable:
    """What a table says of slides.

    Attributes
    ----------
    path
        The table.
    cells
        The cell of each slide, by its name as it stands in the table.
    """

    path: Path
    cells: Mapping[str, str]

    @classmethod
    def read(cls, path: Path, column: str) -> SlideTable:
        """Read a CSV table with the columns ``slide`` and ``column``.

        A slide is named by its path (as given, or from the table's folder), its file name, or that without its suffix.

        Raises
        ------
        CannotReadTable
            If it is no such table, or says two different things of one slide.
        """
        cells: dict[str, str] = {}
        for row in read_table(path, (_SLIDE, column))[1]:
            name, cell = row[_SLIDE].strip(), row[column].strip()
            if name and cells.setdefault(name, cell) != cell:
                what = f"says two things of slide {name!r}: {cells[name]!r} and {cell!r}"
                raise CannotReadTable(what, where=path, remedy="keep one of the lines")
        return cls(path, cells)

    def of(self, slide: str | Path) -> str | None:
        """Return what the table says of a slide; ``None`` where it says nothing."""
        return next((self.cells[name] for name in self._names(Path(slide)) if name in self.cells), None)

    def unknown(self, slides: Iterable[str | Path]) -> list[str]:
        """Return the names in the table that are none of these slides."""
        known = {name for slide in slides for name in self._names(Path(slide))}
        return [name for name in self.cells if name not in known]

    def _names(self, slide: Path) -> Iterator[str]:
        absolute = Path(os.path.abspath(slide))
        yield from (str(absolute), str(slide))
        folder = Path(os.path.abspath(self.path.parent))
        if absolute.is_relative_to(folder):
            yield from (str(absolute.relative_to(folder)), absolute.relative_to(folder).as_posix())
        yield from (slide.name, slide.stem)


def read_mpp_table(path: Path) -> SlideTable:
    """Read a table of resolutions, ``slide,mpp``: micrometres per pixel of level 0; an empty cell is none.

    Raises
    ------
    CannotReadTable
        If it is no such table, or a resolution is no number above 0.
    """
    table = SlideTable.read(path, "mpp")
    for name, cell in table.cells.items():
        try:
            is_right = not cell or 0 < float(cell) < float("inf")
        except ValueError:
            is_right = False
        if not is_right:
            raise CannotReadTable(f"says that slide {name!r} has {cell!r} µm per pixel; expected a number", where=path)
    return table


def read_qupath_names(path: Path, codes: Iterable[str]) -> dict[str, str]:
    """Read what classes are called in a QuPath project: a CSV table ``code,name``.

    Parameters
    ----------
    path
        The table.
    codes
        That may stand in it: those of the model's classes, and what abstained tiles are called.

    Raises
    ------
    CannotReadTable
        If it is no such table, has a code that the model does not know or an empty name, or names a class twice.
    """
    known, names = list(codes), {}
    for row in read_table(path, ("code", "name"))[1]:
        code, name = row["code"].strip(), row["name"].strip()
        if code not in known:
            raise CannotReadTable(f"has code {code!r}{did_you_mean(code, known)}", where=path)
        if not name or code in names:
            what = f"has code {code!r} twice" if name else f"gives code {code!r} no name"
            raise CannotReadTable(what, where=path)
        names[code] = name
    return names
