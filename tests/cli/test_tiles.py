"""Every command that reads tiles says what it left out, where a person looks: on the terminal."""

from __future__ import annotations

import pytest

COMMANDS = {
    "audit": ("audit", "tiles", "--no-near"),
    "split": ("split", "tiles", "--by", "random"),
    "train": ("train", "tiles", "--set", "no_such_setting=1"),
    "evaluate": ("evaluate", "--data", "tiles", "--model", "nowhere"),
    "space": ("space", "--examples", "tiles", "--out", "tiles"),
}
"""Some are wrong in what comes after the tiles are found, so that the test is quick."""


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_left_out_is_told_by_every_command_that_reads_tiles(gastropath, noise_tiles, command: str):
    tiles = noise_tiles({"TUM": 9, "STR": 9}, size=16)
    for name in ("notes.txt", "more.txt", "table.csv"):
        (tiles / "TUM" / name).write_text("no picture")
    _, out, err = gastropath(*COMMANDS[command])
    assert "left out: files that are not images: 3 (2 .txt, 1 .csv)" in err
    assert "left out: files" not in out
