"""The known truth of a synthetic slide: as a picture to check predictions with, as regions for QuPath."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from gastropath.data.synthetic.anatomy import CODES, GLASS
from gastropath.errors import CannotReadTable
from gastropath.outputs import replacing, write_text
from gastropath.tables import read_table
from gastropath.tissue_classes import tissue_classes

TRUTH_PX = 8
"""Pixels of level 0 to one of the truth, across and down: 4 µm."""

Ring = list[list[int]]


def write_truth_picture(plan: NDArray[np.uint8], path: Path) -> None:
    """Write a plan as PNG of indexed colours: 0 is glass, the classes follow in the order of their codes."""
    colours = ["#ffffff", *(tissue.color for tissue in tissue_classes(CODES))]
    image = Image.fromarray(plan)
    image.putpalette(bytes.fromhex("".join(colour[1:] for colour in colours)))
    note = PngImagePlugin.PngInfo()
    note.add_text("Synthetic", "GastroPath")
    with replacing(path) as partial:
        image.save(partial, format="PNG", pnginfo=note)


def write_truth_regions(plan: NDArray[np.uint8], path: Path) -> None:
    """Write a plan as GeoJSON for QuPath: an annotation for each class, in level-0 pixels."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "MultiPolygon", "coordinates": _polygons(plan == number)},
            "properties": {
                "objectType": "annotation",
                "classification": {
                    "name": tissue.code,
                    "color": [int(tissue.color[i : i + 2], 16) for i in (1, 3, 5)],
                },
                "isLocked": True,
            },
        }
        for number, tissue in enumerate(tissue_classes(CODES), start=1)
        if (plan == number).any()
    ]
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}) + "\n")


def _polygons(mask: NDArray[np.bool_]) -> list[list[Ring]]:
    """Trace the connected parts of a mask: for each its outline, then its holes."""
    from scipy import ndimage

    parts = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, output=parts)
    polygons: list[list[Ring]] = [[] for _ in range(parts.max())]
    for part, ring in _rings(np.pad(parts, 1)):
        polygons[part - 1].append(ring)
    return polygons


def _rings(parts: NDArray[np.int32]) -> Iterator[tuple[int, Ring]]:
    """Walk along the edges of parts, keeping each part on the right, and yield closed rings, corners only.

    The parts lie one pixel away from the edge of their array. A part's outline comes before its holes, because the walk
    begins at the topmost edges; no ring visits a corner twice.
    """
    steps: dict[tuple[int, int, int, int], int] = {}
    for right, down in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        # Going right the part lies below the edge, going down to its left, and so on.
        beyond = np.roll(parts, (right, -down), axis=(0, 1))
        for row, column in np.argwhere((parts > 0) & (beyond != parts)).tolist():
            corner = (column - 1 + (right < 0 or down > 0), row - 1 + (down < 0 or right < 0))
            steps[(*corner, right, down)] = int(parts[row, column])
    while steps:
        start = next(iter(steps))
        x, y, right, down = start
        part, ring = steps[start], []
        while not ring or (x, y, right, down) in steps:
            steps.pop((x, y, right, down), None)
            x, y = x + right, y + down
            # Where two corners of a part touch, the walk goes over to the other: what lies between them is a hole.
            turns = ((down, -right), (right, down), (-down, right))
            ahead = next(turn for turn in turns if (x, y, *turn) == start or steps.get((x, y, *turn)) == part)
            if ahead != (right, down):
                ring.append([x * TRUTH_PX, y * TRUTH_PX])
            right, down = ahead
        yield part, [*ring, ring[0]]


@dataclass(frozen=True)
class Agreement:
    """How far the predictions for a slide's tiles agree with its truth.

    Attributes
    ----------
    accepted
        Number of tiles with an accepted prediction.
    right
        Number of those whose predicted class is that of most of the tissue in the tile.
    abstained
        Number of tiles on which the model abstained.
    """

    accepted: int
    right: int
    abstained: int


def agreement(tiles: Path, truth: Path) -> Agreement:
    """Compare the predictions for a slide with its truth.

    Parameters
    ----------
    tiles
        The ``tiles.csv`` of the slide.
    truth
        The ``truth.png`` that lies beside the slide.

    Raises
    ------
    CannotReadTable
        If either cannot be read.
    """
    columns = ("x_px", "y_px", "width_px", "height_px", "predicted_label", "decision")
    _, rows = read_table(tiles, columns)
    plan = read_truth(truth)
    right, decisions = 0, [row["decision"] for row in rows]
    for row in rows:
        if row["decision"] == "accepted":
            x, y, width, height = (int(row[column]) for column in columns[:4])
            right += row["predicted_label"] == class_of(plan, x, y, width, height)
    return Agreement(decisions.count("accepted"), right, decisions.count("abstained"))


def read_truth(path: Path) -> NDArray[np.uint8]:
    """Read a ``truth.png`` back as the plan it was written from.

    Raises
    ------
    CannotReadTable
        If it is missing, or is not a picture of indexed colours.
    """
    try:
        with Image.open(path) as image:
            mode, plan = image.mode, np.asarray(image)
    except OSError as error:
        raise CannotReadTable(f"cannot be read as the truth of a synthetic slide: {error}", where=path) from None
    if mode != "P" or plan.max() > len(CODES):
        what = f"expected a PNG of indexed colours, glass and {len(CODES)} classes; found mode {mode}"
        raise CannotReadTable(what, where=path)
    return plan


def class_of(plan: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> str:
    """Return the class of most of the tissue in a rectangle of level 0; empty where there is only glass."""
    # A pixel of the truth belongs to the rectangle if its middle does.
    rows, columns = (
        slice(ceil(low / TRUTH_PX - 0.5), ceil((low + side) / TRUTH_PX - 0.5))
        for low, side in ((y, height), (x, width))
    )
    counts = np.bincount(plan[rows, columns].ravel(), minlength=len(CODES) + 1)
    counts[GLASS] = 0
    return CODES[int(counts.argmax()) - 1] if counts.any() else ""
