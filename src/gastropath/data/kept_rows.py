"""Rows of numbers on disk, found by the pictures they were computed from: features of a network, colour histograms."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from gastropath.outputs import replacing

_ROWS_IN_A_FILE = 1024


class KeptRows:
    """Rows of equal width, found by a hash of the picture that they follow from, and of what was done to it.

    So a tile that moves, is renamed or stands in two data sets is never computed twice. Files appear complete or not at
    all; several processes may share a folder. What is kept stays on disk and is looked up there, so that memory does
    not grow with it.
    """

    def __init__(self, folder: Path, width: int, dtype: DTypeLike = "<f4") -> None:
        """Open a folder of rows with so many numbers."""
        self.folder, self.width = folder, width
        self._row = np.dtype([("key", "V32"), ("features", dtype, (width,))])
        self._tables: list[np.ndarray] = []
        self._place: dict[bytes, tuple[int, int]] = {}
        self._new: list[tuple[bytes, np.ndarray]] = []
        for file in sorted(self.folder.glob("*.npy")):
            try:
                table = np.load(file, allow_pickle=False)  # what is read of it through a map would stay in memory
            except (OSError, ValueError):
                continue  # damaged: its tiles are computed again
            if table.dtype == self._row:
                self._hold(file, table["key"])

    def __contains__(self, key: bytes) -> bool:
        return key in self._place

    def get(self, key: bytes) -> np.ndarray:
        """Return the row of known pixels: shape (width,)."""
        table, row = self._place[key]
        return self._tables[table][row]["features"]

    def add(self, key: bytes, features: np.ndarray) -> None:
        """Keep a row; every thousand or so are written to disk."""
        self._new.append((key, features))
        if len(self._new) >= _ROWS_IN_A_FILE:
            self.write()

    def write(self) -> None:
        """Write what is not yet on disk."""
        if not self._new:
            return
        table = np.zeros(len(self._new), self._row)
        table["key"] = [np.void(key) for key, _ in self._new]
        table["features"] = [features for _, features in self._new]
        name = hashlib.sha256(table["key"].tobytes()).hexdigest()[:24]
        file = self.folder / f"{name}.npy"
        with replacing(file) as partial_file:
            np.save(partial_file, table, allow_pickle=False)
        self._hold(file, table["key"])
        self._new.clear()

    def _hold(self, file: Path, keys: np.ndarray) -> None:
        content = keys.tobytes()
        for row in range(len(keys)):
            self._place[content[32 * row : 32 * row + 32]] = (len(self._tables), row)
        self._tables.append(np.load(file, mmap_mode="r", allow_pickle=False))  # rows stay on disk until they are read
