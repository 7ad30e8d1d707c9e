"""Files of arrays (``.npz``) from elsewhere: what they say of their size is checked before anything is unpacked."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from gastropath.errors import CannotParse, in_words

MOST_BYTES = 1_000_000_000
"""Bytes of all arrays together, unpacked."""


def read_arrays(source: Path | bytes, most_bytes: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Read the arrays of a file, or of the content of one; nothing pickled is read.

    Raises
    ------
    CannotParse
        If it is damaged, holds something else, or unpacks to more than ``most_bytes``.
    OSError
        If there is no such file, or it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            total = sum(max(info.file_size, _said(opened, info)) for info in opened.infolist())
            if total > most_bytes:
                raise CannotParse(f"unpacks to {total:,} bytes, more than the {most_bytes:,} allowed", code="memory")
        with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (CannotParse, FileNotFoundError):
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise CannotParse(in_words(error)) from None


def _said(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return the bytes that an array says it takes, which are set aside before any is read."""
    formats: Any = np.lib.format
    with opened.open(info) as file:
        version = formats.read_magic(file)
        reader = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, _, dtype = reader(file)
    return math.prod(shape) * dtype.itemsize
