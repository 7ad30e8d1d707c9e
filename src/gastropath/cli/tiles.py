"""What every command that reads tiles says of them before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gastropath.cli import console

if TYPE_CHECKING:
    from gastropath.data.index import TileIndex


def tell_of_tiles(index: TileIndex) -> None:
    """Say on standard error how the tiles were found, and what was left out, a line a reason."""
    from gastropath.data.left_out import in_words

    for note in index.notes:
        console.note(note)
    for line in in_words(index.left_out):
        console.note(f"left out: {line}")
