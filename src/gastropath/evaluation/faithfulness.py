"""Do activation maps show what the model goes by? Two checks that a map can fail.

Deletion and insertion (Petsiuk et al. 2018): blurring the cells that a map calls important must take the predicted
class away sooner than blurring cells at random, and showing them first must bring it back sooner; by more than the maps
of a shuffled network do, which know nothing and still mark where a tile is busy. Randomisation (Adebayo et al. 2018): a
network with shuffled weights must give other maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.ranks import rank_correlation
from gastropath.evaluation.sample import Sample
from gastropath.evaluation.shuffled import Weights, shuffled
from gastropath.formulas import softmax
from gastropath.inference.classifier import Classifier
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.results.faithfulness import CellCurve, ExplanationChecks, RandomisedMaps

_Way = Literal["deletion", "insertion"]

CELLS_A_SIDE = 7
STEPS = 7
"""Parts in which the cells of a tile are deleted: an odd number, so that what is deleted and what is left read the same
from both ends however many cells there are."""

UNRELATED = 0.5
"""Maps are unlike those of the shuffled network where the mean rank correlation is surely below this: less than a
quarter of the variance of the ranks is then common to both."""

LEAST_GAIN = 0.01
"""Of deletion and of insertion: a point of probability, below which a gain is of no use to anybody."""

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
    randomised, of_shuffled = [], np.zeros((0, *cells.shape))
    for weights, what in _SHUFFLED:
        alike, of_shuffled = np.empty((len(tiles), _SHUFFLES)), np.empty((_SHUFFLES, *cells.shape))
        for shuffle in range(_SHUFFLES):
            graph = shuffled(classifier.graph.content, weights, seed=resampling.seed * _SHUFFLES + shuffle)
            others = _maps(Classifier(classifier.card, graph), tiles, predicted)
            alike[:, shuffle] = [rank_correlation(*pair) for pair in zip(maps, others, strict=True)]
            of_shuffled[shuffle] = [_cells(of_tile) for of_tile in others]
        randomised.append(_randomised(what, alike, resampling))
        progress("maps of shuffled networks", len(randomised), len(_SHUFFLED))
    turns = np.arange(len(tiles)) % _SHUFFLES  # each tile has the map of one of them: of those with all layers shuffled
    curves = _curves(
        classifier, tiles, predicted, cells, of_shuffled[turns, np.arange(len(tiles))], resampling.seed, progress
    )
    return ExplanationChecks(
        n=len(tiles),
        cells=cells[0].size,
        deletion=_compared(curves, "deletion", resampling),
        insertion=_compared(curves, "insertion", resampling),
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


@dataclass(frozen=True)
class _Curves:
    """Probabilities of the predicted class while cells are deleted, and while they are inserted.

    Attributes
    ----------
    shares
        Of the cells, from 0 to 1.
    by_map, by_shuffled
        Probabilities in the order of the map, and of that of a shuffled network, (n, shares): ``deletion`` and
        ``insertion``.
    by_chance
        The same in random order. Inserting at random is deleting at random read backwards: what is left when a random
        part is deleted is a random part.
    """

    shares: np.ndarray
    by_map: Mapping[str, np.ndarray]
    by_shuffled: Mapping[str, np.ndarray]
    by_chance: Mapping[str, np.ndarray]


def _curves(
    classifier: Classifier,
    tiles: np.ndarray,
    predicted: np.ndarray,
    cells: np.ndarray,
    of_shuffled: np.ndarray,
    seed: int,
    progress: Progress,
) -> _Curves:
    """Delete and insert the cells of each tile in the order of its map, of a map that knows nothing, and at random."""
    n_cells = cells[0].size
    counts = np.rint(np.linspace(0, n_cells, STEPS + 1)).astype(int)
    found = np.empty((_ORDERS + 4, len(tiles), len(counts)))

    def changed(number: int) -> tuple[int, np.ndarray]:
        tile, rng = tiles[number], np.random.default_rng([seed, number])
        side = len(tile)
        blurred = np.asarray(Image.fromarray(tile).filter(ImageFilter.GaussianBlur(_BLUR * side)))
        chance = [rng.permutation(n_cells) for _ in range(_ORDERS)]
        order = np.argsort(-cells[number].ravel(), kind="stable")
        mixed = rng.permutation(n_cells)  # cells of which such a map says the same come at random
        other = mixed[np.argsort(-of_shuffled[number].ravel()[mixed], kind="stable")]
        row_of = np.arange(side) * cells.shape[1] // side
        pictures = [tile, blurred]
        for way in (order, order[::-1], other, other[::-1], *chance):
            for count in counts[1:-1]:
                deleted = np.zeros(n_cells, bool)
                deleted[way[:count]] = True
                mask = deleted.reshape(cells.shape[1:])[row_of][:, row_of]
                pictures.append(np.where(mask[..., None], blurred, tile))
        return number, np.stack(pictures)

    for done, (number, pictures) in enumerate(each(changed, range(len(tiles))), start=1):
        logits = classifier.graph.run(pictures)["logits"]  # how far they are from training tiles is not asked
        answers = softmax(logits / classifier.card.calibration.temperature)[:, predicted[number]].astype(np.float64)
        found[:, number, 0], found[:, number, -1] = answers[0], answers[1]
        found[:, number, 1:-1] = answers[2:].reshape(len(found), len(counts) - 2)
        progress("deleting and inserting", done, len(tiles))
    deleted, chance = found[:4], found[4:].mean(axis=0)
    return _Curves(
        shares=counts / n_cells,  # inserting from the most active cell on is deleting from the least active, backwards
        by_map={"deletion": deleted[0], "insertion": deleted[1][:, ::-1]},
        by_shuffled={"deletion": deleted[2], "insertion": deleted[3][:, ::-1]},
        by_chance={"deletion": chance, "insertion": chance[:, ::-1]},
    )


def _compared(curves: _Curves, way: _Way, resampling: Resampling) -> CellCurve:
    """Compare the curves of each tile: below those by chance is better in deletion, above them in insertion."""
    by_map, by_chance, better = curves.by_map[way], curves.by_chance[way], 1 if way == "insertion" else -1

    def gained(by: np.ndarray) -> np.ndarray:
        gap = by - by_chance
        return better * ((gap[:, 1:] + gap[:, :-1]) / 2 * np.diff(curves.shares)).sum(axis=1)

    gains = gained(by_map)
    gain = resampling.estimate(lambda rows: float(gains[rows].mean()))
    limit = max(LEAST_GAIN, float(gained(curves.by_shuffled[way]).mean()))
    value, low, _ = gain.numbers
    return CellCurve(
        share=tuple(map(float, curves.shares)),
        by_map=tuple(map(float, by_map.mean(axis=0))),
        by_chance=tuple(map(float, by_chance.mean(axis=0))),
        gain=gain,
        limit=limit,
        passed=bool(min(value, low) > limit),
    )
