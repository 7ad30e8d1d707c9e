"""Maps that ``gastropath slide`` has made, read back as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.errors import CannotReadTable, GastroPathError, NoTilesFound, did_you_mean
from gastropath.results.summary import SlideSummary
from gastropath.slides.grid import TileGrid
from gastropath.slides.writers.outputs import SUMMARY, TILES_CSV
from gastropath.tables import Row, read_table

DECISIONS = ("accepted", "abstained", "refused")
"""What may be decided about a tile; arrays hold the place in this list."""

REFUSED = DECISIONS.index("refused")
NO_LABEL = -1

_PLACE = ("x_px", "y_px", "width_px", "height_px")
_PROBABILITY = "prob_"
_MOST_SUMMARY_BYTES = 4_000_000


@dataclass(frozen=True, eq=False)
class SlideMap:
    """The map of a slide: an answer for each tile of a grid that was classified or refused.

    Attributes
    ----------
    folder
        Where it lies.
    summary
        ``summary.json``.
    classes
        Class codes, in the order of the columns of ``probabilities``.
    grid
        Where the tiles lie. It is as the map records it, and not fit for reading a slide.
    numbers
        Of the tiles in the grid: ``int64``, shape (n,).
    labels
        Place of the most probable class in ``classes``, -1 for a refused tile: ``int64``, shape (n,).
    decisions
        Place in :data:`DECISIONS`: ``uint8``, shape (n,).
    confidence, distances
        ``float32``, shape (n,); NaN where there is none.
    probabilities
        ``float32``, shape (n, classes); NaN for a refused tile.
    reasons
        Why the model abstains or a tile was refused, in a sentence; empty for an accepted tile.
    """

    folder: Path
    summary: SlideSummary
    classes: tuple[str, ...]
    grid: TileGrid
    numbers: np.ndarray
    labels: np.ndarray
    decisions: np.ndarray
    confidence: np.ndarray
    distances: np.ndarray
    probabilities: np.ndarray
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def has_gaps(self) -> bool:
        """Whether tiles do not touch, so that a place between them has no answer."""
        return any(step > side for step, side in zip(self.grid.stride, self.grid.tile, strict=True))


def find_maps(given: Iterable[Path]) -> list[Path]:
    """Find the folders of maps that paths stand for: themselves, and those in and below them, in order of their names.

    Raises
    ------
    NoTilesFound
        If one of them holds no map.
    """
    found: dict[Path, None] = {}
    for path in given:
        inside = [path] if _is_map(path) else _below(path)
        if not inside:
            what = f"holds no map (a folder with {SUMMARY} and {TILES_CSV})" if path.exists() else "no such folder"
            raise NoTilesFound(what, where=path, remedy="give the folder that a map of a slide was written to")
        found |= dict.fromkeys(inside)
    return list(found)


def read_summary(folder: Path) -> SlideSummary:
    """Read ``summary.json`` of a map.

    Raises
    ------
    CannotReadTable
        If it is not there, is far too large, or is not such a document.
    """
    file = folder / SUMMARY
    try:
        if file.stat().st_size > _MOST_SUMMARY_BYTES:
            raise CannotReadTable(f"is larger than {_MOST_SUMMARY_BYTES:,} bytes", where=file)
        return SlideSummary.parse(file.read_bytes(), file)
    except OSError as error:
        raise CannotReadTable(f"cannot be read: {error.strerror or error}", where=file) from None


def read_map(folder: Path) -> SlideMap:
    """Read the map of a slide.

    Raises
    ------
    CannotReadTable
        If a file is not there or not what it should be, or the two do not belong together.
    """
    summary, file = read_summary(folder), folder / TILES_CSV
    columns, rows = read_table(file, (*_PLACE, "predicted_label", "confidence", "decision"))
    classes = tuple(name.removeprefix(_PROBABILITY) for name in columns if name.startswith(_PROBABILITY))
    if set(classes) != set(summary.tiles.accepted):
        raise CannotReadTable(f"has other classes than {SUMMARY} beside it", where=file, remedy="map the slide again")
    reader = _Columns(file, rows)
    decisions = reader.places("decision", DECISIONS)
    labels = reader.places("predicted_label", (*classes, ""))
    labels[labels == len(classes)] = NO_LABEL
    if ((labels == NO_LABEL) != (decisions == REFUSED)).any():
        raise CannotReadTable("has a label for a refused tile, or none for another", where=file)
    grid = TileGrid(
        slide_px=summary.size_px,
        tile=summary.grid.tile_level0_px,
        stride=summary.grid.stride_level0_px,
        tile_px=summary.grid.tile_px,
        level=summary.grid.level,
        downsample=(1.0, 1.0),
    )
    probabilities = [reader.numbers(f"{_PROBABILITY}{code}") for code in classes]
    return SlideMap(
        folder=folder,
        summary=summary,
        classes=classes,
        grid=grid,
        numbers=_numbers(grid, np.stack([reader.numbers(name) for name in _PLACE], axis=1), file, rows),
        labels=labels,
        decisions=decisions.astype(np.uint8),
        confidence=reader.numbers("confidence").astype(np.float32),
        distances=reader.numbers("distance").astype(np.float32),
        probabilities=np.stack(probabilities, axis=1).astype(np.float32),
        reasons=tuple(row.get("detail") or row.get("reason", "") for row in rows),
    )


class _Columns:
    """Turns the columns of a table into arrays, and says which cell cannot be one."""

    def __init__(self, file: Path, rows: Sequence[dict[str, str]]) -> None:
        self._file, self._rows = file, rows

    def numbers(self, column: str) -> np.ndarray:
        """Return a column as ``float64``; NaN where a cell is empty, and where there is no such column."""
        try:
            return np.array([float(row.get(column) or "nan") for row in self._rows], np.float64)
        except ValueError as error:
            raise CannotReadTable(f"column {column}: {error}", where=self._file) from None

    def places(self, column: str, known: Sequence[str]) -> np.ndarray:
        """Return for each cell its place in a list: ``int64``."""
        place = {word: number for number, word in enumerate(known)}
        try:
            return np.array([place[row[column]] for row in self._rows], np.int64)
        except KeyError as error:
            what = f"column {column} holds {error.args[0]!r}{did_you_mean(error.args[0], filter(None, known))}"
            raise CannotReadTable(what, where=self._file) from None


def _numbers(grid: TileGrid, rectangles: np.ndarray, file: Path, read: Sequence[Row]) -> np.ndarray:
    """Return which tiles of the grid rectangles are.

    Raises
    ------
    CannotReadTable
        If one of them is none.
    """
    columns, rows = grid.shape
    with np.errstate(invalid="ignore"):
        places = np.rint(rectangles[:, :2] / np.array(grid.stride))
        inside = np.all((places >= 0) & (places < (columns, rows)), axis=1)
    numbers = np.where(inside[:, None], places, 0).astype(np.int64) @ np.array([1, columns])
    fits = inside & np.all(grid.rectangles(numbers) == rectangles, axis=1)
    if not fits.all():
        what = f"has a tile that is none of the grid in {SUMMARY} beside it"
        raise CannotReadTable(what, where=read[int(np.argmin(fits))].place(file), remedy="map the slide again")
    if len(np.unique(numbers)) < len(numbers):
        raise CannotReadTable("has a tile twice", where=file, remedy="map the slide again")
    return numbers


def _is_map(folder: Path) -> bool:
    return (folder / SUMMARY).is_file() and (folder / TILES_CSV).is_file()


def _below(folder: Path) -> list[Path]:
    """Return the maps below a folder; hidden folders, such as those of unfinished maps, are passed over."""
    found = []
    for place, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if _is_map(Path(place)):
            found.append(Path(place))
            folders.clear()
    return found


def readable_maps(folders: Iterable[Path]) -> tuple[dict[Path, SlideSummary], dict[Path, GastroPathError]]:
    """Read the summaries of maps; return those that can be read, and why others cannot."""
    read: dict[Path, SlideSummary] = {}
    failed: dict[Path, GastroPathError] = {}
    for folder in folders:
        try:
            read[folder] = read_summary(folder)
        except GastroPathError as error:
            failed[folder] = error
    return read, failed
