"""`split`, and what `train` and `evaluate` make of its tables: how the tiles were divided is never forgotten."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from gastropath.results.metrics import Metrics


@pytest.fixture
def copied_tiles(noise_tiles) -> Path:
    """Ninety tiles of each of two classes; of TUM, every tenth is a copy of the one before it."""
    root = noise_tiles({"TUM": 90, "STR": 90}, size=16)
    for number in range(10, 91, 10):
        shutil.copy(root / "TUM" / f"TUM_{number - 1}.png", root / "TUM" / f"TUM_{number}.png")
    return root


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_by_default_blocks_are_divided_and_what_is_left_out_is_told(gastropath, copied_tiles):
    status, out, _ = gastropath("split", copied_tiles, "--folds", 4)
    assert status == 0
    described = json.loads(Path("split.json").read_text())
    assert described["method"] == "block"
    near, copies = described["purged"]["gap"], described["purged"]["copies"]
    assert near > 0
    assert f"left out: {near} tile" in out
    assert f"{copies} tile" in out
    assert "blocks of about 4 neighbouring files, more than 1 numbers apart" in out
    assert "4 folds" in out
    assert "pairs of duplicate tiles in different parts: 0 identical" in out
    rows = rows_of("split.csv")
    assert len(rows) == 180 - near - copies
    assert {row["fold"] for row in rows} - {""} == set("0123")


def test_a_random_split_says_what_it_leaks_and_that_it_is_optimistic(gastropath, copied_tiles):
    status, out, _ = gastropath("split", copied_tiles, "--by", "random")
    assert status == 0
    pairs = json.loads(Path("split.json").read_text())["identical_pairs_across_parts"]
    assert pairs > 0
    assert f"pairs of duplicate tiles in different parts: {pairs} identical" in out
    assert "optimistic" in out


def test_groups_of_a_table_stay_together_and_tiles_without_one_are_counted(gastropath, noise_tiles):
    tiles = noise_tiles({"TUM": 40, "STR": 40}, size=16)
    lines = [f"{code}_{n}.png,P{n % 9}" for code in ("TUM", "STR") for n in range(1, 31)]
    Path("patients.csv").write_text("\n".join(["path,patient_id", *lines]))
    status, out, _ = gastropath("split", tiles, "--by", "group", "--groups", "patients.csv")
    assert status == 0
    assert "60 tiles stay together by group, from column 'patient_id' of patients.csv" in out
    assert "Nothing keeps the tiles of a slide together for 20 of 80 tiles: no group is known" in out
    parts: dict[str, set[str]] = {}
    for row in rows_of("split.csv"):
        if row["group"]:
            parts.setdefault(row["group"], set()).add(row["part"])
    assert len(parts) == 9
    assert all(len(found) == 1 for found in parts.values())
    arguments = ("--by", "group", "--groups", "patients.csv", "--classes", "TUM", "--out", "tum.csv")
    status, _, err = gastropath("split", tiles, *arguments)  # the table may speak of classes that are not taken
    assert status == 1
    assert "only class 'TUM' found" in err


def test_tiles_of_which_nothing_says_what_belongs_together_are_counted(gastropath, noise_tiles):
    tiles = noise_tiles({"TUM": 9, "STR": 9}, size=16)
    (tiles / "TUM" / "TUM_1.png").rename(tiles / "TUM" / "first.png")
    status, out, _ = gastropath("split", tiles)
    assert status == 0
    assert "1 tile with neither a group nor a number in the name" in out
    assert "Nothing keeps the tiles of a slide together for all tiles" in out


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("--by", "grup"), 2, "no method 'grup'; did you mean 'group'?"),
        (("--by", "group"), 2, "no tile has a group; name a table of patients or slides with --groups"),
        (("--by", "random", "--gap", "3"), 2, "--block and --gap are settings of --by 'block', not of 'random'"),
        (("--groups", "nowhere.csv"), 1, "nowhere.csv: there is no such file"),
        (("--gap", "9"), 1, "would have no tile in the train part"),
        (("--folds", "10"), 1, "it needs at least 10 independent blocks"),
        (("--out", "split.json"), 1, "ends in .csv"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(gastropath, noise_tiles, arguments, status, reason):
    tiles = noise_tiles({"TUM": 9, "STR": 9}, size=16)
    found, _, err = gastropath("split", tiles, *arguments)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (found, len(errors)) == (status, 1)
    assert reason in errors[0]
    assert sorted(path.name for path in Path().iterdir()) == ["tiles"]


@pytest.mark.parametrize("folds", [1, 21])
def test_one_fold_and_more_than_twenty_are_wrong_usage(gastropath, noise_tiles, folds):
    assert gastropath("split", noise_tiles({"TUM": 9, "STR": 9}, size=16), "--folds", folds)[0] == 2


def test_with_json_the_description_is_all_that_is_printed(gastropath, copied_tiles):
    status, out, _ = gastropath("split", copied_tiles, "--json")
    assert status == 0
    assert json.loads(out) == json.loads(Path("split.json").read_text())


def test_columns_of_the_users_table_go_through_the_split(gastropath, noise_tiles):
    tiles = noise_tiles({"TUM": 9, "STR": 9}, size=16)
    lines = [f'{code}/{code}_{n}.png,{code},"Ä, ""{n}"""' for code in ("TUM", "STR") for n in range(1, 10)]
    (tiles / "mine.csv").write_text("\n".join(["path,label,scanner", *lines]))
    assert gastropath("split", tiles / "mine.csv")[0] == 0
    assert {row["scanner"] for row in rows_of("split.csv")} == {f'Ä, "{n}"' for n in range(1, 10)}


def test_evaluate_says_of_a_random_split_that_it_is_one_and_what_it_leaks(
    gastropath, finished_run, synthetic_tiles, tmp_path
):
    shutil.copytree(synthetic_tiles, tmp_path / "tiles")
    for n in range(1, 9):
        shutil.copy(tmp_path / "tiles" / "TUM" / "TUM_1.png", tmp_path / "tiles" / "TUM" / f"TUM_{n + 100}.png")
    assert gastropath("split", "tiles", "--by", "random", "--out", "random.csv")[0] == 0
    described = json.loads(Path("random.json").read_text())
    status, _, err = gastropath(
        "evaluate", "--model", finished_run, "--data", "tiles", "--split", "random.csv", "--out", "evaluation",
        "--checks", "none",
    )  # fmt: skip
    assert status == 0
    metrics = Metrics.model_validate_json(Path("evaluation/metrics.json").read_text())
    assert metrics.split is not None
    assert (metrics.split.method, metrics.split.seed) == ("random", 0)
    assert metrics.leakage.duplicate_pairs_across_parts == described["duplicate_pairs_across_parts"] > 0
    assert metrics.leakage.near_pairs_across_parts == described["near_pairs_across_parts"]
    page = Path("evaluation/report.html").read_text()
    for said in (metrics.leakage.warning, "The split is random"):
        assert said
        assert said in page
        assert re.search(rf"warning: .*{re.escape(said)}", err)
    assert re.search(r"<td>split</td>\s*<td[^>]*>random, seed 0: nothing stays together", page)
    assert re.search(
        rf"duplicate tiles across parts</td>\s*<td[^>]*>pairs: {metrics.leakage.identical_pairs_across_parts} id", page
    )

    table = Path("random.csv").read_text()
    Path("random.csv").write_text(table.replace(",train,", ",test,", 1))
    arguments = ("evaluate", "--model", finished_run, "--data", "tiles", "--split", "random.csv", "--out", "edited")
    status, _, err = gastropath(*arguments)
    assert status == 0
    edited = Metrics.model_validate_json(Path("edited/metrics.json").read_text())
    assert edited.split is not None
    assert (edited.split.method, edited.split.seed) == ("file", None)
    assert edited.leakage.duplicate_pairs_across_parts is None
    assert "duplicates in different parts were not counted" in err


def test_a_run_without_a_split_is_divided_by_block_and_says_so(finished_run):
    metrics = Metrics.model_validate_json((finished_run / "metrics.json").read_text())
    described = json.loads((finished_run / "split.json").read_text())
    assert metrics.split is not None
    assert (metrics.split.method, metrics.split.purged) == ("block", described["purged"])
    assert metrics.leakage.duplicate_pairs_across_parts == described["duplicate_pairs_across_parts"] == 0
    page = (finished_run / "report.html").read_text("utf-8")
    assert "block, seed 0: nothing keeps 192 tiles with others of their slide" in page  # too few for blocks
