"""Lessons without a page, on pictures of three colours and a stain that the model does not know."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gastropath.inference.classifier import Classifier
from gastropath.teach.lesson.lesson import Lesson
from gastropath.teach.maps import find_maps, readable_maps
from gastropath.workflows.slides import map_slides

CODES = ("LYM", "STR", "TUM", "TUM", "STR", "LYM", "LYM", "TUM", "STR", "TUM", "LYM", "STR", "STR", "LYM", "TUM", "STR")
STAIN = 70
_PATIENCE_S = 60


def begun(folder: Path, model: Path, slides: Sequence[Path], classes: Sequence[str] | None = None) -> Lesson:
    """Map slides and begin a lesson, or go on with one."""
    classifier = Classifier.load(model)
    folder.mkdir(exist_ok=True)
    map_slides(slides, folder / "maps", classifier, mpp=0.5, mask=False, features=True)
    lesson = Lesson(folder, classifier, tuple(classes or classifier.classes), "A. Reader", lambda: "2026-01-02")
    lesson.begin(readable_maps(find_maps([folder / "maps"]))[0], slides)
    return lesson


def learned(lesson: Lesson, has: Callable[[Lesson], object] = lambda lesson: True) -> None:
    """Wait until the newest labels are learned, and something holds."""
    late = time.monotonic() + _PATIENCE_S
    while lesson.lore.revision != lesson.revision or not has(lesson):
        assert time.monotonic() < late, lesson.problem
        time.sleep(0.01)
