from pathlib import Path

import pytest

from gastropath.errors import CannotReadTable
from gastropath.teach.labels import COLUMNS, Label, read_labels, write_labels

HEAD = "slide,x_px,y_px,width_px,height_px,label"


def table(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join([head, *lines]))
    return path


def test_labels_are_read_as_they_were_written(tmp_path):
    labels = [
        Label("a.svs", (448.0, 0.0, 448.0, 448.0), "TUM", "own", "A. Reader", "2026-01-02T03:04:05+00:00"),
        Label("b.svs", (0.5, 12.25, 448.0, 448.0), "STR", "check"),
    ]
    write_labels(tmp_path / "labels.csv", labels)
    assert (tmp_path / "labels.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert read_labels(tmp_path / "labels.csv", ("STR", "TUM")) == labels


def test_a_label_that_stands_there_twice_is_taken_once_and_one_without_a_source_is_ones_own(tmp_path):
    (label,) = read_labels(table(tmp_path, "a,0,0,9,9,TUM", "a,0,0,9,9,TUM"), ("TUM",))
    assert label.source == "own"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,0,0,9,9,TUN", "1 label of class 'TUN', which the model has not; did you mean 'TUM'?; correct them"),
        ("a,0,0,0,9,TUM", "line 2: has the place '0, 0, 0, 9'; expected four numbers"),
        ("a,zero,0,9,9,TUM", "line 2: has the place"),
        ("a,inf,0,9,9,TUM", "line 2: has the place"),
        (",0,0,9,9,TUM", "line 2: names no slide"),
        ("a,0,0,9,9,TUM\na,0,0,9,9,STR", "line 3: calls a place of a STR, an earlier line TUM"),
    ],
)
def test_a_label_that_cannot_be_is_refused_by_its_line(line: str, message: str, tmp_path):
    with pytest.raises(CannotReadTable, match=message.replace("?", r"\?")):
        read_labels(table(tmp_path, line), ("STR", "TUM"))


def test_a_source_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(CannotReadTable, match="expected one of own, suggested, check"):
        read_labels(table(tmp_path, "a,0,0,9,9,TUM,guess", head=f"{HEAD},source"), ("TUM",))
