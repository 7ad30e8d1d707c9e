"""The maps that are shown: each is read, and its slide opened, when somebody looks at it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

from gastropath.bundle.files import open_bundle
from gastropath.errors import BadBundle, CannotReadSlide, GastroPathError
from gastropath.inference.classifier import Classifier
from gastropath.results.card import Card
from gastropath.results.summary import SlideSummary
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.teach.chunks import Chunks
from gastropath.teach.closeups import CloseUps
from gastropath.teach.maps import SlideMap, read_map
from gastropath.teach.originals import Original, find_model, find_slide

_OPEN = 3
"""Maps that are kept open: a plain picture takes as much memory as it has pixels."""


@dataclass(frozen=True)
class OpenedSlide:
    """A slide that could be opened, or why it could not."""

    slide: Slide | None
    told: str = ""
    path: Path | None = None


@dataclass(eq=False)
class Sheet:
    """A map with all that is needed to look at it; may be shared by threads.

    Attributes
    ----------
    folder, summary
        Of the map.
    name
        By which it is chosen: of its folder, and of those above it where that is not enough.
    moved_to
        Where slides may lie now.
    model
        The bundle that is said to have made the map; ``None`` to look for it.
    """

    folder: Path
    summary: SlideSummary
    name: str
    moved_to: Sequence[Path] = ()
    model: Path | None = None
    _lock: RLock = field(default_factory=RLock)
    _made: dict[str, Any] = field(default_factory=dict)

    @property
    def map(self) -> SlideMap:
        """The answers.

        Raises
        ------
        CannotReadTable
            See :func:`gastropath.teach.maps.read_map`.
        """
        return self._once("map", lambda: read_map(self.folder))

    @property
    def bundle(self) -> tuple[Original, Card | None]:
        """Where the model lies that made the map, and its card."""
        return self._once("bundle", self._find_bundle)

    @property
    def opened(self) -> OpenedSlide:
        """The slide."""
        return self._once("opened", self._open_slide)

    @property
    def chunks(self) -> Chunks:
        """Pictures of the slide.

        Raises
        ------
        CannotReadSlide
            If the slide is not there or cannot be read.
        """
        return self._once("chunks", lambda: Chunks(self._slide()))

    @property
    def closeups(self) -> CloseUps:
        """Single tiles of the slide.

        Raises
        ------
        CannotReadSlide, CannotReadSpacing, CannotReadTable
            If the slide or the map is not there or cannot be read.
        """
        return self._once("closeups", lambda: CloseUps(self.map, self._slide()))

    def classifier(self) -> Classifier:
        """Return the model that made the map.

        Raises
        ------
        BadBundle
            If it was not found or cannot be used.
        """
        found = self.bundle[0]
        if found.path is None:
            raise BadBundle(found.told)
        return self._once("classifier", lambda: Classifier.load(found.path))

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        """Make something when it is first asked for; whoever asks meanwhile waits for it."""
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def _find_bundle(self) -> tuple[Original, Card | None]:
        found = find_model(self.folder, self.summary, self.model)
        try:
            return found, open_bundle(found.path).card if found.path else None
        except BadBundle as error:
            return Original(None, str(error)), None

    def _open_slide(self) -> OpenedSlide:
        try:
            found = find_slide(self.folder, self.summary, self.moved_to)
            if found.path is None:
                return OpenedSlide(None, found.told)
            job = self.summary.job
            mpp = job.settings.mpp if job else None
            slide = open_slide(found.path, mpp, check_brightfield=False)  # it was looked through when it was mapped
        except GastroPathError as error:
            return OpenedSlide(None, str(error))
        if slide.size_px != self.summary.size_px:
            return OpenedSlide(None, f"{found.path} has another size than the slide that was mapped")
        return OpenedSlide(slide, path=found.path)

    def _slide(self) -> Slide:
        if self.opened.slide is None:
            raise CannotReadSlide(self.opened.told)
        return self.opened.slide


class Atlas:
    """All maps that are shown, by their number; those that were looked at last are kept open."""

    def __init__(
        self, summaries: Mapping[Path, SlideSummary], moved_to: Iterable[Path] = (), model: Path | None = None
    ) -> None:
        """Put maps in order.

        Parameters
        ----------
        summaries
            Of each map, by its folder.
        moved_to
            Files or folders that may hold the slides now.
        model
            The bundle that made the maps; ``None`` to look for it.
        """
        self._summaries, self._moved_to, self._model = list(summaries.items()), tuple(moved_to), model
        self.names = _names(list(summaries))
        self._open: OrderedDict[int, Sheet] = OrderedDict()
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._summaries)

    def __getitem__(self, number: int) -> Sheet:
        with self._lock:
            if number not in self._open:
                self._open[number] = self._sheet(number)
            self._open.move_to_end(number)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return self._open[number]

    def summary(self, number: int) -> SlideSummary:
        """Return what a map adds up to, without opening it."""
        return self._summaries[number][1]

    def _sheet(self, number: int) -> Sheet:
        folder, summary = self._summaries[number]
        return Sheet(folder, summary, self.names[number], self._moved_to, self._model)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that tell folders apart."""
    parts = [folder.absolute().parts for folder in folders]

    def is_enough(own: tuple[str, ...], n: int) -> bool:
        return n == len(own) or sum(other[-n:] == own[-n:] for other in parts) == 1

    return ["/".join(own[-next(n for n in range(1, len(own) + 1) if is_enough(own, n)) :]) for own in parts]
