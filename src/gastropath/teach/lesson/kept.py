"""The labels of a lesson as files that other commands and QuPath read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gastropath.outputs import write_text
from gastropath.slides.task import qupath_origin_px
from gastropath.slides.writers.geojson import classification, polygon
from gastropath.teach.atlas import Sheet
from gastropath.teach.labels import Label, write_labels
from gastropath.teach.lesson.pool import TileFeatures
from gastropath.teach.lesson.record import Given, Place

LABELS_CSV, GEOJSON = "labels.csv", "labels.geojson"


@dataclass(frozen=True)
class Whereabouts:
    """What the files say of the slide of a map.

    Attributes
    ----------
    slide
        Its path, from the folder of the lesson where that is possible, so that both can be moved together.
    origin_px
        Where QuPath's coordinates begin.
    """

    slide: str
    origin_px: tuple[int, int]

    @classmethod
    def of(cls, sheet: Sheet, folder: Path) -> Whereabouts:
        """Look at the slide, which may be gone: then its name is all that is known."""
        opened = sheet.opened
        if opened.slide is None or opened.path is None:
            return cls(sheet.summary.slide, (0, 0))
        return cls(_relative(opened.path, folder), qupath_origin_px(opened.slide, "bounds"))


def write_table(
    folder: Path,
    labels: Mapping[Place, Given],
    pools: Mapping[str, TileFeatures],
    slides: Mapping[str, Whereabouts],
) -> None:
    """Write ``labels.csv`` with all labels, as :func:`gastropath.adapt` reads them.

    Parameters
    ----------
    folder
        Where it is written.
    labels
        All of them.
    pools, slides
        The tiles and the slide of each map, by its name.
    """
    rows = [
        Label(slides[name].slide, pools[name].box(tile), given.label, given.source, given.by, given.at)
        for (name, tile), given in labels.items()
    ]
    write_labels(folder / LABELS_CSV, rows)


def write_annotations(
    file: Path, labels: Mapping[int, Given], pool: TileFeatures, slide: Whereabouts, colours: Mapping[str, str]
) -> None:
    """Write the labels of a slide as annotations for QuPath.

    Parameters
    ----------
    file
        Its file.
    labels
        By the number of the tile.
    pool, slide
        Its tiles, and the slide itself.
    colours
        Of each class.
    """
    left, top = slide.origin_px
    features = []
    for tile, given in labels.items():
        x, y, width, height = pool.box(tile)
        called = classification(given.label, colours[given.label])
        features.append(polygon((x - left, y - top, width, height), "annotation", called, name=given.source))
    write_text(file, json.dumps({"type": "FeatureCollection", "features": features}) + "\n")


def _relative(slide: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(slide.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return str(slide.absolute())
