"""What a map was made of: the slide, and the model. Both are known again by their content, wherever they lie now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gastropath.bundle.files import GRAPH, find_bundle, starter
from gastropath.bundle.hub import kept_folder
from gastropath.errors import BadBundle, CannotReadSlide, CannotReadTable
from gastropath.results.summary import SlideSummary
from gastropath.slides.entries import find_slides
from gastropath.slides.table import DONE, PATH, SLIDES_CSV, earlier_rows
from gastropath.slides.task import record_of

_LEVELS_UP, _MOST_BESIDE = 3, 300
_CARDS = ("card.json", "*/card.json", "*/model/card.json")


@dataclass(frozen=True)
class Original:
    """Where something lies that a map was made of.

    Attributes
    ----------
    path
        The file or folder; ``None`` where it was not found.
    told
        Why it was not, in a sentence.
    """

    path: Path | None
    told: str = ""


def find_slide(folder: Path, summary: SlideSummary, moved_to: Iterable[Path] = ()) -> Original:
    """Find the slide that a map shows: in folders that may hold it now, or else where ``slides.csv`` says it was.

    Parameters
    ----------
    folder
        Of the map.
    summary
        Its ``summary.json``.
    moved_to
        Files or folders to look at; a slide that was renamed is found too.
    """
    given = list(moved_to)
    entries = [entry.path for entry in find_slides(given) if entry.error is None] if given else []
    if summary.job is None:  # a picture that was mapped in memory: nothing but its name is known
        named = [path for path in entries if path.name == summary.slide]
        return Original(named[0]) if named else Original(None, f"{summary.slide} was mapped in memory; give --slides")
    differs = ""
    for path in sorted([*entries, *_recorded(folder)], key=lambda path: path.name != summary.slide):
        with suppress(CannotReadSlide, OSError):
            if path.stat().st_size == summary.job.slide.bytes or path.name == summary.slide:
                record = record_of(path)
                if (record.bytes, record.samples) == (summary.job.slide.bytes, summary.job.slide.samples):
                    return Original(path)
                differs = differs or f"{path} is not the slide that was mapped: its content differs"
    return Original(None, differs or f"{summary.slide} is not where it was; give the folder it lies in by --slides")


def find_model(folder: Path, summary: SlideSummary, given: Path | None = None) -> Original:
    """Find the bundle that made a map, by the hash of its graph.

    Parameters
    ----------
    folder
        Of the map.
    summary
        Its ``summary.json``.
    given
        The one that is said to be it. Else the Hub's cache, the starter model, and bundles and runs that lie beside the
        map, up to three folders above it, or in the folder that the user is in, are looked at.
    """
    name = summary.model.name
    if given is not None:
        if summary.model.sha256 in _hashes([find_bundle(given) / "card.json"]):
            return Original(find_bundle(given))
        return Original(None, f"the map was made with another model, {name!r}, than the one that --model names")
    if (kept := kept_folder(summary.model.source)) and summary.model.sha256 in _hashes([kept / "card.json"]):
        return Original(kept)
    above = (folder.absolute() / "x").parents[: _LEVELS_UP + 1]
    for place in (*_starters(), *above, Path.cwd()):
        for pattern in _CARDS:
            for card in islice(_sorted(place.glob(pattern)), _MOST_BESIDE):
                if summary.model.sha256 in _hashes([card]):
                    return Original(card.parent)
    return Original(None, f"the model {name!r} that made the map was not found; give it by --model")


def _recorded(folder: Path) -> Iterator[Path]:
    """Yield the path of a map's slide by the table of slides beside it, where there is one that can be read."""
    with suppress(CannotReadTable):
        for row in earlier_rows(folder.absolute().parent / SLIDES_CSV)[1]:
            path = Path(row.get(PATH) or row["slide"])
            if row["status"] == DONE and row["folder"] == folder.absolute().name and path.is_file():
                yield path


def _starters() -> Sequence[Path]:
    with suppress(BadBundle):
        return (starter(),)
    return ()


def _sorted(found: Iterable[Path]) -> list[Path]:
    with suppress(OSError):  # a folder that may not be looked into
        return sorted(found)
    return []


def _hashes(cards: Iterable[Path]) -> Iterator[str]:
    """Yield the hashes of graphs that cards record; what is no card has none, and nothing is verified yet."""
    for card in cards:
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            yield str(json.loads(card.read_text("utf-8"))["files"][GRAPH])
