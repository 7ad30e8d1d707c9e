"""``features.h5`` and ``stamp.h5``: what the network sees in each classified tile, for other software.

TRIDENT and CLAM read features and places in pixels of level 0, STAMP reads places in micrometres from a dataset of the
same name: no file can be right for all of them. So there is one of each kind, and STAMP refuses ``features.h5``. Names
and meanings are those that their loading code asks for: TRIDENT a91fa84 (``trident/IO.py``, ``wsi_objects/WSI.py``),
CLAM 53e2409 (``dataset_modules``, ``wsi_core/wsi_utils.py``), STAMP c54ce06 (``modeling/data.py``,
``encoding/encoder/__init__.py``).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import MissingExtra
from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide

_CHUNK_BYTES = 2**16
_NO_MICROMETRES = 0
"""STAMP's ``tile_size`` of a file that is not in micrometres: else it would take tiles of 224 pixels for 256 µm."""


class Rows:
    """An HDF5 file of datasets that grow row by row.

    Attributes
    ----------
    file
        An ``h5py.File``, open for writing.
    """

    def __init__(self, path: Path, option: str) -> None:
        """Open the file.

        Parameters
        ----------
        path
            The file, written anew.
        option
            What was asked for, for the message.

        Raises
        ------
        MissingExtra
            If h5py is not installed.
        """
        try:
            import h5py
        except ImportError:
            raise MissingExtra(f"writing `{option}`", "slides", "h5py") from None
        self.file: Any = h5py.File(path, "w", track_order=False)

    def add(self, name: str, values: np.ndarray, dtype: Any) -> None:
        """Append rows to a dataset, which the first call makes.

        Parameters
        ----------
        name
            Of the dataset, with the groups it lies in.
        values
            Any shape (n, ...).
        dtype
            Of the dataset.
        """
        self.require(name, values.shape[1:], dtype)
        dataset: Any = self.file[name]
        n = len(dataset)
        dataset.resize(n + len(values), axis=0)
        dataset[n:] = values

    def require(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Make a dataset without rows, each of a shape, unless it is there."""
        if name not in self.file:
            size = math.prod(shape) * np.dtype(dtype).itemsize
            chunks = (max(1, _CHUNK_BYTES // size), *shape) if size else None  # nothing cannot be cut into chunks
            maxshape = (None, *shape) if chunks else None
            self.file.create_dataset(name, (0, *shape), dtype, maxshape=maxshape, chunks=chunks)

    def close(self) -> None:
        """Complete the file."""
        self.file.close()


class FeaturesH5:
    """Writes ``features.h5`` as TRIDENT and CLAM read it: ``features`` (n, f), ``coords`` (n, 2) in pixels of level 0.

    Attributes of ``coords`` say how large tiles are and where: both readers take ``patch_size`` pixels of
    ``patch_level``, here always level 0, at the target magnification, here always that of level 0. What the model saw
    of it is ``tile_px`` pixels of ``tile_mpp`` µm.
    """

    def __init__(self, path: Path, tiled: TiledSlide, card: Card) -> None:
        """Open the file.

        Raises
        ------
        MissingExtra
            If h5py is not installed.
        """
        self._rows = Rows(path, "features")
        self._grid, self._card, self._slide = tiled.grid, card, tiled.slide

    def add(self, block: Block) -> None:
        """Write the features of a block."""
        rows = np.flatnonzero(block.predictions.is_classified)
        if len(rows):
            self._rows.add("features", block.predictions.kept("features")[rows], "f4")
            self._rows.add("coords", self._grid.rectangles(block.numbers[rows])[:, :2], "i8")

    def close(self) -> None:
        """Complete the file."""
        file, slide, grid, card = self._rows.file, self._slide, self._grid, self._card
        self._rows.require("features", (0,), "f4")
        self._rows.require("coords", (2,), "i8")
        tile_px, stride_px = round(sum(grid.tile) / 2), round(sum(grid.stride) / 2)
        magnification = 20 / (slide.spacing.x + slide.spacing.y)  # 10x has 1 µm a pixel: TRIDENT reckons so
        file.attrs.update({
            "tile_px_level0": grid.tile, "model": card.files.get("model.tflite", ""), "model_source": card.source,
            "unit": "px", "tile_size": _NO_MICROMETRES,
        })  # fmt: skip
        file["features"].attrs.update({
            "name": slide.path.stem, "encoder": card.name, "encoder_sha256": card.files.get("model.tflite", ""),
        })  # fmt: skip
        file["coords"].attrs.update({
            "name": slide.path.stem, "unit": "px of level 0",
            "patch_size": tile_px, "patch_level": 0, "patch_size_level0": tile_px, "overlap": tile_px - stride_px,
            "level0_magnification": magnification, "target_magnification": magnification, "custom_downsample": 1,
            "level0_width": slide.size_px[0], "level0_height": slide.size_px[1], "level_dim": slide.size_px,
            "downsample": (1.0, 1.0), "mpp": (slide.spacing.x, slide.spacing.y),
            "tile_px": card.input.tile_px, "tile_mpp": card.input.mpp, "stride_px_level0": grid.stride,
        })  # fmt: skip
        self._rows.close()


class StampH5:
    """Writes ``stamp.h5`` as STAMP reads it: ``feats`` (n, f), ``coords`` (n, 2) in micrometres.

    Places are not rounded: STAMP takes the smallest step between two of them for the stride.
    """

    def __init__(self, path: Path, tiled: TiledSlide, card: Card) -> None:
        """Open the file.

        Raises
        ------
        MissingExtra
            If h5py is not installed.
        """
        self._rows = Rows(path, "stamp")
        self._grid, self._card = tiled.grid, card
        self._spacing = np.array([tiled.slide.spacing.x, tiled.slide.spacing.y])

    def add(self, block: Block) -> None:
        """Write the features of a block."""
        rows = np.flatnonzero(block.predictions.is_classified)
        if len(rows):
            self._rows.add("feats", block.predictions.kept("features")[rows], "f4")
            self._rows.add("coords", self._grid.corners(block.numbers[rows]) * self._spacing, "f4")

    def close(self) -> None:
        """Complete the file."""
        file, card = self._rows.file, self._card
        self._rows.require("feats", (0,), "f4")
        self._rows.require("coords", (2,), "f4")
        file.attrs.update({
            "unit": "um", "tile_size_um": card.input.tile_px * card.input.mpp, "tile_size_px": card.input.tile_px,
            "feat_type": "tile", "extractor": f"{card.name}-{card.files.get('model.tflite', '')[:8]}",
        })  # fmt: skip
        self._rows.close()
