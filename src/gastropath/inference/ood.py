"""How unlike the training tiles a tile is: a distance in feature space to the training tiles nearest to it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gastropath.arrays import read_arrays
from gastropath.errors import BadBundle, CannotParse

MAX_REFERENCES = 4000
"""Training tiles that a bundle keeps the features of, at most."""

_STEPS = 4000
"""Steps in which the length 1 is told. Products of such whole numbers add up to at most 2^24, up to where single
precision is exact: a distance is then the same to the last bit whatever order a matrix library adds in, and so is a
decision, whatever company a tile is judged in. The price is an error of about 0.0001."""

_ROWS_AT_ONCE = 32
_SMALL_PRODUCT = 200_000
"""Multiplications that the matrix library does without waking its other threads. These keep spinning for a while when
they are done, and would take a core from the graph that runs beside them."""
_MOST_READ = 10_000


@dataclass(frozen=True)
class OodCheck:
    """Reference features of training tiles, and from which distance on a tile is unlike them.

    Attributes
    ----------
    features
        Of training tiles, ``float32``, shape (r, f).
    neighbours
        Number of nearest references whose distances are averaged.
    threshold
        Tiles further away are out of distribution.
    labels
        Class number of each training tile, ``int64``, shape (r,); ``None`` in a bundle that does not tell.
    units
        Number of what is not independent of each other, a group or a block of neighbours, ``int64``, shape (r,);
        ``None`` in a bundle that does not tell.
    """

    features: np.ndarray
    neighbours: int
    threshold: float
    labels: np.ndarray | None = None
    units: np.ndarray | None = None

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Return the distance of each row of features, shape (n, f), to the training tiles: ``float64``, shape (n,)."""
        return _distances(features, self._stand, self.neighbours)

    @cached_property
    def _stand(self) -> np.ndarray:
        return _whole(self.features)

    @staticmethod
    def from_bytes(data: bytes, neighbours: int, threshold: float, where: str | os.PathLike[str]) -> OodCheck:
        """Read ``references.npz``, or ``domain.npz`` of an older bundle, which holds no labels.

        Raises
        ------
        BadBundle
            If it is damaged or holds something else.
        """
        try:
            stored = read_arrays(data)
        except CannotParse as error:
            raise BadBundle(f"holds no reference features: {error.what}", where=where) from None
        features = stored.get("features", stored.get("references"))
        if features is None:
            raise BadBundle("holds no reference features", where=where)
        if features.ndim != 2 or features.dtype.kind != "f" or not neighbours <= len(features) <= _MOST_READ:
            raise BadBundle(
                f"has references of shape {features.shape} and type {features.dtype}; expected floating-point numbers "
                f"(r, f) with r >= {neighbours}",
                where=where,
            )
        numbers = {name: stored[name] for name in ("labels", "units") if name in stored}
        for name, values in numbers.items():
            if values.shape != features.shape[:1] or values.dtype.kind not in "iu" or (values < 0).any():
                raise BadBundle(f"has {values.shape} {name} for {len(features)} references", where=where)
        with np.errstate(over="ignore"):  # what is too large for it becomes infinite, and is refused
            references = features.astype(np.float32)
            lengths = np.linalg.norm(references, axis=1)
        if not np.isfinite(lengths).all():
            raise BadBundle("has references that are not finite numbers of single precision", where=where)
        whole = {name: values.astype(np.int64) for name, values in numbers.items()}
        return OodCheck(references, neighbours, threshold, whole.get("labels"), whole.get("units"))


def choose_references(labels: np.ndarray, seed: int, most: int = MAX_REFERENCES) -> np.ndarray:
    """Choose the training tiles that stand for all: at most ``most`` rows, of each class as many where there are.

    Parameters
    ----------
    labels
        Class number of each training tile, shape (n,).
    seed
        Of the draw.
    most
        Rows at most.

    Returns
    -------
    numpy.ndarray
        Rows in ascending order, shape (min(n, most),).
    """
    rng = np.random.default_rng(seed)
    if len(labels) <= most:
        return np.arange(len(labels))
    waiting = [list(rng.permutation(np.flatnonzero(labels == number))) for number in np.unique(labels)]
    chosen: list[int] = []
    while len(chosen) < most:
        for rows in waiting:
            if rows and len(chosen) < most:
                chosen.append(int(rows.pop()))
    return np.sort(np.array(chosen, np.int64))


def references_npz(features: np.ndarray, labels: np.ndarray, units: np.ndarray | None = None) -> bytes:
    """Return ``references.npz``: features of training tiles in half precision, their class numbers and their units.

    Parameters
    ----------
    features
        Shape (r, f), finite; what half precision cannot hold becomes its largest number.
    labels
        Class numbers, shape (r,).
    units
        Numbers of what is not independent of each other, shape (r,), where that is known. They are numbered anew.

    Raises
    ------
    ValueError
        If a feature is not finite.
    """
    if not np.isfinite(features).all():
        raise ValueError("features of training tiles are not finite")
    most = np.finfo(np.float16).max
    buffer = io.BytesIO()
    arrays = {"features": np.clip(features, -most, most).astype(np.float16), "labels": labels.astype(np.int32)}
    if units is not None:
        arrays["units"] = np.unique(units, return_inverse=True)[1].ravel().astype(np.int32)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def distances(features: np.ndarray, references: np.ndarray, neighbours: int) -> np.ndarray:
    """Return the mean cosine distance to the nearest references (Sun et al. 2022, "deep nearest neighbours").

    Parameters
    ----------
    features
        Shape (n, f).
    references
        Shape (r, f), r ≥ ``neighbours``.
    neighbours
        Number of nearest references that are averaged.

    Returns
    -------
    numpy.ndarray
        ``float64``, shape (n,): 0 for a copy of the references, 1 for what shares nothing with them.
    """
    return _distances(features, _whole(references), neighbours)


def _distances(features: np.ndarray, stand: np.ndarray, neighbours: int) -> np.ndarray:
    found, lengths = np.empty(len(features)), _lengths(stand)
    for first in range(0, len(features), _ROWS_AT_ONCE):
        rows = _whole(features[first : first + _ROWS_AT_ONCE])
        similar = _products(rows, stand) / (_lengths(rows)[:, None] * lengths)
        nearest = np.sort(np.partition(similar, len(stand) - neighbours, axis=1)[:, len(stand) - neighbours :], axis=1)
        found[first : first + _ROWS_AT_ONCE] = np.maximum(0.0, 1.0 - nearest.mean(axis=1))
    return found


def _products(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return ``rows @ others.T``, a few columns at a time."""
    few = max(1, _SMALL_PRODUCT // rows.size)
    return np.concatenate([rows @ others[first : first + few].T for first in range(0, len(others), few)], axis=1)


def _whole(rows: np.ndarray) -> np.ndarray:
    """Bring rows to the same length and round them to whole numbers, which ``float32`` holds."""
    return np.rint(_unit(rows) * np.float32(_STEPS))


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1)), 1.0)


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
