"""The map of a picture in memory, for the web page: the same tiles, answers and tables as of a slide, and no file."""

from __future__ import annotations

from gastropath.inference.classifier import Classifier
from gastropath.parallel import HERE
from gastropath.progress import Progress, silent
from gastropath.slides.block import Answered, Block, BlockReader, wanted
from gastropath.slides.grid import TileGrid
from gastropath.slides.slide import Slide
from gastropath.slides.tissue_mask import find_tissue


def map_region(
    slide: Slide, classifier: Classifier, *, everything: bool = False, progress: Progress = silent
) -> Answered:
    """Find tissue, lay the grid, and answer every tile.

    Parameters
    ----------
    slide
        Small enough that all answers fit into memory.
    classifier
        The model.
    everything
        Classify glass, pen and border too.
    """
    model = classifier.card.input
    grid, mask = TileGrid.over(slide, model.tile_px, model.mpp), find_tissue(slide)
    judged = [wanted(grid, mask, place, numbers, everything=everything) for place, numbers in enumerate(grid.blocks())]
    answers: list[Block] = []
    for _, block in HERE.each(BlockReader(lambda: slide, lambda: classifier, grid, False), judged):
        answers.append(block)
        progress("classifying", len(answers), len(judged))
    return Answered(slide, grid, mask, classifier.card, lambda: iter(answers))
