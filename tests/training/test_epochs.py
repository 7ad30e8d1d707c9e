"""While a network is trained, what each epoch gave can be read, in the table and by TensorBoard."""

from pathlib import Path

import pytest

import gastropath

QUICK = {"epochs": 2, "tile_px": 64, "batch_size": 16}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["baseline", "finetune"])
def test_history_grows_with_each_epoch_and_tensorboard_has_what_keras_notes(recipe, synthetic_tiles, tmp_path):
    run, board, rows = tmp_path / "run", tmp_path / "board", []

    def look(what: str, done: int, total: int) -> None:
        table = run / "history.csv"
        rows.append(len(table.read_text().splitlines()) - 1 if table.exists() else 0)

    gastropath.train(
        synthetic_tiles, run, recipe=recipe, settings=QUICK, checks="none", tensorboard=board, progress=look
    )
    before = 1 if recipe == "finetune" else 0  # its epoch 0 is the transfer model
    assert {before + 1, before + 2} <= set(rows)
    assert rows == sorted(rows)
    assert {file.parent.name for file in Path(board).rglob("*.v2")} == {"train", "validation"}
