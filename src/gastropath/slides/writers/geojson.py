"""``tiles.geojson``: the classified tiles as polygons, as QuPath reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO

import numpy as np

from gastropath.results.card import Card
from gastropath.slides.block_store import Block
from gastropath.slides.task import TiledSlide
from gastropath.slides.writers.legend import ABSTAINED_COLOUR, abstained_name, rgb


class TilesGeojson:
    """Writes a polygon for each classified tile, in the coordinates that QuPath has, while the blocks go by."""

    def __init__(self, file: TextIO, tiled: TiledSlide, card: Card) -> None:
        self._file, self._grid = file, tiled.grid
        self._origin = np.array([*tiled.origin_px, 0, 0])
        classes = {entry.code: _classification(entry.code, entry.color) for entry in card.classes}
        abstained = _classification(abstained_name(card.codes), ABSTAINED_COLOUR)
        self._classification = {"accepted": classes, "abstained": dict.fromkeys(card.codes, abstained)}
        self._names = [f"prob {code}" for code in card.codes]
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
        )
        for (x, y, width, height), label, decision, confidence, fraction, probabilities in zip(*columns, strict=True):
            if decision == "refused":
                continue
            ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
            measurements = {"confidence": round(confidence, 4), "tissue fraction": round(fraction, 4)}
            for name, probability in zip(self._names, probabilities, strict=True):
                measurements[name] = round(probability, 4)
            yield {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {
                    "objectType": "tile",
                    "classification": self._classification[decision][label],
                    "measurements": measurements,
                },
            }


def _classification(name: str, color: str) -> dict[str, object]:
    return {"name": name, "color": list(rgb(color))}
