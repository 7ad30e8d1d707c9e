"""A review changes what is trained on, and nothing that is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gastropath.data.index import TileIndex
from gastropath.data.review import Review, read_review
from gastropath.data.split.split import Split
from gastropath.errors import CannotReadTable


@pytest.fixture
def split(tmp_path: Path) -> Split:
    n = 12
    index = TileIndex(
        root=tmp_path,
        paths=tuple(f"{i}.png" for i in range(n)),
        labels=tuple("AB"[i % 2] for i in range(n)),
        groups=tuple(f"g{i}" for i in range(n)),
        extra={"mpp": tuple(f"{i}" for i in range(n))},
    )
    parts = tuple(("train", "train", "val", "test")[i % 4] for i in range(n))
    return Split(index, parts, "group", 0, folds=tuple(str(i % 3) for i in range(n)))


def table(tmp_path: Path, *rows: str) -> Path:
    file = tmp_path / "review.csv"
    file.write_text("\n".join(["path,label,decision", *rows]) + "\n")
    return file


def test_training_and_validation_tiles_are_dropped_and_relabelled_and_the_test_part_stays(split, tmp_path):
    file = table(tmp_path, "0.png,A,drop", "1.png,B,A", "2.png,A,B", "3.png,B,drop", "7.png,B,A", "4.png,A,keep")
    review = read_review(file, split.index)
    after = review.applied(split)
    labels = dict(zip(after.index.paths, after.index.labels, strict=True))
    assert "0.png" not in labels
    assert (labels["1.png"], labels["2.png"], labels["4.png"]) == ("A", "B", "A")
    assert (labels["3.png"], labels["7.png"]) == ("B", "B")
    assert after.part("test").paths == split.part("test").paths
    assert review.counts(split) == (1, 2)
    place = after.index.paths.index("5.png")
    assert (after.index.groups[place], after.folds[place], after.parts[place]) == ("g5", "2", "train")
    assert after.index.extra["mpp"][place] == "5"


def test_a_review_comes_back_from_its_file(split, tmp_path):
    review = read_review(table(tmp_path, "0.png,A,drop", "1.png,B,A"), split.index)
    review.write(tmp_path / "kept.csv")
    again = read_review(tmp_path / "kept.csv", split.index)
    assert again == review
    assert again.sha256() == review.sha256() != Review({}, {}).sha256()


def test_what_was_decided_on_tiles_that_are_not_there_is_left_out(split, tmp_path):
    review = read_review(table(tmp_path, "0.png,A,drop", "1.png,B,A"), split.index)
    assert review.among(split.index.take([1, 2])).decisions == {"1.png": "A"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x.png,A,drop", r"line 2: x\.png is not among the tiles"),
        ("0.png,B,drop", r"line 2: 0\.png is 'B' here but 'A' in the data"),
        ("0.png,A,C", r"line 2: the decision is 'C'; expected keep, drop or a class"),
        ("0.png,A,Drop", r"did you mean 'drop'"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(split, tmp_path, row, message):
    with pytest.raises(CannotReadTable, match=message):
        read_review(table(tmp_path, row), split.index)


def test_a_class_that_is_called_like_a_decision_is_refused(split, tmp_path):
    index = replace(split.index, labels=("drop", *split.index.labels[1:]))
    with pytest.raises(CannotReadTable, match="'drop', which is a decision"):
        read_review(table(tmp_path, "1.png,B,drop"), index)


def test_a_tile_that_is_listed_twice_is_named(split, tmp_path):
    with pytest.raises(CannotReadTable, match=r"line 3: 0\.png is listed twice"):
        read_review(table(tmp_path, "0.png,A,drop", "0.png,A,B"), split.index)


def test_a_row_is_found_however_its_path_is_spelled(split, tmp_path):
    index = replace(split.index, paths=("\u00dcber/1.png", *split.index.paths[1:]))
    review = read_review(table(tmp_path, r".\Über\1.png,A,drop", " 1.png,B,A"), index)
    assert review.decisions == {"\u00dcber/1.png": "drop", "1.png": "A"}
    with pytest.raises(CannotReadTable, match=r"line 3: \.\\1\.png is listed twice"):
        read_review(table(tmp_path, "1.png,B,A", r".\1.png,B,A"), index)


def test_decisions_follow_tiles_that_were_renamed(split, tmp_path):
    shows = tuple(f"{i:064x}" for i in range(len(split.index)))
    before = replace(split.index, pixels=shows)
    read_review(table(tmp_path, "0.png,A,drop", "1.png,B,A"), before).write(tmp_path / "kept.csv")
    renamed = replace(before, paths=tuple(f"new/{path}" for path in before.paths))
    assert read_review(tmp_path / "kept.csv", renamed).decisions == {"new/0.png": "drop", "new/1.png": "A"}
    swapped = replace(before, paths=(*before.paths[:2][::-1], *before.paths[2:]))
    assert read_review(tmp_path / "kept.csv", swapped).decisions == {"1.png": "drop", "0.png": "A"}
    other = replace(before, pixels=("f" * 64, *shows[1:]))
    with pytest.raises(CannotReadTable, match=r"line 2: 0\.png is another picture than when it was reviewed"):
        read_review(tmp_path / "kept.csv", other)


def test_a_renamed_tile_that_is_listed_twice_is_named(split, tmp_path):
    index = replace(split.index, pixels=tuple(f"{i:064x}" for i in range(len(split.index))))
    file = tmp_path / "review.csv"
    rows = ["path,label,pixel_sha256,decision", *[f"old.png,A,{0:064x},drop"] * 2]
    file.write_text("\n".join(rows) + "\n")
    with pytest.raises(CannotReadTable, match=r"line 3: old\.png is listed twice"):
        read_review(file, index)
