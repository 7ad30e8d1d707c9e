"""All outputs of a slide: the one list of them, and one pass of the blocks through their writers."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from gastropath.images import encode_png
from gastropath.results.card import Card
from gastropath.results.summary import MapRecord, SlideSummary
from gastropath.slides.block_store import Block
from gastropath.slides.task import DEFAULTS, SlideSettings, TiledSlide
from gastropath.slides.writers.csv import TilesCsv
from gastropath.slides.writers.geojson import TilesGeojson
from gastropath.slides.writers.h5 import FeaturesH5, StampH5
from gastropath.slides.writers.h5ad import TilesH5ad
from gastropath.slides.writers.overlay import Overlay
from gastropath.slides.writers.totals import Totals

TILES_CSV, TILES_GEOJSON, OVERLAY, TISSUE, SUMMARY, FEATURES, STAMP, ANNDATA = FILES = (
    "tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5", "stamp.h5", "tiles.h5ad",
)  # fmt: skip
"""What the result of a slide holds; the last three, which hold features, only where they were asked for."""

_WITH_FEATURES = {FEATURES: FeaturesH5, STAMP: StampH5, ANNDATA: TilesH5ad}


class SlideOutputs:
    """Writes the outputs of a slide block by block, to a folder or to memory; a context manager that closes its files.

    Attributes
    ----------
    totals
        What was counted so far.
    contents
        The outputs in memory, by name, once :meth:`finish` was called; empty where they went to a folder.
    """

    def __init__(
        self, tiled: TiledSlide, card: Card, folder: Path | None = None, settings: SlideSettings = DEFAULTS
    ) -> None:
        """Open all outputs.

        Parameters
        ----------
        tiled
            The slide.
        card
            Of the model.
        folder
            Is there, and empty; ``None`` to keep the outputs in memory.
        settings
            Say which files with features are to be written; these need a folder, and blocks with features.

        Raises
        ------
        MissingExtra
            If h5py is not installed and a file with features is asked for.
        """
        self._tiled, self._folder = tiled, folder
        self.contents: dict[str, bytes] = {}
        self.totals, self._overlay = Totals(tiled, card), Overlay(tiled, card)
        self._open = ExitStack()
        self._in_memory: dict[str, io.StringIO] = {}
        self._polygons = TilesGeojson(self._text(TILES_GEOJSON), tiled, card, tiled.qupath_names)
        self._writers = [self.totals, self._overlay, TilesCsv(self._text(TILES_CSV), tiled, card), self._polygons]
        wanted = {FEATURES: settings.features, STAMP: settings.stamp, ANNDATA: settings.anndata}
        for name, writer in _WITH_FEATURES.items():
            if wanted[name] and folder is not None:
                written = writer(folder / name, tiled, card)
                self._open.callback(written.close)
                self._writers.append(written)

    def add(self, block: Block) -> None:
        """Give a block to all writers."""
        for writer in self._writers:
            writer.add(block)

    def finish(self, job: MapRecord | None = None) -> SlideSummary:
        """Complete all outputs after the last block, and return what the map adds up to.

        Parameters
        ----------
        job
            What the map depends on; ``None`` for a picture in memory.
        """
        summary = self.totals.summary(job)
        self._polygons.finish()
        self._put(OVERLAY, encode_png(self._overlay.picture(self.totals)))
        self._put(TISSUE, encode_png(self._tiled.mask.picture(self._tiled.slide)))
        self._put(SUMMARY, summary.to_json().encode())
        self.contents |= {name: text.getvalue().encode() for name, text in self._in_memory.items()}
        self.contents = {name: self.contents[name] for name in FILES if name in self.contents}
        self._open.close()
        return summary

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _text(self, name: str) -> TextIO:
        if self._folder is None:
            self._in_memory[name] = io.StringIO(newline="")
            return self._in_memory[name]
        file = (self._folder / name).open("w", encoding="utf-8", errors="surrogateescape", newline="")
        return self._open.enter_context(file)

    def _put(self, name: str, data: bytes) -> None:
        if self._folder is None:
            self.contents[name] = data
        else:
            (self._folder / name).write_bytes(data)
