"""Near-duplicates that were found before, kept by the pictures among which they were sought."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from gastropath.arrays import read_arrays
from gastropath.data.audit.readings import reader
from gastropath.data.duplicates import candidates, near, registration
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.errors import CannotParse, CannotWrite
from gastropath.outputs import replacing

_FOLDER = "near"
_PAIR = np.dtype(
    [
        ("a", "<i8"),
        ("b", "<i8"),
        ("distance", "<f8"),
        ("orientation", "<i8"),
        ("zoom", "<f8"),
        ("shift", "<f8", (2,)),
        ("overlap", "<f8"),
    ]
)


@dataclass(frozen=True)
class KeptPairs:
    """The near-duplicates among some pictures; they follow from the pictures and their order alone.

    Attributes
    ----------
    file
        Where they are kept; ``None`` where they are not.
    """

    file: Path | None

    @classmethod
    def of(cls, cache: Path | None, pixels: Sequence[str]) -> KeptPairs:
        """Open those among pictures of these hashes, kept in the folder ``cache``."""
        if cache is None:
            return cls(None)
        digest = hashlib.sha256("\n".join([_searcher(), *pixels]).encode())
        return cls(cache / _FOLDER / f"{digest.hexdigest()[:32]}.npz")

    def get(self) -> list[NearPair] | None:
        """Return the pairs; ``None`` where they must be sought."""
        if self.file is None:
            return None
        try:
            table = read_arrays(self.file)["pairs"]
        except (OSError, KeyError, CannotParse):
            return None  # none yet, or damaged
        if table.dtype != _PAIR:
            return None
        rows = (dict(zip(_PAIR.names or (), pair, strict=True)) for pair in table.tolist())
        return [NearPair(**{**row, "shift": tuple(row["shift"])}) for row in rows]

    def keep(self, pairs: Sequence[NearPair]) -> None:
        """Keep what was found."""
        if self.file is None:
            return
        table = np.array([tuple(getattr(pair, name) for name in _PAIR.names or ()) for pair in pairs], _PAIR)
        with suppress(CannotWrite, OSError), replacing(self.file) as partial, partial.open("wb") as file:
            np.savez(file, pairs=table)


@lru_cache(maxsize=1)
def _searcher() -> str:
    """Return what seeks and compares: another version may find other pairs."""
    digest = hashlib.sha256(reader().encode())
    for module in (candidates, near, registration):
        with suppress(OSError, TypeError):  # a package without files is told by its version, which the reader holds
            digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()
