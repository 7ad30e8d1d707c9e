"""A lesson: slides, labels that are given one by one, and a model that learns from each at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Literal

import numpy as np

from gastropath.errors import GastroPathError, UnknownSetting, did_you_mean
from gastropath.inference.classifier import Classifier
from gastropath.report.wording import count
from gastropath.results.summary import SlideSummary
from gastropath.teach.adapted import base_of
from gastropath.teach.examples import Examples
from gastropath.teach.labels import Source
from gastropath.teach.lesson.checks import drawn
from gastropath.teach.lesson.heads import chances
from gastropath.teach.lesson.journal import JOURNAL, Journal, Step
from gastropath.teach.lesson.kept import GEOJSON, Whereabouts, write_annotations, write_table
from gastropath.teach.lesson.learner import Learner, Lore, Task
from gastropath.teach.lesson.pool import TileFeatures
from gastropath.teach.lesson.record import Place, Record
from gastropath.teach.lesson.running import Work
from gastropath.teach.lesson.sheets import Taught, TaughtAtlas
from gastropath.teach.lesson.suggest import suggest
from gastropath.tissue_classes import tissue_classes

_CHECKS_SEED = 1


@dataclass(frozen=True)
class Taken:
    """What became of some labels.

    Attributes
    ----------
    revision
        Of the labels, which are on the disk.
    changed, kept
        Tiles that have the label now, and those that keep another since they check the model.
    """

    revision: int
    changed: int
    kept: int


@dataclass(eq=False)
class Lesson:
    """Everything that the page changes; may be shared by threads.

    Attributes
    ----------
    folder
        For labels, maps and the sealed model.
    classifier
        The model that is taught.
    codes
        Classes that it shall know.
    by
        Who labels; empty where nobody says.
    now
        Returns date and time.
    atlas
        The maps.
    work
        What goes on beside labelling.
    news
        Grows whenever there is something new for the page.
    problem
        Why the last labels could not be learned or written, in a sentence; empty where they were.
    """

    folder: Path
    classifier: Classifier
    codes: tuple[str, ...]
    by: str
    now: Callable[[], str]
    atlas: TaughtAtlas = field(default_factory=TaughtAtlas)
    work: Work = field(default_factory=Work)
    news: int = 0
    problem: str = ""

    def __post_init__(self) -> None:
        self._lock = RLock()
        self._journal = Journal(self.folder / JOURNAL)
        self.record = Record(self._journal.steps)
        self.revision = len(self._journal.steps)
        self.pools: dict[str, TileFeatures] = {}
        self.taught: dict[str, Taught] = {}
        self._checks: list[Place] = []
        whole = base_of(self.classifier)
        self._slides: dict[str, Whereabouts] = {}
        self._learner = Learner(whole.of(self.codes), whole, self.codes, self._learned)

    @property
    def lore(self) -> Lore:
        """What is learned so far."""
        return self._learner.lore

    def tell(self) -> None:
        """Let the page know that something has changed."""
        with self._lock:
            self.news += 1

    def put(self, **changes: object) -> None:
        """Change what goes on beside labelling, and let the page know."""
        with self._lock:
            self.work = replace(self.work, **changes)  # pyright: ignore[reportArgumentType]
            self.news += 1

    def begin(self, summaries: Mapping[Path, SlideSummary], slides: Sequence[Path]) -> None:
        """Open the maps, and go on where the lesson was left.

        Raises
        ------
        CannotReadTable
            If a map or its features cannot be read, or labels are of maps or classes that there are not.
        """
        pools = {folder.name: TileFeatures.read(folder, self.classifier.graph.n_features) for folder in summaries}
        taught = {
            name: Taught(pool, self.classifier.card, self.codes, lambda: self.lore) for name, pool in pools.items()
        }
        with self._lock:
            self.pools, self.taught = pools, taught
            self._check_record()
            self._checks = list(drawn(pools, _CHECKS_SEED))
            self.atlas.fill(summaries, taught, slides)
            self._changed()

    def label(self, map_number: int, tiles: Sequence[int], label: str, source: Source) -> Taken:
        """Give tiles a label, or take it away; it is on the disk afterwards.

        Parameters
        ----------
        map_number
            In the atlas.
        tiles
            Their numbers in the grid.
        label
            Class code; empty to take labels away.
        source
            How the label came about; ``"check"`` only for the tile that was drawn last.

        Raises
        ------
        UnknownSetting
            If there is no such map, tile or class, or tiles are to check the model, which nobody can choose.
        CannotWrite
            If the label cannot be kept.
        """
        with self._lock:
            name, pool = self.pool(map_number)
            if label and label not in self.codes:
                raise UnknownSetting(f"there is no class {label!r}{did_you_mean(label, list(self.codes))}")
            if unknown := [tile for tile in tiles if tile not in pool.row_of]:
                raise UnknownSetting(f"tile {unknown[0]} of {name} cannot be labelled: the model has no answer for it")
            free = [tile for tile in dict.fromkeys(tiles) if self._may(name, tile, source)]
            if not free:
                what = (
                    "this tile checks the model and keeps its label" if source != "check" else "this tile was not drawn"
                )
                raise UnknownSetting(what)
            self._take(Step("label", name, tuple(free), label, source, self.by, self.now()))
            return Taken(self.revision, len(free), len(set(tiles)) - len(free))

    def turn(self, kind: Literal["undo", "redo"], revision: int) -> Taken:
        """Take the last step back, or do it again.

        Raises
        ------
        UnknownSetting
            If there is none, or another window has labelled since ``revision``.
        CannotWrite
            If that cannot be kept.
        """
        with self._lock:
            if revision != self.revision:
                raise UnknownSetting("another window has labelled meanwhile; look at what it did, then try again")
            self._take(Step(kind, by=self.by, at=self.now()))
            return Taken(self.revision, 0, 0)

    def suggestions(self, map_number: int) -> list[int]:
        """Return numbers of tiles of a map to label next, the most useful one first."""
        with self._lock:
            name, pool = self.pool(map_number)
            known = [pool.row_of[tile] for (where, tile) in self.record.labels if where == name and tile in pool.row_of]
            others = [
                self.pools[where].features[self.pools[where].row_of[tile]]
                for where, tile in self._placed()
                if where != name
            ]
        waiting = np.setdiff1d(np.arange(len(pool.rows)), known)
        labelled = np.concatenate(
            [pool.features[known], np.array(others, np.float16).reshape(-1, pool.features.shape[1])]
        )
        answers = chances(self.lore.head, pool.features[waiting], self.classifier.card.calibration.temperature)
        return pool.numbers[waiting[suggest(pool.features[waiting], answers, labelled)]].tolist()

    def next_check(self) -> Place | None:
        """Return the tile that is to be labelled next without its answer in view; ``None`` where none is left."""
        with self._lock:
            taken = self.record.labels.keys() | self.record.checked
            return next((place for place in self._checks if place not in taken), None)

    def examples(self) -> Task:
        """Return all labels with the features of their tiles: those to learn from, and those to check."""
        with self._lock:
            placed = [(place, self.record.labels[place]) for place in self._placed()]
            revision = self.revision
        rows = [self.pools[name].features[self.pools[name].row_of[tile]] for (name, tile), _ in placed]
        n = len(placed)
        whole = Examples(
            features=np.array(rows, np.float32).reshape(n, self.classifier.graph.n_features),
            labels=tuple(given.label for _, given in placed),
            slides=tuple(name for (name, _), _ in placed),
            units=tuple(f"{name} {self.pools[name].block(tile)}" for (name, tile), _ in placed),
            sources=tuple(given.source for _, given in placed),
            pixels=("",) * n,
            boxes=(None,) * n,
        )
        is_check = np.array([source == "check" for source in whole.sources], bool)
        return Task(revision, whole[~is_check], whole[is_check])

    def keep(self) -> None:
        """Write ``labels.csv``, and annotations for QuPath, as the labels are now.

        Annotations of one slide are ``labels.geojson``, of several ``labels-NAME.geojson`` each: QuPath opens them
        slide by slide.

        Raises
        ------
        CannotWrite
            If the disk is full or refuses.
        """
        with self._lock:
            labels = {place: self.record.labels[place] for place in self._placed()}
        names = [self.atlas[number].folder.name for number in range(len(self.atlas))]
        for number, name in enumerate(names):
            if name not in self._slides:
                self._slides[name] = Whereabouts.of(self.atlas[number], self.folder)
            own = {tile: given for (where, tile), given in labels.items() if where == name}
            file = self.folder / (GEOJSON if len(names) == 1 else f"labels-{name}.geojson")
            if own or file.exists():
                write_annotations(file, own, self.pools[name], self._slides[name], self.colours)
        write_table(self.folder, labels, self.pools, self._slides)

    @property
    def colours(self) -> dict[str, str]:
        """Colour of each class."""
        own = {entry.code: entry.color for entry in self.classifier.card.classes}
        return {tissue.code: own.get(tissue.code, tissue.color) for tissue in tissue_classes(self.codes)}

    def end(self) -> None:
        """Learn nothing more, and leave the labels as files."""
        self._learner.end()
        if self.pools:
            self.keep()

    def pool(self, map_number: int) -> tuple[str, TileFeatures]:
        """Return name and tiles of a map.

        Raises
        ------
        UnknownSetting
            If there is none.
        """
        if not 0 <= map_number < len(self.atlas):
            raise UnknownSetting(f"there is no map {map_number}")
        name = self.atlas[map_number].folder.name
        return name, self.pools[name]

    def _learned(self, problem: Exception | None = None) -> None:
        """Tell what was learned; once nothing more comes for a while, write the labels as files."""
        try:
            if problem is None and self.lore.figures is not None:
                self.keep()
        except GastroPathError as error:
            problem = error
        self.problem = (str(problem) or type(problem).__name__) if problem else ""
        self.tell()

    def _may(self, name: str, tile: int, source: Source) -> bool:
        if source == "check":
            return (name, tile) == self.next_check()
        given = self.record.labels.get((name, tile))
        return given is None or given.source != "check"

    def _take(self, step: Step) -> None:
        self.record.check(step)
        self._journal.append(step)
        self.record.take(step)
        self._changed(self.revision + 1)

    def _changed(self, revision: int | None = None) -> None:
        self.revision = self.revision if revision is None else revision
        self._learner.learn(self.examples())
        self.tell()

    def _placed(self) -> list[Place]:
        """Return the labelled tiles of maps that are there."""
        return [(name, tile) for name, tile in self.record.labels if name in self.pools]

    def _check_record(self) -> None:
        for (name, tile), given in self.record.labels.items():
            if given.label not in self.codes:
                n = sum(other.label == given.label for other in self.record.labels.values())
                what = f"{count(n, 'label')} of class {given.label!r} {'was' if n == 1 else 'were'} given before"
                raise UnknownSetting(what, parameter="classes", remedy="add that class")
            if name in self.pools and tile not in self.pools[name].row_of:
                raise GastroPathError(f"the map {name} has no tile {tile}, which is labelled; was it made anew?")
