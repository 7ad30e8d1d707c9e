"""Training depends on pixels, labels and parts, and not on what files and folders are called."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gastropath.data.audit.audit import with_pixels
from gastropath.data.index import find_tiles
from gastropath.tables import write_table

pytestmark = pytest.mark.slow


def answers(run: Path) -> dict[str, dict[str, str]]:
    """What a run's model answers on its test part, by what a tile shows."""
    with (run / "predictions.csv").open(newline="") as file:
        return {row.pop("pixel_sha256"): row for row in csv.DictReader(file) if row.pop("path")}


@pytest.mark.parametrize(
    ("trained", "settings"),
    [
        (
            "finished_run",
            ("--recipe", "baseline", "--set", "tile_px=96", "--set", "epochs=12", "--set", "abstain_unmet=answer"),
        ),
        ("transfer_run", ()),
    ],
)
def test_a_model_of_renamed_tiles_is_the_same_model(
    trained: str, settings: tuple[str, ...], synthetic_tiles: Path, tmp_path: Path, request: pytest.FixtureRequest
):
    run = request.getfixturevalue(trained)
    index = with_pixels(find_tiles([synthetic_tiles]))
    order = np.random.default_rng(3).permutation(len(index))
    rows = []
    for number, i in enumerate(order):
        copy = tmp_path / "tiles" / f"{number % 5}" / f"{number:03d}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(index.root / index.paths[i], copy)
        rows.append({"path": copy.relative_to(tmp_path / "tiles").as_posix(), "label": index.labels[i]})
    write_table(tmp_path / "tiles" / "tiles.csv", ("path", "label"), rows)
    again = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "gastropath",
        "train",
        tmp_path / "tiles" / "tiles.csv",
        "--out",
        again,
        "--checks",
        "none",
    ]
    done = subprocess.run([*command, "--split", run / "split.csv", *settings], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = answers(run), answers(again)
    assert len(before) > 20
    assert {pixels: row["predicted_label"] for pixels, row in after.items()} == {
        pixels: row["predicted_label"] for pixels, row in before.items()
    }
    assert after == before
