"""What the picture of the map says beside the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawing import ByColour, Squares

from gastropath.slides.job import SlideJob, SlideSettings
from gastropath.slides.overlay import draw_overlay
from gastropath.slides.slide import DRAWN
from gastropath.slides.tables import Totals


def test_the_legend_tells_a_synthetic_model_and_a_synthetic_slide_each_on_its_own(tmp_path: Path):
    path = Squares(640, 512, 128).write(tmp_path / "squares.tiff", 0.5)
    pictures = []
    for model in (False, True):
        for slide in (False, True):
            classifier = ByColour()
            data = classifier.card.training_data.model_copy(update={"synthetic": model})
            classifier.card = classifier.card.model_copy(update={"training_data": data})
            job = SlideJob(path, tmp_path / f"{model} {slide}", classifier, SlideSettings(everything=True))  # pyright: ignore[reportArgumentType]
            job.run()
            if slide:
                job.slide.kind = DRAWN
            pictures.append(draw_overlay(job.answered(), Totals()))
    maps, legends = [p[:512, :640] for p in pictures], [p[:, 640:] for p in pictures]
    assert all((drawn == maps[0]).all() for drawn in maps)
    ink = [int((legend.min(axis=2) < 128).sum()) for legend in legends]
    assert ink[0] < min(ink[1], ink[2])
    assert max(ink[1], ink[2]) < ink[3]
    assert not np.array_equal(legends[1], legends[2])
