"""A slide from start to end: mask, grid, answers block by block, and going on where a call was interrupted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gastropath.errors import CannotReadSpacing, CannotResume, OutputExists
from gastropath.inference.classifier import Classifier
from gastropath.outputs import alone, content, write_bytes, write_json, writing
from gastropath.parallel import HERE, Pool
from gastropath.progress import Progress, silent
from gastropath.slides.block import Answered, Block, BlockReader, remote_reader, wanted
from gastropath.slides.grid import TileGrid
from gastropath.slides.identity import WORK, differences, identity
from gastropath.slides.slide import Slide, open_slide
from gastropath.slides.tissue_mask import TissueMask, find_tissue, read_roi


@dataclass(frozen=True)
class SlideSettings:
    """What the user asked for.

    Attributes
    ----------
    mpp
        Micrometres per pixel of level 0; ``None`` where the file tells.
    stride_um
        From one tile to the next; ``None`` for tiles that touch.
    everything
        Classify glass, pen and border too.
    roi
        GeoJSON with the regions wanted; ``None`` for the whole slide.
    features
        Whether features are kept.
    """

    mpp: float | None = None
    stride_um: float | None = None
    everything: bool = False
    roi: Path | None = None
    features: bool = False


class SlideJob:
    """The work on one slide; its answers lie in a folder beside the result until that is complete."""

    def __init__(self, path: Path, out: Path, classifier: Classifier, settings: SlideSettings) -> None:
        """Name the work; nothing is read yet.

        Parameters
        ----------
        path
            The slide.
        out
            Folder that the result will have.
        """
        self.path, self.out, self.settings = path, out, settings
        self.classifier = classifier
        self.work = out.with_name(f"{WORK}{out.name}")

    @cached_property
    def slide(self) -> Slide:
        """The slide, opened; see :func:`gastropath.slides.slide.open_slide` for what can be wrong with it."""
        return open_slide(self.path, self.settings.mpp)

    @cached_property
    def grid(self) -> TileGrid:
        """The tiles."""
        model = self.classifier.card.input
        try:
            return TileGrid.over(self.slide, model.tile_px, model.mpp, self.settings.stride_um)
        except CannotReadSpacing as error:
            raise CannotReadSpacing(f"{self.path}: {error}") from None

    @cached_property
    def mask(self) -> TissueMask:
        """Where there is tissue; see :func:`gastropath.slides.tissue_mask.find_tissue`."""
        return find_tissue(self.slide, self.settings.roi)

    def open(self) -> TissueMask:
        """Open the slide and find its tissue, so that whatever is wrong with it shows before anything is written."""
        _ = self.grid
        return self.mask

    def run(self, pool: Pool = HERE, *, progress: Progress = silent) -> None:
        """Answer all blocks that are not answered yet; killed at any moment, the next call goes on.

        Parameters
        ----------
        pool
            Where tiles are read and answered; the result does not depend on it.

        Raises
        ------
        CannotResume
            If an unfinished call used another model, slide or settings.
        CannotUseCluster
            If the workers cannot do it.
        """
        self.open()  # before several threads ask for it
        self._begin()
        blocks = list(enumerate(self.grid.blocks()))
        waiting = [(place, numbers) for place, numbers in blocks if not self._file(place).is_file()]
        done = len(blocks) - len(waiting)
        everything = self.settings.everything
        judged = (wanted(self.grid, self.mask, place, numbers, everything=everything) for place, numbers in waiting)
        for place, block in pool.each(self._reader(pool), judged):
            write_bytes(self._file(place), block.to_bytes())
            done += 1
            progress(f"reading {self.path.name}", done, len(blocks))

    def blocks(self) -> Iterator[Block]:
        """Yield the answers, block by block in the order of the grid; only one is in memory."""
        for place, numbers in enumerate(self.grid.blocks()):
            yield Block.read(self._file(place), numbers, self.classifier.classes)

    def answered(self) -> Answered:
        """Return the slide with its answers, which are read from disk as they are asked for."""
        return Answered(self.slide, self.grid, self.mask, self.classifier.card, self.blocks)

    def finished(self) -> dict[str, Any] | None:
        """Return ``summary.json`` where the result is there; nothing but that file and the slide's size is looked at.

        Raises
        ------
        OutputExists
            If the folder holds another result, or something else.
        CannotReadSlide
            If there is no such slide.
        """
        if not content(self.out):
            return None
        try:
            document = json.loads((self.out / "summary.json").read_text("utf-8"))
            made = dict(document["job"])
        except (OSError, ValueError, KeyError, TypeError):
            raise OutputExists(
                f"{self.out}: is there already, and is no result of a slide; choose another --out"
            ) from None
        if changed := differences(made, self.fingerprint()):
            raise OutputExists(
                f"{self.out}: is there already, and was made otherwise ({changed}); choose another --out, or add "
                "--overwrite to replace it"
            )
        return document

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second process away from this slide while the block lasts.

        Raises
        ------
        CannotWrite
            If another process is at work on it.
        """
        with writing(self.out):
            self.work.mkdir(parents=True, exist_ok=True)
        try:
            with alone(self.work, "gastropath slide"):
                yield
        finally:
            with suppress(OSError):  # it holds unfinished work, or is gone
                self.work.rmdir()

    def forget(self) -> None:
        """Remove unfinished work; the folder stays, for it is what keeps others away."""
        for entry in self.work.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _begin(self) -> None:
        """Make the folder of the work, or check that an older one is of the same."""
        record = self.work / "job.json"
        asked = self.fingerprint()
        if record.is_file():
            begun = json.loads(record.read_text("utf-8"))
            if changed := differences(begun, asked):
                raise CannotResume(
                    f"{self.out}: an unfinished call used something else ({changed}); give the same again, or "
                    "--overwrite to start anew"
                )
            return
        with writing(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        write_json(record, asked)

    def fingerprint(self) -> dict[str, Any]:
        """Return what the answers depend on, as JSON reads it back: the slide, the model, the settings.

        Raises
        ------
        CannotReadSlide, CannotReadTable
            If the slide, or the file with its regions, is not there.
        """
        roi = self.settings.roi
        return {
            "slide": self._identity,
            "model": self.classifier.card.files.get("model.tflite", ""),
            "settings": {**asdict(self.settings), "roi": read_roi(roi) if roi else None},
        }

    @cached_property
    def _identity(self) -> dict[str, Any]:
        return identity(self.path)

    def _file(self, number: int) -> Path:
        return self.work / f"{number:06}.npz"

    def _reader(self, pool: Pool) -> BlockReader:
        if pool.remote:
            return remote_reader(self.path, self.settings.mpp, self.classifier, self.grid, self.settings.features)
        return BlockReader(lambda: self.slide, lambda: self.classifier, self.grid, self.settings.features)
