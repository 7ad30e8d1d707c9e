"""A lesson without its page: labels, what is learned from them at once, and what is told of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from lessons import CODES, STAIN, begun, learned  # pyright: ignore[reportMissingImports]

from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.teach.annotations import read_annotations
from gastropath.teach.labels import read_labels
from gastropath.teach.lesson import learner, told
from gastropath.teach.lesson.lesson import Lesson


@pytest.fixture
def slide(write_slide: Callable[..., Path]) -> Path:
    return write_slide("1.png", CODES, shift=STAIN, seed=1)


@pytest.fixture
def lesson(small_model: Path, slide: Path, tmp_path: Path) -> Iterator[Lesson]:
    lesson = begun(tmp_path / "ours", small_model, [slide])
    yield lesson
    lesson.end()


def answers(lesson: Lesson) -> list[str]:
    """Return what the model says of each tile now, in the order of the grid."""
    shown = lesson.atlas[0].map
    assert shown.numbers.tolist() == list(range(16))
    return [shown.classes[label] for label in shown.labels]


def right(lesson: Lesson) -> float:
    return float(np.mean(np.array(answers(lesson)) == np.array(CODES)))


def test_the_map_changes_with_each_label_and_back_with_undo(lesson: Lesson):
    learned(lesson)
    before = answers(lesson)
    assert right(lesson) < 0.65
    for code in ("LYM", "STR", "TUM"):
        lesson.label(0, [place for place in range(8) if CODES[place] == code], code, "own")
    learned(lesson)
    assert right(lesson) > 0.75
    for _ in range(3):
        lesson.turn("undo", lesson.revision)
    learned(lesson)
    assert answers(lesson) == before
    assert lesson.taught["1"].before().tolist() == [lesson.codes.index(code) for code in before]


def test_what_goes_wrong_while_learning_is_told_and_the_next_label_is_learned(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
):
    learned(lesson)

    def fail(*words: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(learner, "fitted", fail)
        lesson.label(0, [2], "TUM", "own")
        late = time.monotonic() + 60
        while lesson.problem != "MemoryError":
            assert time.monotonic() < late
            time.sleep(0.01)
    lesson.label(0, [1], "STR", "own")
    learned(lesson, lambda lesson: not lesson.problem)


def test_a_lesson_goes_on_where_it_was_left(lesson: Lesson, small_model: Path, slide: Path, tmp_path: Path):
    lesson.label(0, [1, 4], "STR", "own")
    lesson.label(0, [4], "TUM", "suggested")
    lesson.turn("undo", lesson.revision)
    learned(lesson)
    before = answers(lesson)
    again = begun(tmp_path / "ours", small_model, [slide])
    learned(again)
    assert {tile: given.label for (_, tile), given in again.record.labels.items()} == {1: "STR", 4: "STR"}
    assert answers(again) == before
    again.turn("redo", again.revision)
    assert again.record.labels["1", 4].label == "TUM"
    again.end()


def test_two_windows_do_not_undo_each_other(lesson: Lesson):
    lesson.label(0, [1], "STR", "own")
    seen = lesson.revision
    lesson.label(0, [2], "TUM", "own")
    with pytest.raises(UnknownSetting, match="another window has labelled meanwhile"):
        lesson.turn("undo", seen)
    assert len(lesson.record.labels) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((3, [1], "STR", "own"), "there is no map 3"),
        ((0, [99], "STR", "own"), "tile 99 of 1 cannot be labelled"),
        ((0, [1], "STY", "own"), "there is no class 'STY'; did you mean 'STR'"),
        ((0, [1], "STR", "check"), "this tile was not drawn"),
    ],
)
def test_what_cannot_be_labelled_is_told_in_a_line_and_nothing_is_kept(lesson: Lesson, asked, message: str):
    with pytest.raises(UnknownSetting, match=message.replace("?", r"\?")):
        lesson.label(*asked)
    assert (lesson.revision, lesson.record.labels) == (0, {})


def test_tiles_to_check_are_drawn_by_us_and_never_learned(lesson: Lesson):
    learned(lesson)
    before = answers(lesson)
    for wrong in ("TUM", "STR", "LYM"):
        place = lesson.next_check()
        assert place is not None
        lesson.label(0, [place[1]], wrong, "check")
    drawn = [tile for _, tile in lesson.record.labels]
    with pytest.raises(UnknownSetting, match="this tile checks the model"):
        lesson.label(0, drawn[:1], "TUM", "own")
    learned(lesson, lambda lesson: lesson.lore.figures)
    assert answers(lesson) == before
    assert lesson.lore.figures is not None
    assert lesson.lore.figures.checked.n == 3
    taken = lesson.label(0, range(16), "TUM", "own")
    assert (taken.changed, taken.kept) == (13, 3)


def test_the_order_of_checks_is_the_same_for_everybody(lesson: Lesson, small_model: Path, slide: Path, tmp_path: Path):
    other = begun(tmp_path / "theirs", small_model, [slide])
    assert other.next_check() == lesson.next_check()
    other.end()


def test_figures_are_only_told_where_there_are_enough_labels(lesson: Lesson):
    lesson.label(0, [0, 5], "LYM", "own")
    learned(lesson, lambda lesson: lesson.lore.figures)
    figures = told.state(lesson)["figures"]
    assert (figures["units"], figures["after"]["n"]) == (1, 0)  # they lie together: nothing can be left out
    assert not figures["classes"]["LYM"]["enough"]


def test_labels_of_two_slides_are_judged_without_their_slide(small_model: Path, write_slide, tmp_path: Path):
    slides = [write_slide(f"{number}.png", CODES, shift=STAIN, seed=number) for number in (1, 2)]
    lesson = begun(tmp_path / "ours", small_model, slides)
    for number in (0, 1):
        for code in ("LYM", "STR", "TUM"):
            lesson.label(number, [place for place in range(16) if CODES[place] == code], code, "own")
    learned(lesson, lambda lesson: lesson.lore.figures)
    found = told.state(lesson)["figures"]
    assert (found["unit"], found["units"], found["after"]["n"]) == ("slide", 2, 32)
    assert found["after"]["right"] > found["before"]["right"]
    assert found["after"]["low"] < found["after"]["right"] / 32 < found["after"]["high"]
    lesson.end()
    names = {"labels.csv", "labels-1.geojson", "labels-2.geojson"}
    assert names <= {file.name for file in (tmp_path / "ours").iterdir()}


def test_the_labels_are_files_that_others_read(lesson: Lesson, tmp_path: Path):
    lesson.label(0, [1, 4], "STR", "own")
    lesson.label(0, [2], "TUM", "suggested")
    lesson.keep()
    labels = read_labels(tmp_path / "ours" / "labels.csv", lesson.codes)
    assert [(label.box[:2], label.label, label.source) for label in labels] == [
        ((64, 0), "STR", "own"), ((0, 64), "STR", "own"), ((128, 0), "TUM", "suggested"),
    ]  # fmt: skip
    assert {label.slide for label in labels} == {"../1.png"}
    assert {label.labelled_by for label in labels} == {"A. Reader"}
    drawn = tmp_path / "ours" / "labels.geojson"
    assert len(read_annotations(drawn, lesson.codes, {}).areas) == 3
    assert json.loads(drawn.read_text())["features"][0]["properties"]["objectType"] == "annotation"


def test_a_new_class_has_no_tile_until_it_is_given_one(small_model: Path, write_slide, tmp_path: Path):
    codes = tuple("MUC" if code == "TUM" else code for code in CODES)
    lesson = begun(tmp_path / "ours", small_model, [write_slide("1.png", codes)], ("LYM", "STR", "TUM", "MUC"))
    learned(lesson)
    assert "MUC" not in answers(lesson)
    lesson.label(0, [2, 3], "MUC", "own")
    learned(lesson)
    assert answers(lesson).count("MUC") >= 4
    lesson.end()
    with pytest.raises(UnknownSetting, match="2 labels of class 'MUC' were given before"):
        begun(tmp_path / "ours", small_model, [tmp_path / "1.png"])


def test_features_that_are_gone_are_told(lesson: Lesson, small_model: Path, slide: Path, tmp_path: Path):
    (tmp_path / "ours" / "maps" / "1" / "features.h5").write_bytes(b"nothing")
    with pytest.raises(CannotReadTable, match=r"features.h5: holds no features.*have it mapped again"):
        begun(tmp_path / "ours", small_model, [slide])


@pytest.mark.parametrize(
    "message",
    [None, [], {"tiles": [1]}, {"tiles": [], "label": "", "source": "own"},
     {"tiles": [True], "label": "", "source": "own"},
     {"tiles": [1], "label": "TUM", "source": "guess"}, {"tiles": list(range(2001)), "label": "TUM", "source": "own"},
     {"tiles": [1], "label": "TUM", "source": "own", "more": 1}, {"tiles": ["1"], "label": "TUM", "source": "own"}],
)  # fmt: skip
def test_a_message_that_is_none_is_refused_in_a_line(message: object):
    with pytest.raises(UnknownSetting) as refused:
        told.read(told.Labelling, message)
    assert "\n" not in str(refused.value)
