"""What the picture of the map says beside the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawing import ByColour, Squares

from gastropath.results.card import Abstention
from gastropath.results.interval import Interval
from gastropath.slides.block_reader import local_reader
from gastropath.slides.block_store import map_blocks
from gastropath.slides.source.pyramid import DRAWN
from gastropath.slides.source.slide import open_slide
from gastropath.slides.task import SlideSettings, TiledSlide
from gastropath.slides.writers.overlay import Overlay
from gastropath.slides.writers.totals import Totals


def test_the_legend_tells_a_synthetic_model_and_a_synthetic_slide_each_on_its_own(tmp_path: Path):
    path = Squares(640, 512, 128).write(tmp_path / "squares.tiff", 0.5)
    pictures = []
    for model in (False, True):
        for slide in (False, True):
            classifier = ByColour()
            data = classifier.card.training_data.model_copy(update={"synthetic": model})
            classifier.card = classifier.card.model_copy(update={"training_data": data})
            opened = open_slide(path)
            opened.kind = DRAWN if slide else opened.kind
            tiled = TiledSlide.of(opened, classifier.card, SlideSettings(mask=False))
            reader = local_reader(opened, classifier, tiled.grid)  # pyright: ignore[reportArgumentType]
            overlay = Overlay(tiled, classifier.card)
            for block in map_blocks(tiled, reader, classes=classifier.classes):
                overlay.add(block)
            pictures.append(np.asarray(overlay.picture(Totals(tiled, classifier.card))))
    maps, legends = [p[:512, :640] for p in pictures], [p[:, 640:] for p in pictures]
    assert all((drawn == maps[0]).all() for drawn in maps)
    ink = [int((legend.min(axis=2) < 128).sum()) for legend in legends]
    assert ink[0] < min(ink[1], ink[2])
    assert max(ink[1], ink[2]) < ink[3]
    assert not np.array_equal(legends[1], legends[2])


def test_the_legend_says_that_a_model_is_below_its_target(tmp_path: Path):
    path = Squares(640, 512, 128).write(tmp_path / "squares.tiff", 0.5)
    legends = []
    for state in ("not_shown", "unmet"):
        classifier = ByColour()
        rule = Abstention(
            threshold=0.5, target="accuracy", target_value=0.8, state=state, coverage=0.7,
            selective_accuracy=Interval(value=0.6), fitted_on="validation", n=20,
        )  # fmt: skip
        card = classifier.card.model_copy(update={"abstention": rule})
        tiled = TiledSlide.of(open_slide(path), card, SlideSettings(mask=False))
        legends.append(np.asarray(Overlay(tiled, card).picture(Totals(tiled, card)))[:, 640:])
    assert not np.array_equal(*legends)
