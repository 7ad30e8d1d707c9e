"""What can be classified: paths, folders, pictures, arrays, and anything that yields these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from gastropath.decoding import Source
from gastropath.inference.gathering import gather

Images = Source | Iterable[Any]
"""One source; a stack of arrays; a folder; or anything that yields sources, stacks and folders."""

_CHANNELS = (1, 3, 4)


def sources(images: Images) -> Iterator[Source]:
    """Yield single pictures: paths, bytes of files, Pillow's images, and ``uint8`` arrays (h, w), (h, w, 3), (h, w, 4).

    Folders are searched, stacks are divided, and what has ``__array__`` (a tensor) becomes an array; all of it lazily.

    Raises
    ------
    TypeError
        If there is something that is none of these, or images come with labels.
    ValueError
        If an array is not ``uint8``, or has its channels first, or is no picture.
    NoTilesFound
        If a folder holds no file.
    """
    if isinstance(images, str | os.PathLike):
        yield from gather([images]) if os.path.isdir(images) else [images]
    elif isinstance(images, bytes | bytearray | memoryview):
        yield bytes(images)
    elif isinstance(images, Image.Image):
        yield images
    elif hasattr(images, "__array__"):
        yield from _pictures(np.asarray(images))
    elif isinstance(images, Iterable) and not isinstance(images, dict):
        if _has_labels(images):
            raise TypeError(
                "expected images, found a pair of images and labels, as a data loader gives it; hand over the images "
                "alone: model.predict(images) for each `images, labels` of it"
            )
        for item in images:
            yield from sources(item)
    else:
        expected = "a path, a folder, a PIL image, a uint8 array or an iterable of these"
        raise TypeError(f"expected {expected}, found {type(images).__name__}")


def count(images: Images) -> int | None:
    """Return how many pictures there are, where that is known without reading them."""
    if isinstance(images, np.ndarray):
        return len(images) if images.ndim == 4 else None
    if isinstance(images, list | tuple) and all(isinstance(item, str | os.PathLike | bytes) for item in images):
        return len(images)
    return None


def _pictures(array: np.ndarray) -> Iterator[np.ndarray]:
    """Divide an array into pictures of shape (h, w) or (h, w, channels)."""
    if array.ndim == 0 or (array.size == 0 and array.ndim < 4):
        raise ValueError(f"expected pictures, found an array of shape {array.shape}")
    _check_dtype(array)
    shape = f"expected a picture of shape (h, w, 3) or a stack (n, h, w, 3), found {array.shape}"
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS):
        yield array
    elif array.ndim == 3 and array.shape[0] in _CHANNELS:
        raise ValueError(f"{shape}, which has its channels first; convert it with: np.moveaxis(images, 0, -1)")
    elif array.ndim == 3 or (array.ndim == 4 and array.shape[3] in _CHANNELS):
        yield from array
    elif array.ndim == 4 and array.shape[1] in _CHANNELS:
        raise ValueError(f"{shape}, which has its channels first; convert it with: np.moveaxis(images, 1, -1)")
    else:
        raise ValueError(shape)


def _check_dtype(array: np.ndarray) -> None:
    if array.dtype == np.uint8:
        return
    found = f"expected uint8 values from 0 to 255, found {array.dtype}"
    if array.dtype.kind == "f":
        highest = float(array.max()) if array.size else 0.0
        scaled = "images * 255" if highest <= 1 else "images"
        raise ValueError(f"{found} up to {highest:g}; convert it with: np.rint({scaled}).astype(np.uint8)")
    if array.dtype == np.uint16:
        raise ValueError(f"{found}; convert it with: (images // 257).astype(np.uint8)")
    raise ValueError(f"{found}; convert it with: images.astype(np.uint8), if its values are from 0 to 255")


def _has_labels(pair: Iterable[Any]) -> bool:
    """Tell whether this is a batch of images and their labels: two, the second with a number or a row an image."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    images, labels = pair
    if not hasattr(images, "__array__") or isinstance(images, Image.Image):
        return False
    if isinstance(labels, str | os.PathLike | bytes | Image.Image):
        return False
    try:
        shape, of_labels = np.shape(np.asarray(images)), np.shape(np.asarray(labels))
    except (TypeError, ValueError):
        return False
    return len(shape) >= 3 and len(of_labels) < len(shape) and len(of_labels) <= 2
