"""``tiles.geojson``: the classified tiles as polygons, as QuPath reads them.

QuPath's measurements are numbers, so the best guess is the place of its class among the probabilities, counted from 1,
and a reason for which the model abstains is 1 where it holds and 0 where it does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Literal, TextIO

import numpy as np

from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide
from gastropath.slides.writers.legend import ABSTAINED_COLOUR, abstained_name, rgb


class TilesGeojson:
    """Writes a polygon for each classified tile, in the coordinates that QuPath has, while the blocks go by."""

    def __init__(self, file: TextIO, tiled: TiledSlide, card: Card, names: Mapping[str, str] | None = None) -> None:
        """Write the beginning of the document.

        Parameters
        ----------
        file
            Open for writing.
        tiled, card
            The slide and the model.
        names
            What classes are called in QuPath, by code, where they have another name there.
        """
        self._file, self._grid = file, tiled.grid
        self._origin = np.array([*tiled.origin_px, 0, 0])
        name = abstained_name(card.codes)
        names = dict(names or {})
        classes = {entry.code: classification(names.get(entry.code, entry.code), entry.color) for entry in card.classes}
        abstained = classification(names.get(name, name), ABSTAINED_COLOUR)
        self._classification = {"accepted": classes, "abstained": dict.fromkeys(card.codes, abstained)}
        self._names = [f"prob {code}" for code in card.codes]
        self._places = {code: place for place, code in enumerate(card.codes, start=1)}
        self._separator = "\n"
        file.write('{"type": "FeatureCollection", "features": [')

    def add(self, block: Block) -> None:
        """Write the polygons of a block."""
        for feature in self._features(block):
            self._file.write(self._separator + json.dumps(feature, allow_nan=False))
            self._separator = ",\n"

    def finish(self) -> None:
        """Write the end of the document."""
        self._file.write("\n]}\n")

    def _features(self, block: Block) -> Iterator[dict[str, object]]:
        answers = block.predictions
        columns = (
            (self._grid.rectangles(block.numbers) - self._origin).tolist(),
            answers.labels.tolist(),
            answers.decisions.tolist(),
            answers.confidence.tolist(),
            block.fractions.tolist(),
            answers.probabilities.tolist(),
            answers.distances.tolist(),
            answers.is_low_confidence.tolist(),
            answers.is_out_of_distribution.tolist(),
        )
        for rectangle, label, decision, confidence, fraction, probabilities, distance, low, unlike in zip(
            *columns, strict=True
        ):
            x, y, width, height = rectangle
            if decision == "refused":
                continue
            measurements = {"confidence": round(confidence, 4), "tissue fraction": round(fraction, 4)}
            for name, probability in zip(self._names, probabilities, strict=True):
                measurements[name] = round(probability, 4)
            measurements |= {
                "best guess": self._places[label],
                "low confidence": int(low),
                "unlike the training tiles": int(unlike),
            }
            if math.isfinite(distance):
                measurements["distance"] = round(distance, 4)
            called = self._classification[decision][label]
            yield polygon((x, y, width, height), "tile", called, measurements=measurements)


def polygon(
    box: tuple[float, float, float, float],
    kind: Literal["tile", "annotation"],
    classified: object,
    **properties: object,
) -> dict[str, object]:
    """Return a rectangle as an object of QuPath.

    Parameters
    ----------
    box
        Left, top, width and height.
    kind
        Of object.
    classified
        See :func:`classification`.
    properties
        What else is told of it, e.g. ``measurements``.
    """
    x, y, width, height = box
    ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": kind, "classification": classified, **properties},
    }


def classification(name: str, color: str) -> dict[str, object]:
    """Return a class as QuPath has it: its name and its colour, given as ``#rrggbb``."""
    return {"name": name, "color": list(rgb(color))}
