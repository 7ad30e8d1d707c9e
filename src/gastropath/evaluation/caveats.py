"""What makes a result less than it looks."""

from __future__ import annotations

from collections.abc import Iterator

from gastropath.evaluation.judged import JudgedTiles
from gastropath.report.sections.split import method_warning
from gastropath.report.wording import count
from gastropath.results.interval import Interval
from gastropath.results.metrics import Leakage
from gastropath.tissue_classes import TISSUE_CLASSES

LEARNED_FROM = (
    "Judged tiles are among those the model learned from: the metrics say how well it remembers, not how good it is."
)

_CREDIBLE_ACCURACY = 0.85


def caveats(
    tiles: JudgedTiles, accuracy: Interval, leakage: Leakage, *, remembered: int, other_classes: dict[str, int]
) -> Iterator[str]:
    """Yield sentences about what makes a result less than it looks.

    Parameters
    ----------
    tiles
        What was judged.
    accuracy
        On the judged tiles.
    leakage
        Copies in different parts.
    remembered
        Judged tiles that the model learned from.
    other_classes
        Tiles of each class that the model does not have.
    """
    if tiles.resampling.warning:
        yield tiles.resampling.warning
    if leakage.warning:
        yield leakage.warning
    if remembered:
        yield f"{LEARNED_FROM} ({remembered:,} of them, by their pixels.)"
    split, data = tiles.split, tiles.card.training_data
    if split and data.review:
        yield (
            "The model learned from reviewed labels; all metrics here follow the labels as they were published, and "
            "tiles that the review dropped are judged too."
        )
    counted = split is not None and split.duplicate_pairs_across_parts is not None
    if split and (warning := method_warning(split.method, split.kept_together, counted=counted)):
        yield warning
    ours = {tissue.code for tissue in TISSUE_CLASSES}
    high = accuracy.value is not None and accuracy.value > _CREDIBLE_ACCURACY
    if high and not (tiles.index.synthetic or data.synthetic) and set(tiles.card.codes) == ours and not remembered:
        yield (
            f"Accuracy is above {_CREDIBLE_ACCURACY:.2f}; the best credible published results on HMU-GC-HE-30K are "
            "near 0.76. Before believing it, look for tiles that the model learned from: audit one folder against the "
            "other."
        )
    if refused := int((~tiles.predictions.is_classified).sum()):
        verb = "is" if refused == 1 else "are"
        yield f"{count(refused, 'file')} could not be read and {verb} left out; predictions.csv names what was refused"
    if others := sum(other_classes.values()):
        yield (
            f"{count(others, 'tile')} of classes the model does not have ({', '.join(sorted(other_classes))}) "
            f"{'does' if others == 1 else 'do'} not count in the accuracy; no answer to them is right"
        )
