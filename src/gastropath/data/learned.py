"""Which tiles a model learned from, so that they are recognised when it is evaluated, whatever they are called then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gastropath.data.matching import PIXELS
from gastropath.data.split.split import Split
from gastropath.results.learned import LEARNED, find_learned
from gastropath.tables import read_table, write_table

_COLUMNS = (PIXELS, "label", "path")
"""Of the table in a run folder, which lists training and validation tiles."""

OLDER_RUN = (
    "This run was made by an earlier GastroPath, which did not note what its tiles look like: whether the tiles judged "
    "here are those it learned from cannot be told, and all of them are judged. Train again, or judge the test part of "
    "its split.csv by `split`."
)
"""What is said of a model whose run knows no pixels."""


@dataclass(frozen=True)
class Learned:
    """The tiles a model learned from.

    Attributes
    ----------
    pixels
        :func:`gastropath.images.pixel_sha256` of each; ``None`` where nobody knows them.
    run_is_older
        Whether that is because the run was made before pixels were noted.
    """

    pixels: frozenset[str] | None = None
    run_is_older: bool = False


def write_learned(split: Split, run: Path) -> None:
    """Write the training and validation tiles of a run, whose pixels are known."""
    index = split.index
    rows = (
        {PIXELS: index.pixels[i], "label": index.labels[i], "path": index.paths[i]}
        for i, part in enumerate(split.parts)
        if part != "test"
    )
    write_table(run / LEARNED, _COLUMNS, rows)


def learned_tiles(model: Path) -> Learned:
    """Return the tiles that a model learned from, given the folder of its run or of the bundle in it.

    Raises
    ------
    CannotReadTable
        If the table is damaged.
    """
    table = find_learned(model)
    if table is None:
        return Learned()
    columns, rows = read_table(table, required=())
    if PIXELS not in columns:
        return Learned(run_is_older=True)
    return Learned(frozenset(row[PIXELS] for row in rows))
