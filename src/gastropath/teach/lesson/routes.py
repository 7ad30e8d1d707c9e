"""Which path of a lesson's page has which answer, and which takes what the page tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from gastropath.teach import telling
from gastropath.teach.lesson import told
from gastropath.teach.lesson.lesson import Lesson
from gastropath.teach.server import Also, Answer, as_json

_BYTES = "application/octet-stream"


def also(lesson: Lesson, seal: Callable[[bool], object]) -> Also:
    """Return what the page of a lesson has beside what a page of maps has.

    Parameters
    ----------
    lesson
        What is taught.
    seal
        Begins to seal the model; told whether an earlier one may be replaced.
    """
    return Also(asked=_asked(lesson), told=_told(lesson, seal), news=lambda: lesson.news)


def _asked(lesson: Lesson) -> Mapping[str, Callable[..., Answer | None]]:
    number = r"(\d{1,9})"
    return {
        r"/maps": lambda: as_json({**telling.contents(lesson.atlas), "teaches": True, "codes": lesson.codes}),
        r"/lesson": lambda: as_json(told.state(lesson)),
        r"/lesson/check": lambda: as_json(told.check(lesson)),
        rf"/maps/{number}/before": lambda n: (_before(lesson, int(n)), _BYTES),
        rf"/maps/{number}/labels": lambda n: as_json(told.labels(lesson, int(n))),
        rf"/maps/{number}/suggested": lambda n: as_json(lesson.suggestions(int(n))),
    }


def _told(lesson: Lesson, seal: Callable[[bool], object]) -> Mapping[str, Callable[..., Answer]]:
    def label(document: object, n: str) -> Answer:
        asked = told.read(told.Labelling, document)
        return as_json(asdict(lesson.label(int(n), asked.tiles, asked.label, asked.source)))

    def turn(document: object) -> Answer:
        asked = told.read(told.Turning, document)
        return as_json(asdict(lesson.turn(asked.kind, asked.revision)))

    def sealed(document: object) -> Answer:
        seal(told.read(told.Sealing, document).replace)
        return as_json(told.state(lesson))

    return {r"/maps/(\d{1,9})/label": label, r"/lesson/turn": turn, r"/lesson/seal": sealed}


def _before(lesson: Lesson, number: int) -> bytes:
    name, _ = lesson.pool(number)
    return lesson.taught[name].before().astype("<i2").tobytes()
