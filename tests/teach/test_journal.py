"""The file of steps: what was said to be kept is there again, whatever happened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gastropath.errors import CannotReadTable, CannotWrite, UnknownSetting
from gastropath.teach.lesson import journal as journal_module
from gastropath.teach.lesson.journal import Journal, Step
from gastropath.teach.lesson.record import Record

FIRST, SECOND = (
    Step("label", "biopsy", (3, 4), "TUM"),
    Step("label", "biopsy", (4,), "STR", "suggested", "A. Reader", "now"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


def test_steps_are_there_when_the_file_is_opened_again(file: Path):
    journal = Journal(file)
    journal.append(FIRST)
    journal.append(SECOND)
    assert Journal(file).steps == (FIRST, SECOND)


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_step_that_was_not_written_to_its_end_is_left_out_and_the_next_one_is_whole(file: Path, cut: int):
    journal = Journal(file)
    journal.append(FIRST)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:cut])
    again = Journal(file)
    assert again.steps == (FIRST,)
    again.append(SECOND)
    assert Journal(file).steps == (FIRST, SECOND)


def test_a_step_that_the_disk_refuses_is_an_error_and_leaves_the_file_as_it_was(file: Path, monkeypatch):
    journal = Journal(file)
    journal.append(FIRST)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_module.os, "fsync", full)
    with pytest.raises(CannotWrite, match="the disk is full"):
        journal.append(SECOND)
    monkeypatch.undo()
    assert Journal(file).steps == (FIRST,)
    journal.append(SECOND)
    assert Journal(file).steps == (FIRST, SECOND)


def test_a_step_is_on_the_disk_before_anybody_is_told(file: Path, monkeypatch):
    synced: list[bytes] = []
    monkeypatch.setattr(journal_module.os, "fsync", lambda handle: synced.append(os.pread(handle, 10_000, 0)))
    Journal(file).append(FIRST)
    assert synced[-1] == file.read_bytes() != b""


@pytest.mark.parametrize(
    "line",
    [b"[]", b"{}", b"nonsense", b'{"kind": "paint", "tiles": []}', b'{"kind": "label", "tiles": ["3"]}',
     b'{"kind": "label", "tiles": [3], "source": "guess"}', b'{"kind": "label", "tiles": [], "colour": 1}', b"\xff"],
)  # fmt: skip
def test_a_line_that_is_no_step_is_told_by_its_number(file: Path, line: bytes):
    Journal(file).append(FIRST)
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(CannotReadTable, match="line 2 is no step of labelling"):
        Journal(file)


def test_steps_are_taken_back_and_done_again_in_turn():
    record = Record([FIRST, SECOND, Step("undo")])
    assert {place: given.label for place, given in record.labels.items()} == {
        ("biopsy", 3): "TUM",
        ("biopsy", 4): "TUM",
    }
    record.take(Step("redo"))
    assert record.labels["biopsy", 4].label == "STR"
    assert not record.can_redo
    record.take(Step("label", "biopsy", (3, 9)))
    assert set(record.labels) == {("biopsy", 4)}
    for _ in range(3):
        record.take(Step("undo"))
    assert record.labels == {}
    with pytest.raises(UnknownSetting, match="nothing to undo"):
        record.take(Step("undo"))
    record.take(FIRST)
    with pytest.raises(UnknownSetting, match="nothing to redo"):
        record.take(Step("redo"))


def test_a_tile_whose_answer_was_seen_checks_nothing_any_more():
    record = Record([Step("label", "biopsy", (7,), "TUM", "check"), Step("undo")])
    assert record.labels == {}
    assert record.checked == {("biopsy", 7)}
