"""A published division is kept as it was published, and what is wrong with it is said."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.cli.split import told
from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.division import make_split
from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.workflows.split import split


@pytest.fixture
def divided(tmp_path: Path, rng: np.random.Generator):
    """Write tiles into folders of parts: ``divided(train=12, test=4)``."""

    def write(**tiles: int) -> Path:
        for part, n in tiles.items():
            for code in ("TUM", "STR"):
                folder = tmp_path / "data" / part / code
                folder.mkdir(parents=True)
                for i in range(n):
                    Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"{part}{i}.png")
        return tmp_path / "data"

    return write


def test_published_parts_are_kept_tile_for_tile(divided, tmp_path: Path):
    made = split(divided(train=5, val=3, test=2), tmp_path / "split.csv", by="folders").split
    assert (made.method, made.purged, made.block) == ("folders", {"gap": 0, "copies": 0}, None)
    assert [path.split("/")[0] for path in made.index.paths] == list(made.parts)
    with (tmp_path / "split.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["part"] for row in rows] == list(made.parts)
    assert list(rows[0]) == ["path", "label", "group", "part", "fold", "pixel_sha256"]
    assert json.loads((tmp_path / "split.json").read_text())["method"] == "folders"


def test_a_part_that_is_missing_is_taken_out_of_train_and_said(divided):
    made = split(divided(train=40, test=6), by="folders").split
    assert set(made.rows("test")) == {i for i, path in enumerate(made.index.paths) if path.startswith("test/")}
    assert len(made.rows("test")) == 12
    assert made.part("val").counts().keys() == {"STR", "TUM"}
    assert 8 <= len(made.rows("val")) <= 20
    assert "there is no val part in the data: it is taken out of train, by block" in list(told(made))


def test_copies_and_groups_across_published_parts_are_counted_and_stay(divided):
    data = divided(train=12, val=3, test=3)
    for part in ("train", "test"):
        (data / part / "TUM" / "P1").mkdir()
        shutil.move(data / part / "TUM" / f"{part}1.png", data / part / "TUM" / "P1")
    shutil.copy(data / "train" / "TUM" / "train0.png", data / "test" / "TUM" / "copy.png")
    made = split(data, by="folders").split
    assert made.identical_pairs_across_parts == 1
    assert len(made.index) == 2 * 18 + 1
    assert "1 group (a patient or slide) has tiles in several parts, as published (P1)" in " ".join(told(made))


def test_a_column_of_a_table_is_a_published_division_too(divided, tmp_path: Path):
    data = divided(train=4)
    names = {"Training": (0, 1), "validation": (2,), "test": (3,)}
    rows = [f"train/{c}/train{i}.png,{c},{part}" for c in ("TUM", "STR") for part, own in names.items() for i in own]
    (data / "t.csv").write_text("path,label,part\n" + "\n".join(rows))
    made = split(data / "t.csv", by="folders").split
    assert [made.parts.count(part) for part in ("train", "val", "test")] == [4, 2, 2]
    (data / "t.csv").write_text("path,label,part\n" + "\n".join(rows[:-1]) + "\ntrain/STR/train3.png,STR,left")
    with pytest.raises(CannotReadTable, match=r"STR/train3.png: part is 'left'; expected one of train, val, test"):
        split(data / "t.csv", by="folders")


def test_tiles_that_are_not_divided_are_refused_with_what_is_expected(noise_tiles):
    audit = audit_tiles(find_tiles([noise_tiles({"TUM": 4, "STR": 4}, size=16)]), near=False)
    with pytest.raises(UnknownSetting, match="by: the data are not divided: expected folders train and test"):
        make_split(audit, "folders")


def test_folds_of_a_published_division_are_dealt_by_block(divided):
    made = split(divided(train=30, val=6, test=6), by="folders", folds=3).split
    assert set(made.folds) - {""} == {"0", "1", "2"}
    assert [path.split("/")[0] for path in made.index.paths] == list(made.parts)
