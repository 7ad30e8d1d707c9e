"""Do activation maps show what the model goes by? Two checks that a map can fail.

Deletion and insertion (Petsiuk et al. 2018): blurring the cells that a map calls important must take the predicted
class away sooner than blurring cells at random, and showing them first must bring it back sooner. Randomisation
(Adebayo et al. 2018): a network with shuffled weights must give other maps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.ranks import rank_correlation
from gastropath.evaluation.sample import Sample
from gastropath.evaluation.shuffled import Weights, shuffled
from gastropath.inference.classifier import Classifier
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.results.faithfulness import CellCurve, ExplanationChecks, RandomisedMaps

CELLS_A_SIDE = 7
STEPS = 7
"""Parts in which the cells of a tile are deleted: an odd number, so that what is deleted and what is left read the same
from both ends however many cells there are."""

UNRELATED = 0.5
"""Maps are unlike those of the shuffled network where the mean rank correlation is surely below this: less than a
quarter of the variance of the ranks is then common to both."""

_ORDERS = 2
_SHUFFLES = 3
_BLUR = 0.1  # of a tile's side: no nucleus is left, colours are
_SHUFFLED: tuple[tuple[Weights, str], ...] = (
    ("head", "the layers after the last convolution"),
    ("all", "all layers"),
)


def explanation_checks(classifier: Classifier, sample: Sample, *, progress: Progress = silent) -> ExplanationChecks:
    """Check the activation maps of the predicted classes."""
    tiles, predicted, resampling = sample.tiles, sample.answers.numbers, sample.resampling
    maps = _maps(classifier, tiles, predicted)
    cells = np.stack([_cells(of_tile) for of_tile in maps])
    shares, by_map, by_chance = _curves(classifier, tiles, predicted, cells, resampling.seed, progress)
    randomised = []
    for weights, what in _SHUFFLED:
        alike = np.empty((len(tiles), _SHUFFLES))
        for shuffle in range(_SHUFFLES):
            graph = shuffled(classifier.graph.content, weights, seed=resampling.seed * _SHUFFLES + shuffle)
            others = _maps(Classifier(classifier.card, graph), tiles, predicted)
            alike[:, shuffle] = [rank_correlation(*pair) for pair in zip(maps, others, strict=True)]
        randomised.append(_randomised(what, alike, resampling))
        progress("maps of shuffled networks", len(randomised), len(_SHUFFLED))
    return ExplanationChecks(
        n=len(tiles),
        cells=cells[0].size,
        deletion=_compared(shares, by_map["deletion"], by_chance, -1, resampling),
        insertion=_compared(shares, by_map["insertion"], by_chance[:, ::-1], 1, resampling),
        randomised=tuple(randomised),
    )


def _maps(classifier: Classifier, tiles: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    """Return the activation map of a class of each tile, what speaks against the class counting as nothing."""
    maps = classifier.graph.run(tiles)["cam"]
    return [np.maximum(of_tile[..., number], 0) for of_tile, number in zip(maps, classes, strict=True)]


def _cells(activation: np.ndarray) -> np.ndarray:
    """Bring a map to the cells that are deleted: ``float32``, shape (cells a side,) twice."""
    side = min(CELLS_A_SIDE, *activation.shape)
    small = Image.fromarray(activation.astype(np.float32), "F").resize((side, side), Image.Resampling.BOX)
    return np.asarray(small)


def _randomised(what: str, alike: np.ndarray, resampling: Resampling) -> RandomisedMaps:
    """Judge rank correlations, shape (n, shuffles); NaN where a map is the same all over and has no ranks."""
    silent = np.isnan(alike)
    sums, counts = np.where(silent, 0, alike).sum(axis=1), (~silent).sum(axis=1)

    def mean(rows: np.ndarray) -> float:
        return float(sums[rows].sum() / counts[rows].sum()) if counts[rows].any() else float("nan")

    correlation = resampling.estimate(mean)
    value, _, high = correlation.numbers
    known = correlation.value is not None
    return RandomisedMaps(
        what=what,
        correlation=correlation if known else None,
        silent=float(silent.mean()),
        passed=bool(known and max(value, high) < UNRELATED),
    )


def _curves(
    classifier: Classifier,
    tiles: np.ndarray,
    predicted: np.ndarray,
    cells: np.ndarray,
    seed: int,
    progress: Progress,
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Follow the probability of the predicted class while cells are deleted, and while they are inserted.

    Returns
    -------
    shares
        Of the cells, from 0 to 1.
    by_map
        Probabilities in the order of the map, (n, shares): ``deletion`` and ``insertion``.
    by_chance
        The same for deletion in random order. Inserting at random is the same read backwards: what is left when a
        random part is deleted is a random part.
    """
    n_cells = cells[0].size
    counts = np.rint(np.linspace(0, n_cells, STEPS + 1)).astype(int)
    by_map = {"deletion": np.empty((len(tiles), len(counts))), "insertion": np.empty((len(tiles), len(counts)))}
    by_chance = np.empty((len(tiles), len(counts)))

    def changed(number: int) -> tuple[int, np.ndarray]:
        tile, rng = tiles[number], np.random.default_rng([seed, number])
        side = len(tile)
        blurred = np.asarray(Image.fromarray(tile).filter(ImageFilter.GaussianBlur(_BLUR * side)))
        order = np.argsort(-cells[number].ravel(), kind="stable")
        ways = [order, order[::-1], *(rng.permutation(n_cells) for _ in range(_ORDERS))]
        row_of = np.arange(side) * cells.shape[1] // side
        pictures = [tile, blurred]
        for way in ways:
            for count in counts[1:-1]:
                deleted = np.zeros(n_cells, bool)
                deleted[way[:count]] = True
                mask = deleted.reshape(cells.shape[1:])[row_of][:, row_of]
                pictures.append(np.where(mask[..., None], blurred, tile))
        return number, np.stack(pictures)

    for done, (number, pictures) in enumerate(each(changed, range(len(tiles))), start=1):
        found = classifier.predict(pictures).probabilities[:, predicted[number]].astype(np.float64)
        whole, gone, between = found[0], found[1], found[2:].reshape(2 + _ORDERS, len(counts) - 2)
        by_map["deletion"][number] = [whole, *between[0], gone]
        by_map["insertion"][number] = [
            gone,
            *between[1][::-1],
            whole,
        ]  # the least active cells deleted first, backwards
        by_chance[number] = [whole, *between[2:].mean(axis=0), gone]
        progress("deleting and inserting", done, len(tiles))
    return counts / n_cells, by_map, by_chance


def _compared(
    shares: np.ndarray, by_map: np.ndarray, by_chance: np.ndarray, better: int, resampling: Resampling
) -> CellCurve:
    """Compare two curves of each tile; ``better`` is 1 where higher ones are, and -1 where lower ones are."""
    gap = by_map - by_chance
    gaps = better * ((gap[:, 1:] + gap[:, :-1]) / 2 * np.diff(shares)).sum(axis=1)
    gain = resampling.estimate(lambda rows: float(gaps[rows].mean()))
    return CellCurve(
        share=tuple(map(float, shares)),
        by_map=tuple(map(float, by_map.mean(axis=0))),
        by_chance=tuple(map(float, by_chance.mean(axis=0))),
        gain=gain,
        passed=gain.is_above_zero,
    )
