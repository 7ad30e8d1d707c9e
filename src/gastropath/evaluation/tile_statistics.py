"""What the judged tiles are like, and how they differ from those a model learned from."""

from __future__ import annotations

from collections import Counter

from gastropath.data.audit.appearance import appearance
from gastropath.data.index import TileIndex
from gastropath.progress import Progress
from gastropath.results.card import Card
from gastropath.results.predictions import Predictions
from gastropath.results.tile_statistics import Shift, TileStatistics


def tile_statistics(
    card: Card, index: TileIndex, answers: Predictions, strange: TileIndex, seed: int, progress: Progress
) -> TileStatistics:
    """Describe the judged tiles, and how they differ from those the model learned from."""
    found = appearance(index, seed=seed, progress=progress)
    shifts = {}
    for name, trained in card.training_data.appearance.items():
        if name in found.properties:
            judged, _ = found.properties[name]
            gap = (judged - trained.mean) / max(trained.sd, 0.01 * max(1.0, abs(trained.mean)))
            shifts[name] = Shift(judged=judged, trained=trained.mean, deviations=gap)
    return TileStatistics(
        sizes={f"{width} x {height}": n for (width, height), n in found.sizes.items()},
        mpp_known=sum(mpp is not None for mpp in index.mpp()),
        guessed=int(answers.is_field_of_view_assumed.sum()),
        absent_classes=tuple(code for code in card.codes if code not in index.classes),
        other_classes=dict(Counter(strange.labels)),
        shifts=shifts,
    )
