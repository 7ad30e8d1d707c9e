"""Pictures that show no class of the model: does it know that it does not know them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.data.synthetic.no_tissue import NO_TISSUE, TILE_PX
from gastropath.evaluation.estimates import Resampling
from gastropath.evaluation.ranks import auroc
from gastropath.inference.classifier import Classifier
from gastropath.progress import Progress, silent
from gastropath.results.interval import Interval
from gastropath.results.metrics import OutOfDistributionMetrics
from gastropath.results.predictions import Predictions

EACH = 30
"""Pictures drawn of each kind."""

_REPEATS = 300


@dataclass(frozen=True)
class OutOfDistribution:
    """Tiles of classes that the model does not have, pictures that show no tissue, and the answers to both.

    Attributes
    ----------
    index
        The tiles; may be none.
    predictions
        One answer a tile.
    pictures
        Answers to pictures without tissue, by kind.
    """

    index: TileIndex
    predictions: Predictions
    pictures: Mapping[str, Predictions]

    @property
    def other_classes(self) -> dict[str, Predictions]:
        """The answers to tiles of each class that the model does not have, those that could be read."""
        labels, good = np.array(self.index.labels), self.predictions.is_classified
        order = self.index.in_fixed_order()
        return {code: self.predictions[order[((labels == code) & good)[order]]] for code in self.index.classes}

    def metrics(
        self, kinds: Mapping[str, Predictions], judged: Predictions, seed: int
    ) -> dict[str, OutOfDistributionMetrics]:
        """Compare some of them with the answers to the judged tiles; intervals resample single pictures."""
        return {name: _told_apart(judged, answers, seed) for name, answers in kinds.items() if len(answers)}


def judge_out_of_distribution(
    classifier: Classifier,
    others: TileIndex,
    *,
    views: int = 1,
    seed: int = 0,
    pictures: bool = True,
    progress: Progress = silent,
) -> OutOfDistribution:
    """Let a model answer for tiles of other classes and for pictures that show no tissue.

    Parameters
    ----------
    others
        Tiles of classes that the model does not have.
    seed
        Of the drawn pictures.
    pictures
        Whether there are any; without, only tiles of other classes are asked for.
    """
    answers = classifier.predict(
        list(others.files()), mpp=others.mpp(), shown=others.pixels, views=views, progress=progress
    )
    if not pictures:
        return OutOfDistribution(others, answers, {})
    stacks = {
        f"drawn {name}": np.stack([draw(np.random.default_rng([seed, number, i])) for i in range(EACH)])
        for number, (name, draw) in enumerate(NO_TISSUE.items())
    }
    stacks["pieces of photographs"] = _photographs(seed)
    drawn = {}
    for name, stack in stacks.items():
        drawn[name] = classifier.predict(stack, views=views)
        progress("pictures that show no tissue", len(drawn), len(stacks))
    return OutOfDistribution(others, answers, drawn)


def _told_apart(judged: Predictions, strange: Predictions, seed: int) -> OutOfDistributionMetrics:
    is_strange = np.repeat([False, True], [len(judged), len(strange)])
    both = Resampling(np.arange(len(is_strange)), "tiles", None, seed)

    def area(score: np.ndarray) -> Interval:
        if np.isnan(score).any():
            return Interval(value=None)
        return both.estimate(lambda rows: auroc(is_strange[rows], score[rows]), repeats=_REPEATS)

    answered = strange.is_accepted
    alone = Resampling(np.arange(len(strange)), "tiles", None, seed)
    return OutOfDistributionMetrics(
        n=len(strange),
        auroc=area(np.concatenate([judged.distances, strange.distances])),
        confidence_auroc=area(1 - np.concatenate([judged.confidence, strange.confidence])),
        false_accept=alone.share(answered),
    )


def _photographs(seed: int) -> np.ndarray:
    """Cut pieces out of the two photographs that scikit-learn brings along: a temple, and a flower."""
    from sklearn.datasets import load_sample_images

    rng, found = np.random.default_rng(seed), []
    for picture in load_sample_images().images:
        for _ in range(EACH // 2):
            top, left = (rng.integers(0, side - TILE_PX) for side in picture.shape[:2])
            found.append(picture[top : top + TILE_PX, left : left + TILE_PX])
    return np.stack(found)
