"""From cross-validation to suspected labels, to a review, to the next training run."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gastropath.bundle.files import open_bundle

pytestmark = pytest.mark.slow


def gastropath(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def test_suspected_labels_are_reviewed_and_the_next_run_records_it(synthetic_tiles, tmp_path):
    tiles = tmp_path / "tiles"
    shutil.copytree(synthetic_tiles, tiles)
    planted = [
        f"ADI/{(tiles / 'LYM' / f'LYM_{i}.png').rename(tiles / 'ADI' / f'ADI_{90 + i}.png').name}" for i in (2, 3)
    ]
    split, first, second = tmp_path / "split.csv", tmp_path / "first", tmp_path / "second"
    assert gastropath("split", tiles, "--by", "random", "--folds", 3, "--out", split).returncode == 0
    done = gastropath("train", tiles, "--split", split, "--folds", 3, "--set", "views=1", "--out", first)
    assert done.returncode == 0, done.stderr
    issues = rows_of(first / "label_issues.csv")
    assert f"{len(issues)} labels may be wrong" in done.stdout
    found = {row["path"]: row for row in issues}
    assert set(planted) <= set(found)
    assert {found[path]["suggested_label"] for path in planted} == {"LYM"}
    report = (first / "report.html").read_text("utf-8")
    assert "Labels to look at again" in report
    assert "Cross-validation" in report
    of_folds = json.loads((first / "cross_validation.json").read_text())
    assert (of_folds["part"], of_folds["n"]) == ("out-of-fold", len(rows_of(first / "oof.csv")))

    part = {row["path"]: row["part"] for row in rows_of(split)}
    for row in issues:
        row["decision"] = "LYM" if row["path"] == planted[0] else "drop" if row["path"] == planted[1] else ""
    review = tmp_path / "reviewed.csv"
    with review.open("w", newline="") as file:
        writer = csv.DictWriter(file, issues[0])
        writer.writeheader()
        writer.writerows(issues)
    options = ("--split", split, "--set", "views=1", "--checks", "none", "--apply-review", review)
    done = gastropath("train", tiles, *options, "--out", second)
    assert done.returncode == 0, done.stderr
    applied = open_bundle(second / "model").card.training_data.review
    assert applied is not None
    assert (applied.relabelled, applied.dropped) == (part[planted[0]] != "test", part[planted[1]] != "test")
    assert applied.relabelled + applied.dropped > 0
    assert "labels reviewed" in (second / "report.html").read_text("utf-8")
    assert {row["path"]: row["decision"] for row in rows_of(second / "review.csv")} == {
        planted[0]: "LYM",
        planted[1]: "drop",
    }
    judged = {row["path"]: row["true_label"] for row in rows_of(second / "predictions.csv")}
    assert judged[planted[0]] == judged[planted[1]] == "ADI"  # the published labels
    assert gastropath("train", tiles, *options, "--out", second, "--resume").returncode == 0
    review.write_text("path,label,decision\n")
    done = gastropath("train", tiles, *options, "--out", second, "--resume")
    assert done.returncode == 1
    assert "another review" in done.stderr
