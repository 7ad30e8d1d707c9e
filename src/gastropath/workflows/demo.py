"""Synthetic tiles and a synthetic slide, for the whole chain without any data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import StrPath
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.data.synthetic.truth import Agreement

TILES_PER_CLASS = 80
NEW_TILES_PER_CLASS = 10
FOREIGN_SEED, FOREIGN_PX = 2, (4224, 3648)


@dataclass(frozen=True)
class Drawn:
    """What the demo works on; all of it is drawn by a computer and shows no tissue.

    Attributes
    ----------
    tiles
        Folder to train on.
    new_tiles
        Folder with stains and scales that the others do not have.
    slide
        A whole slide.
    truth
        The picture of what was drawn where on it.
    foreign
        Another slide, of a stain that the tiles do not have, to teach a model on.
    """

    tiles: Path
    new_tiles: Path
    slide: Path
    truth: Path
    foreign: Path

    def agreement(self, tiles: StrPath) -> Agreement:
        """Hold the ``tiles.csv`` of a map of the slide against what was drawn."""
        from gastropath.data.synthetic.truth import agreement

        return agreement(Path(tiles), self.truth)


def draw(
    out: StrPath, *, tiles_per_class: int = TILES_PER_CLASS, seed: int = 0, overwrite: bool = False,
    progress: Progress | None = None,
) -> Drawn:  # fmt: skip
    """Draw synthetic tiles of the eight classes, and two synthetic slides.

    Parameters
    ----------
    out
        Folder for everything; with ``overwrite`` what it holds is deleted first.
    tiles_per_class
        Tiles of each class to train on.
    seed
        Of the drawing.
    overwrite
        Replace what ``out`` holds.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    Drawn
        Where it lies.

    Raises
    ------
    MissingExtra
        If the extras ``train`` and ``slides``, which the steps after it need, are not installed.
    OutputExists, CannotWrite
        If ``out`` already holds something, or cannot be written.
    """
    need("demo")
    from gastropath.data.synthetic.slide import PICTURE, write_slide
    from gastropath.data.synthetic.tiles import write_tiles
    from gastropath.outputs import new_folder

    folder = new_folder(Path(out), overwrite=overwrite)
    stages = Stages(
        ["drawing tiles", "drawing tiles of other stains", "drawing a slide", "drawing a slide of another stain"],
        progress,
    )
    tiles = write_tiles(folder / "tiles", tiles_per_class=tiles_per_class, seed=seed, progress=stages.at(0))
    new = write_tiles(
        folder / "new-tiles", tiles_per_class=NEW_TILES_PER_CLASS, seed=seed + 1, shifted=True, progress=stages.at(1)
    )
    slide = write_slide(folder / "drawn-slide", seed=seed, progress=stages.at(2))
    foreign = write_slide(
        folder / "foreign-slide", seed=seed + FOREIGN_SEED, size_px=FOREIGN_PX, shifted=True, progress=stages.at(3)
    )
    return Drawn(tiles, new, slide, slide.with_name(PICTURE), foreign)
