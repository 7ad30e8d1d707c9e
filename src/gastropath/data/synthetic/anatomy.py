"""The plan of a synthetic slide: which tissue lies where, and the fields in which it is drawn.

A piece of stomach wall with a tumour that has grown from the mucosa into the muscle, and a lymph node in its fat. All
lengths are slide heights, so a small slide shows the same anatomy in fewer cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gastropath.data.synthetic.canvas import Canvas, Map
from gastropath.data.synthetic.textures import DRAWINGS

CODES = tuple(DRAWINGS)
GLASS = 0
"""Its number on a plan; tissue has the position of its class in :data:`CODES`, counted from 1."""

_NUMBER = {code: number for number, code in enumerate(CODES, start=1)}
_WARP = ((0.30, 0.018), (0.10, 0.012), (0.04, 0.005), (0.015, 0.002))  # wavelength and amount: borders are organic
_SURFACE, _THICKNESS, _MARGIN = 0.11, 0.59, 0.10  # the margin is glass on the left and on the right
_MUCOSA, _SUBMUCOSA, _MUSCLE = 0.30, 0.46, 0.76  # where each layer ends, as a share of the thickness
_NEST, _SEPTUM = 0.20, 0.018  # how far tumour nests lie apart, and half of what stroma between them is wide
_FOLLICLE, _NODE, _NODE_FAT = 0.058, 0.085, 0.11


def draw_plan(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Draw which tissue lies where.

    Parameters
    ----------
    rng
        Source of randomness.
    width, height
        Of the plan, in pixels.

    Returns
    -------
    numpy.ndarray
        ``uint8``, shape (height, width): :data:`GLASS`, or the position of the class in :data:`CODES`, counted from 1.
    """
    x, y = _ground(rng, width, height)
    right = width / height
    surface = _SURFACE + 0.03 * np.sin(2 * np.pi * (x / (1.1 * right) + rng.uniform()))
    depth = (y - surface) / _THICKNESS
    layers = [depth < _MUCOSA, depth < _SUBMUCOSA, depth < _MUSCLE, depth < 1]
    plan = np.select(layers, [_NUMBER[code] for code in ("NOR", "STR", "MUS", "ADI")], GLASS)
    middle = right * rng.uniform(0.48, 0.56)
    aside, below = (x - middle) / (0.33 * right), (depth - 0.24) / 0.46
    tumour, ulcer = np.hypot(aside, below) < 1, (np.abs(x - middle) < 0.12 * right) & (depth < 0.09)
    follicles = np.zeros_like(tumour)
    for turn in np.array([0.1, 0.35, 0.8]) * np.pi + rng.uniform(-0.15, 0.15, 3):
        away = np.hypot((aside - np.cos(turn)) * 0.33 * right, (below - np.sin(turn)) * 0.46 * _THICKNESS)
        follicles |= away < _FOLLICLE
    glass = (depth < 0) | (x < _MARGIN) | (x > right - _MARGIN)
    seen = tumour & ~ulcer & ~follicles & ~glass
    plan[seen] = _tumour(rng, x, y, seen)[seen]
    plan[ulcer], plan[follicles] = _NUMBER["DEB"], _NUMBER["LYM"]
    plan[glass] = GLASS
    from_node = np.hypot((x - right * rng.uniform(0.3, 0.7)) / 1.25, y - 0.835)
    plan[(from_node < _NODE_FAT) & (plan == GLASS)] = _NUMBER["ADI"]
    plan[from_node < _NODE] = _NUMBER["LYM"]
    return plan.astype(np.uint8)


def _tumour(rng: np.random.Generator, x: Map, y: Map, seen: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Nests of tumour in stroma; a few are dead, others mucus."""
    nest, border = _cells(rng, x, y, _NEST)
    nests, sizes = np.unique(nest[seen], return_counts=True)
    whole = rng.permutation(nests[sizes > 0.7 * np.median(sizes)])
    classes = np.full(nest.max() + 1, _NUMBER["TUM"])
    dead = max(1, len(whole) // 8)
    classes[whole[:dead]] = _NUMBER["DEB"]
    classes[whole[dead : dead + max(2, len(whole) // 4)]] = _NUMBER["MUC"]
    return np.where(border < _SEPTUM, _NUMBER["STR"], classes[nest])


def divide(rng: np.random.Generator, plan: NDArray[np.uint8], side: float) -> NDArray[np.int32]:
    """Divide a plan into fields, each a piece of one tissue, as the muscle is into bundles.

    Parameters
    ----------
    rng
        Source of randomness.
    plan
        As :func:`draw_plan` gives it.
    side
        About how wide a field is at most, in pixels of the plan.

    Returns
    -------
    numpy.ndarray
        ``int32``, shape (height, width): number of the field, 0 for glass.
    """
    height, width = plan.shape
    cell, _ = _cells(rng, *_ground(rng, width, height), side / height)
    both = np.where(plan == GLASS, -1, cell * (len(CODES) + 1) + plan)
    numbers = np.unique(both, return_inverse=True)[1].reshape(plan.shape)
    return (numbers + (plan.min() != GLASS)).astype(np.int32)


def _ground(rng: np.random.Generator, width: int, height: int) -> tuple[Map, Map]:
    """Coordinates of a plan's pixels, warped so that what is drawn straight on them comes out organic."""
    canvas = Canvas(rng, max(width, height), 1 / height)
    x, y = (axis + sum(amount * canvas.noise(wave) for wave, amount in _WARP) for axis in (canvas.x, canvas.y))
    return x[:height, :width], y[:height, :width]


def _cells(rng: np.random.Generator, x: Map, y: Map, spacing: float) -> tuple[NDArray[np.intp], Map]:
    """Divide the ground into the cells of scattered seeds.

    Returns
    -------
    cell : numpy.ndarray
        Integer, shape (height, width): number of the nearest seed.
    border : numpy.ndarray
        ``float32``, shape (height, width): distance to the nearest other cell, roughly.
    """
    canvas = Canvas(rng, 1, max(float(x.max()), float(y.max())))
    seeds = np.stack(canvas.scatter(spacing, 0.16, margin_um=spacing), axis=1)
    cell = np.zeros(x.shape, np.intp)
    nearest, second = np.full(x.shape, np.inf, np.float32), np.full(x.shape, np.inf, np.float32)
    for number, (seed_x, seed_y) in enumerate(seeds):
        distance = np.hypot(x - np.float32(seed_x), y - np.float32(seed_y))
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        cell[closer] = number
        nearest = np.minimum(nearest, distance)
    return cell, ((second - nearest) / 2).astype(np.float32)
