"""How much of the accuracy is left when stain, sharpness, brightness or compression change."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from gastropath.data.colour.stains import restained
from gastropath.evaluation.sample import Sample
from gastropath.inference.classifier import Classifier
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.results.robustness import CorruptionMetrics, Robustness


@dataclass(frozen=True)
class Corruption:
    """A change of a tile, ``uint8`` RGB to ``uint8`` RGB, that a laboratory or a scanner could make."""

    name: str
    change: Callable[[np.ndarray], np.ndarray]


def _blurred(sigma_px: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda tile: np.asarray(Image.fromarray(tile).filter(ImageFilter.GaussianBlur(sigma_px)))


def _compressed(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(tile: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(tile).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return change


def _brighter(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda tile: np.clip(np.rint(tile * np.float32(factor)), 0, 255).astype(np.uint8)


def _stained(haematoxylin: float, eosin: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda tile: restained(tile, haematoxylin, eosin)


CORRUPTIONS = (
    Corruption("haematoxylin 30 % stronger", _stained(1.3, 1.0)),
    Corruption("haematoxylin 30 % weaker", _stained(0.7, 1.0)),
    Corruption("eosin 30 % stronger", _stained(1.0, 1.3)),
    Corruption("eosin 30 % weaker", _stained(1.0, 0.7)),
    Corruption("JPEG, quality 50", _compressed(50)),
    Corruption("JPEG, quality 20", _compressed(20)),
    Corruption("blur, 1 px", _blurred(1.0)),
    Corruption("blur, 2 px", _blurred(2.0)),
    Corruption("15 % darker", _brighter(0.85)),
    Corruption("15 % brighter", _brighter(1.15)),
)
"""The changes, in the order of the table. A blur is a standard deviation, in pixels of the model's input."""


def robustness(classifier: Classifier, sample: Sample, *, progress: Progress = silent) -> Robustness:
    """Judge a model on tiles that were changed in each of the ways."""
    answers, true, resampling = sample.answers, sample.true, sample.resampling
    right = answers.numbers == true
    changed = []
    for corruption in CORRUPTIONS:
        found = classifier.predict(np.stack(list(each(corruption.change, sample.tiles))))
        still = found.numbers == true
        gap = still.astype(np.float64) - right
        changed.append(
            CorruptionMetrics(
                name=corruption.name,
                accuracy=resampling.share(still),
                change=resampling.estimate(lambda rows, gap=gap: float(gap[rows].mean())),
                coverage=float(found.is_accepted.mean()),
                selective_accuracy=_right_of(still, found.is_accepted),
            )
        )
        progress("changed tiles", len(changed), len(CORRUPTIONS))
    return Robustness(
        n=len(sample),
        accuracy=resampling.share(right),
        coverage=float(answers.is_accepted.mean()),
        selective_accuracy=_right_of(right, answers.is_accepted),
        changed=tuple(changed),
    )


def _right_of(right: np.ndarray, answered: np.ndarray) -> float | None:
    return float(right[answered].mean()) if answered.any() else None
