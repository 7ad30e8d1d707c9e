"""On real tiles, where a folder of them lies beside the checkout (see CONTRIBUTING.md)."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.division import make_split

EIGHT = ["ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM"]

pytestmark = pytest.mark.real


def test_the_table_of_real_tiles_is_an_index_and_every_tile_is_readable(real_tiles):
    index = find_tiles([real_tiles], EIGHT)
    with real_tiles.open() as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in EIGHT]
    assert index.paths == tuple(row["path"] for row in rows)
    assert index.groups == tuple(row["group"] for row in rows)
    assert sum(left_out.n for left_out in index.left_out) > 0
    audited = audit_tiles(index)
    assert audited.refused() == {}
    sizes = [(int(row["width"]), int(row["height"])) for row in rows]
    assert [(record.width, record.height) for record in audited.records] == sizes


def test_no_group_of_real_tiles_lies_on_two_sides(real_tiles):
    split = make_split(audit_tiles(find_tiles([real_tiles], EIGHT)), "group")
    sides: dict[str, set[str]] = {}
    for group, part in zip(split.index.groups, split.parts, strict=True):
        sides.setdefault(group, set()).add(part)
    assert all(len(parts) == 1 for parts in sides.values())
    assert all(set(split.part(part).labels) == set(EIGHT) for part in ("train", "val", "test"))
    assert split.duplicate_pairs_across_parts == 0


def test_background_is_a_ninth_class_like_any_other(real_tiles):
    index = find_tiles([real_tiles], [*EIGHT, "BACK"])
    assert index.classes == tuple(sorted([*EIGHT, "BACK"]))
    assert index.counts()["BACK"] > 0


@pytest.mark.slow
def test_train_evaluate_and_predict_work_on_real_tiles(real_tiles, tmp_path):
    def gastropath(*arguments):
        command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    chosen, unchecked = ("--classes", ",".join(EIGHT)), ("--checks", "none")
    gastropath("train", real_tiles, *chosen, "--recipe", "baseline", "--out", "run", "--set", "epochs=3", *unchecked)
    again = json.loads(gastropath("evaluate", "--model", "run", "--data", real_tiles, *chosen, *unchecked, "--json"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert again == metrics
    assert metrics["synthetic"] is False
    assert metrics["resampled"] == "tiles"
    assert np.sum(metrics["confusion_matrix"]) == metrics["n"]
    folder = real_tiles.parent / "tiles" / "crc_val_he_7k" / "LYM"
    answers = json.loads(gastropath("predict", folder, "--model", "run", "--json"))["predictions"]
    with (tmp_path / "run" / "predictions.csv").open() as file:
        known = {row["path"]: row["predicted_label"] for row in csv.DictReader(file)}
    for answer in answers:
        assert known["tiles/" + answer["path"].split("/tiles/")[1]] == answer["predicted_label"]
