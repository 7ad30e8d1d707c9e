"""Labelled tiles in every form that users have them: folders, tables of places on slides, annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.errors import UnknownSetting
from gastropath.progress import Progress
from gastropath.report.wording import count
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, optional, paths, qupath_names

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier
    from gastropath.results.adaptation import Unit
    from gastropath.results.card import Card
    from gastropath.teach.annotations import Annotations
    from gastropath.teach.examples import Examples, LabelledTiles

_SHOWN_GROUPS = 30
"""Groups of tiles that a card lists one by one, at most."""


@dataclass(frozen=True)
class GivenLabels:
    """What a user gave as labels, in plain arguments.

    Attributes
    ----------
    tiles
        Folders of tiles, as ``gastropath.train`` takes them.
    labels
        Tables of places on slides.
    annotations, slides_of
        GeoJSON files, and the slide that each was drawn on.
    slides
        Folder in which the slides of the tables lie.
    qupath_classes
        What classes are called in QuPath, or the table that says it.
    qupath_origin
        Where coordinates in QuPath begin.
    mpp
        Micrometres per pixel of slides and tiles that do not tell.
    """

    tiles: Paths = ()
    labels: Paths = ()
    annotations: Paths = ()
    slides_of: Paths = ()
    slides: StrPath | None = None
    qupath_classes: StrPath | Mapping[str, str] | None = None
    qupath_origin: Literal["bounds", "level0"] = "bounds"
    mpp: float | None = None

    def __post_init__(self) -> None:
        if not any(map(paths, (self.tiles, self.labels, self.annotations))):
            raise UnknownSetting("nothing to learn from", remedy="give `tiles`, `labels` or `annotations`")
        n, drawn = len(paths(self.annotations)), len(paths(self.slides_of))
        if n != drawn:
            what = f"{count(n, 'file')} of annotations for {count(drawn, 'slide')}"
            raise UnknownSetting(what, parameter="annotations", remedy="name the `slide` of each, in the same order")

    @property
    def on_slides(self) -> bool:
        """Whether any slide has to be read."""
        return bool(paths(self.labels) or paths(self.annotations))

    def opened(self, card: Card, codes: Sequence[str]) -> Iterator[LabelledTiles]:
        """Read all tables, and yield the tiles that labels on slides stand for, a slide at a time."""
        from gastropath.teach.examples import labelled_tiles, named_slide
        from gastropath.teach.labels import read_labels

        tables = [(table, read_labels(table, codes)) for table in paths(self.labels)]
        drawn = self._drawn(codes)

        def each() -> Iterator[LabelledTiles]:
            for table, rows in tables:
                find = partial(named_slide, table=table, folder=optional(self.slides))
                yield from labelled_tiles(rows, card, find, self.mpp)
            for found, slide in drawn:
                yield self._annotated(found, slide, card)

        return each()

    def _drawn(self, codes: Sequence[str]) -> list[tuple[Annotations, Path]]:
        from gastropath.teach.annotations import read_annotations

        names = qupath_names(self.qupath_classes, codes)
        pairs = zip(paths(self.annotations), paths(self.slides_of), strict=True)
        return [(read_annotations(path, codes, names), slide) for path, slide in pairs]

    def _annotated(self, annotations: Annotations, path: Path, card: Card) -> LabelledTiles:
        from gastropath.slides.grid import TileGrid
        from gastropath.slides.source.slide import open_slide
        from gastropath.slides.task import qupath_origin_px
        from gastropath.teach.examples import LabelledTiles

        slide = open_slide(path, self.mpp)
        origin = qupath_origin_px(slide, self.qupath_origin)
        grid = TileGrid.over(slide, card.input.tile_px, card.input.mpp)
        return LabelledTiles.of(slide, card, annotations.labels(path.name, grid, origin))


def examples_of(
    given: GivenLabels, classifier: Classifier, codes: Sequence[str], progress: Callable[[str], Progress]
) -> tuple[Examples, Unit, dict[str, str]]:
    """Describe all labelled tiles by a model's features.

    Parameters
    ----------
    given
        The labels.
    classifier
        The model.
    codes
        Classes that may occur.
    progress
        Gives the progress of a stage by its name.

    Returns
    -------
    examples : Examples
    unit : str
        What was taken for independent: slides, blocks of the only slide, or groups of tiles.
    refused : dict
        Path and reason of each tile that could not be read.
    """
    from gastropath.teach.examples import Examples, from_slides, with_slides_as_units

    parts: list[Examples] = []
    unit: Unit = "block"
    if given.on_slides:
        found = from_slides(given.opened(classifier.card, codes), classifier, progress("slides"))
        if len({slide for part in found for slide in part.slides}) > 1:
            found, unit = [with_slides_as_units(part) for part in found], "slide"
        parts += found
    refused: dict[str, str] = {}
    if paths(given.tiles):
        own, refused = _of_tiles(given, classifier, codes, progress("tiles"))
        parts.append(own)
        unit = "group"
    return Examples.joined(parts), unit, refused


def _of_tiles(
    given: GivenLabels, classifier: Classifier, codes: Sequence[str], progress: Progress
) -> tuple[Examples, dict[str, str]]:
    """Describe tiles of folders; neighbouring file numbers and groups are units, as in training."""
    import numpy as np

    from gastropath.data.audit.audit import with_pixels
    from gastropath.data.index import find_tiles
    from gastropath.data.split.units import kept_together
    from gastropath.teach.examples import Examples
    from gastropath.teach.labels import check_classes

    index = find_tiles(paths(given.tiles), None)
    check_classes(index.labels, codes, index.root)
    index = index.with_mpp(given.mpp) if given.mpp else index
    index = with_pixels(index, cache=cache_folder(None), progress=progress)
    files = [index.root / path for path in index.paths]
    answers = classifier.predict(files, mpp=index.mpp(), features=True, progress=progress)
    assert answers.features is not None
    units, name = kept_together(index), paths(given.tiles)[0].resolve().name
    by_group = len(set(index.groups)) <= _SHOWN_GROUPS
    readable = np.flatnonzero(answers.is_classified)
    whole = Examples(
        answers.features,
        tuple(index.labels),
        tuple(group if by_group and group else name for group in index.groups),
        tuple(f"{name} {unit}" for unit in units),
        ("own",) * len(index),
        tuple(index.pixels),
        (None,) * len(index),
    )
    return whole[readable], answers.refused_of(index.paths)
