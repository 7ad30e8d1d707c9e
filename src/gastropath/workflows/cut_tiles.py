"""Labelled places of slides as tiles, so that they are judged like any others; what a model learned is left out."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import NoTilesFound
from gastropath.progress import Progress
from gastropath.report.wording import count, listed
from gastropath.workflows.labelled import GivenLabels

if TYPE_CHECKING:
    from gastropath.data.index import TileIndex
    from gastropath.evaluation.assessment import Assessment
    from gastropath.inference.classifier import Classifier

SHARES = "shares.csv"
"""Table of the share that each class has of the labelled tiles of a slide, and of the answers to them."""


@dataclass(frozen=True)
class CutTiles:
    """Labelled places of slides as a folder of tiles.

    Attributes
    ----------
    table
        CSV ``path,label,group`` of the tiles; the group is the slide.
    learned
        How many were left out because the model learned from them, or from a place that they share.
    same_slides
        Slides that the model learned other places of.
    """

    table: Path
    learned: int
    same_slides: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of the figures should know, in sentences."""
        said = []
        if self.learned:
            said.append(_left_out(self.learned))
        if self.same_slides:
            said.append(
                f"The model learned other places of {listed(self.same_slides)}: the figures say little of new slides."
            )
        return tuple(said)


@contextmanager
def cut_tiles(given: GivenLabels, classifier: Classifier, home: Path | None, progress: Progress) -> Iterator[CutTiles]:
    """Cut labelled places out of slides, for the time of the block, so that they are judged like any tiles.

    Raises
    ------
    NoTilesFound
        If the model learned from all of them.
    """
    from PIL import Image

    from gastropath.images import pixel_sha256
    from gastropath.results.learned import LearnedTiles, read_learned
    from gastropath.tables import write_table

    known, mpp = read_learned(home) if home else LearnedTiles(()), classifier.card.input.mpp
    rows: list[dict[str, object]] = []
    learned, same = 0, set()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for number, tiles in enumerate(given.opened(classifier.card, classifier.classes)):
            name = tiles.slide.path.name
            if known.knows_slide(name):
                same.add(name)
            (folder / f"{number}").mkdir()
            for first, stack in tiles.read_all():
                for place, pixels in enumerate(stack, start=first):
                    label, box = tiles.labels[place].label, tiles.boxes[place]
                    if known.knows(name, box, pixel_sha256(pixels)):
                        learned += 1
                        continue
                    path = f"{number}/x{box[0]:.0f}_y{box[1]:.0f}_{place}.png"
                    Image.fromarray(pixels).save(folder / path, compress_level=1)
                    rows.append({"path": path, "label": label, "group": name, "source": name, "mpp": mpp})
                progress(f"labelled tiles of {name}", first + len(stack), len(tiles.labels))
        if not rows:
            raise _learned_all(learned)
        write_table(folder / "labels.csv", ("path", "label", "group", "source", "mpp"), rows)
        yield CutTiles(folder / "labels.csv", learned, tuple(sorted(same)))


def without_learned(index: TileIndex, learned: Collection[str]) -> tuple[TileIndex, tuple[str, ...]]:
    """Leave out the tiles that an adapted model learned from, and say how many.

    Raises
    ------
    NoTilesFound
        If it learned from all.
    """
    kept = [row for row, pixels in enumerate(index.pixels) if pixels not in learned]
    if len(kept) == len(index):
        return index, ()
    if not kept:
        raise _learned_all(len(index))
    return index.take(kept), (_left_out(len(index) - len(kept)),)


def _learned_all(n: int) -> NoTilesFound:
    return NoTilesFound(
        f"the model learned from all {count(n, 'labelled tile')}: how good it is shows on others",
        remedy="label tiles of another slide, or places drawn at random",
    )


def _left_out(n: int) -> str:
    return f"{count(n, 'labelled tile')} left out: the model learned from them."


def write_shares(assessment: Assessment, path: Path) -> None:
    """Write :data:`SHARES`: tiles are of one size, so shares of tiles are shares of the labelled area."""
    from gastropath.tables import write_table

    tiles = assessment.tiles
    slides, codes = [tiles.index.groups[row] for row in tiles.judged], tiles.card.codes
    rows = []
    for slide in dict.fromkeys(slides):
        own = [place for place, name in enumerate(slides) if name == slide]
        for number, code in enumerate(codes):
            labelled = sum(int(tiles.labels[place]) == number for place in own)
            predicted = sum(tiles.answers.labels[place] == code for place in own)
            row = {"slide": slide, "class": code, "tiles": labelled}
            rows.append(
                {**row, "share": f"{labelled / len(own):.4f}", "predicted_share": f"{predicted / len(own):.4f}"}
            )
    write_table(path, ("slide", "class", "tiles", "share", "predicted_share"), rows)
