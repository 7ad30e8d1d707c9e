"""Models are compared in pairs, on the same tiles or not at all."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.accessibility import of_a_file

from gastropath import formulas
from gastropath.errors import CannotCompare, CannotReadTable
from gastropath.evaluation.comparison import Judged, compare, read_judged
from gastropath.evaluation.comparison_page import COLUMNS, conclusion, table, write_comparison
from gastropath.evaluation.ranks import mcnemar

CLASSES = ("A", "B", "C")


def judged(name: str, right: float, *, n: int = 240, groups: int = 30, seed: int = 0) -> Judged:
    """Answers that are right on a share of tiles, the same tiles for every name."""
    truth = np.random.default_rng(99).integers(0, 3, n)
    rng = np.random.default_rng(seed)
    given = np.where(rng.random(n) < right, truth, (truth + 1) % 3)
    return Judged(
        name=name,
        part="test part",
        classes=CLASSES,
        synthetic=False,
        paths=tuple(f"{i:03}.png" for i in range(n)),
        labels=tuple(CLASSES[i] for i in truth),
        groups=tuple(f"g{i % groups}" if groups else "" for i in range(n)),
        predicted=tuple(CLASSES[i] for i in given),
        accepted=rng.random(n) < 0.8,
    )


def test_figures_and_differences_follow_from_the_answers():
    first, other = judged("first", 0.6), judged("other", 0.9, seed=1)
    found = compare([first, other])
    rights = [np.array(run.predicted) == np.array(run.labels) for run in (first, other)]
    assert [model.accuracy.value for model in found.contenders] == pytest.approx([right.mean() for right in rights])
    assert found.contenders[1].selective_accuracy.value == pytest.approx(rights[1][other.accepted].mean())
    (gap,) = found.differences
    assert gap.accuracy.value == pytest.approx(rights[1].mean() - rights[0].mean())
    assert (gap.only_first, gap.only_other) == ((rights[0] & ~rights[1]).sum(), (~rights[0] & rights[1]).sum())
    assert gap.p == mcnemar(gap.only_first, gap.only_other)
    assert (found.resampled, found.groups) == ("groups", 30)
    assert gap.accuracy.is_above_zero
    assert "other is right more often than first" in conclusion(gap, "first")


def test_a_model_does_not_differ_from_itself():
    (gap,) = compare([judged("one", 0.7), judged("same", 0.7)]).differences
    assert (gap.accuracy.value, gap.accuracy.low, gap.accuracy.high, gap.p) == (0, 0, 0, 1)
    assert all(difference.value == 0 for difference in gap.f1.values())
    assert "cannot be told apart" in conclusion(gap, "one")


def test_pairs_make_the_interval_narrower_than_two_models_apart():
    """Two models that err on the same hard tiles: their difference is known better than either accuracy."""
    first = judged("first", 0.6)
    better = list(first.predicted)
    wrong = [i for i, (given, label) in enumerate(zip(better, first.labels, strict=True)) if given != label]
    for i in wrong[:15]:
        better[i] = first.labels[i]
    other = Judged(**{**vars(first), "name": "other", "predicted": tuple(better)})
    found = compare([first, other])
    _, low, high = found.differences[0].accuracy.numbers
    _, low_of_first, high_of_first = found.contenders[0].accuracy.numbers
    assert high - low < (high_of_first - low_of_first) / 2
    assert found.differences[0].accuracy.is_above_zero


def test_several_comparisons_are_adjusted_for_their_number():
    found = compare([judged("first", 0.7), judged("a", 0.75, seed=1), judged("b", 0.8, seed=2)])
    assert [gap.p_adjusted for gap in found.differences] == formulas.holm([gap.p for gap in found.differences])
    assert all(gap.p_adjusted >= gap.p for gap in found.differences)


def test_few_groups_are_told():
    found = compare([judged("first", 0.6, groups=5), judged("other", 0.6, groups=5, seed=1)])
    assert found.resampled == "tiles"
    assert "patients are unknown" in found.warnings[0]


def test_other_tiles_are_refused_with_their_names():
    with pytest.raises(CannotCompare, match=r"different tiles, 200 in common.*only in first: 200\.png, 201\.png"):
        compare([judged("first", 0.6), judged("other", 0.6, n=200)])


def test_other_labels_are_refused():
    first = judged("first", 0.6)
    other = Judged(**{**vars(first), "name": "other", "labels": first.labels[::-1]})
    with pytest.raises(CannotCompare, match="different labels"):
        compare([first, other])


def test_the_order_of_a_table_changes_nothing():
    first, other = judged("first", 0.6), judged("other", 0.9, seed=1)
    turned = other.take(range(len(other.paths))[::-1])
    assert turned.paths == other.paths[::-1]
    assert compare([first, turned]) == compare([first, other])


def test_names_that_look_like_formulas_are_drawn_as_they_are(tmp_path):
    write_comparison(compare([judged("first", 0.6), judged("x$_$", 0.9, seed=1)]), tmp_path)
    assert (tmp_path / "figures" / "differences.png").is_file()


@pytest.mark.browser
def test_the_page_fits_every_width_and_axe_finds_nothing(chromium, tmp_path):
    long = "a_long_name_without_a_space_" * 4
    write_comparison(compare([judged("first", 0.6), judged(long, 0.9, seed=1), judged("third", 0.7, seed=2)]), tmp_path)
    assert not of_a_file(chromium, tmp_path / "compare.html")


def test_tiles_are_paired_by_their_pixels_whatever_they_are_called():
    first, other = judged("first", 0.6), judged("other", 0.9, seed=1)
    pixels = tuple(f"{i:064x}" for i in range(len(first.paths)))
    first, other = replace(first, pixels=pixels), replace(other, pixels=pixels)
    renamed = replace(other, paths=other.paths[::-1])
    assert compare([first, renamed]) == compare([first, other])
    assert not any("cannot be told" in warning for warning in compare([first, other]).warnings)


def test_other_tiles_of_the_same_names_are_not_paired():
    first, other = judged("first", 0.6), judged("other", 0.9, seed=1)
    first = replace(first, pixels=tuple(f"{i:064x}" for i in range(len(first.paths))))
    other = replace(other, pixels=tuple(f"{i + 10**6:064x}" for i in range(len(first.paths))))
    with pytest.raises(CannotCompare, match=r"different tiles, 0 in common.*same path and other pixels"):
        compare([first, other])


def test_a_picture_with_two_labels_is_paired_with_itself():
    first, other = judged("first", 0.6), judged("other", 0.9, seed=1)
    pixels = tuple(f"{i // 2:064x}" for i in range(len(first.paths)))
    first, other = replace(first, pixels=pixels), replace(other, pixels=pixels)
    turned = other.take(range(len(other.paths))[::-1])
    assert compare([first, turned]).differences == compare([first, other]).differences


def test_what_earlier_versions_evaluated_is_paired_by_path_and_that_is_said():
    found = compare([judged("first", 0.6), judged("other", 0.9, seed=1)])
    assert any("cannot be told" in warning for warning in found.warnings)


def test_one_model_alone_cannot_be_compared():
    with pytest.raises(CannotCompare, match="at least two"):
        compare([judged("first", 0.6)])


def test_page_and_tables_hold_the_same_numbers(tmp_path: Path):
    found = compare([judged("first", 0.6), judged("a|b", 0.9, seed=1)])
    write_comparison(found, tmp_path)
    page, markdown = (tmp_path / "compare.html").read_text("utf-8"), (tmp_path / "comparison.md").read_text("utf-8")
    rows = table(found)
    assert len(rows[0]) == len(rows[1]) == len(COLUMNS)
    for cell in rows[1][1:]:
        assert cell.replace("<", "&lt;") in page
        assert cell.replace("<", "&lt;") in markdown
    assert r"a\|b" in markdown
    assert "n = 240 in 30 groups" in markdown
    with (tmp_path / "comparison.csv").open() as file:
        first, other = csv.DictReader(file)
    assert float(other["accuracy_difference"]) == pytest.approx(found.differences[0].accuracy.value, abs=1e-6)
    assert first["accuracy_difference"] == ""
    document = json.loads((tmp_path / "comparison.json").read_text())
    assert document["format_version"] == 1
    assert document["differences"][0]["p"] == found.differences[0].p
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}" for name in ("differences", "f1_differences") for kind in ("svg", "png")
    }


def test_a_run_is_compared_with_its_own_evaluation_by_the_command(finished_run, transfer_run, tmp_path):
    def gastropath(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    done = gastropath("compare", finished_run, transfer_run)
    assert done.returncode == 0, done.stderr
    ours, theirs = (read_judged(run, run.name) for run in (finished_run, transfer_run))
    found = compare([ours, theirs])
    assert str(found.differences[0].accuracy) in done.stdout
    assert (tmp_path / "comparison" / "compare.html").is_file()
    assert "Synthetic data" in (tmp_path / "comparison" / "compare.html").read_text("utf-8")
    again = gastropath("compare", finished_run, transfer_run)
    assert (again.returncode, again.stdout) == (1, "")
    assert "--overwrite" in again.stderr
    as_json = gastropath("compare", finished_run, transfer_run, "--overwrite", "--json")
    assert json.loads(as_json.stdout)["n"] == found.n


def test_a_folder_without_an_evaluation_is_refused_with_what_to_do(finished_run, tmp_path):
    with pytest.raises(CannotCompare, match="name a finished run"):
        read_judged(finished_run / "model", "model")
    shutil.copy(finished_run / "predictions.csv", tmp_path)
    (tmp_path / "metrics.json").write_text('{"part": "test"}')
    with pytest.raises(CannotCompare, match="evaluate the model again"):
        read_judged(tmp_path, "old")
    shutil.copy(finished_run / "metrics.json", tmp_path)
    lines = (tmp_path / "predictions.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "test" not in line.rstrip().split(",")]
    (tmp_path / "predictions.csv").write_text("".join(kept))
    with pytest.raises(CannotReadTable, match="evaluate the model again"):
        read_judged(tmp_path, "cut")
