"""Tiles to look at: what was misclassified and where the model saw it, and labels to look at again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gastropath.errors import CannotReadImage
from gastropath.evaluation.confusions import Misclassified
from gastropath.evaluation.label_noise import Suspect
from gastropath.images import encode_jpeg, load_tile, resize
from gastropath.inference.classifier import BATCH, Classifier
from gastropath.inference.explain import heat, overlay
from gastropath.report.parts import Cards, Gallery, Part, Text, Tile
from gastropath.report.wording import count
from gastropath.tissue_classes import tissue_class

_SHOWN = 48
_THUMBNAIL_PX = 160


def misclassified_tiles(classifier: Classifier, errors: Sequence[Misclassified], n: int) -> list[Part]:
    """Show misclassified tiles beside what speaks for the predicted class and for the true one.

    Parameters
    ----------
    classifier
        Whose errors they are.
    errors
        The most confident first.
    n
        Judged tiles.
    """
    if not errors:
        return [Text("None.")]
    caption = (
        f"{len(errors):,} of {count(n, 'tile')}, the most confident error first. Each card shows the tile, where the "
        "model sees the predicted class, and where it sees the true class (bright: strong evidence; each map has its "
        "own scale)."
    )
    galleries = list(_explained(classifier, errors[:_SHOWN]))
    parts: list[Part] = [Text(caption, "note"), Cards(galleries)]
    if len(errors) > _SHOWN:
        parts.append(Text(f"{count(len(errors) - _SHOWN, 'more is', 'more are')} in predictions.csv.", "note"))
    return parts


def _explained(classifier: Classifier, errors: Sequence[Misclassified]) -> Iterator[Gallery]:
    """Yield the tile and its evidence for each error; one that cannot be read any more is passed over."""
    for first in range(0, len(errors), BATCH):
        some = errors[first : first + BATCH]
        answers = classifier.predict(
            [error.file for error in some], mpp=[error.mpp for error in some], maps=True, tiles=True
        )
        for error, read, pixels, tile_maps in zip(some, answers.is_classified, *answers.seen(), strict=True):
            if read:
                yield _gallery(classifier, error, pixels, tile_maps)


def _gallery(classifier: Classifier, error: Misclassified, pixels: np.ndarray, maps: np.ndarray) -> Gallery:
    def evidence(code: str) -> Tile:
        evidence_map = heat(maps[..., classifier.classes.index(code)], classifier.tile_px)
        text = f"{'evidence' if evidence_map.any() else 'no evidence'} for {code}"
        return Tile(_thumbnail(overlay(pixels, evidence_map)), text, f"{text} in the tile", tissue_class(code).color)

    color = tissue_class(error.true).color
    tile = Tile(_thumbnail(pixels), f"is {error.true}", f"tile of {error.true}", color)
    caption = (
        f"{error.true} → {error.predicted} at {error.confidence:.2f} ({error.true} {error.probability_of_true:.2f}) "
        f"{error.path}"
    )
    return Gallery([tile, evidence(error.predicted), evidence(error.true)], caption)


def suspected_labels(suspects: Sequence[Suspect], n: int) -> list[Part]:
    """Show tiles whose labels are doubted, the most suspicious first."""
    explanation = (
        f"Confident learning (Northcutt et al. 2021) doubts {len(suspects):,} of {count(n, 'label')}: models that had "
        "not seen the tile are surer of another class than they usually are. Many of these labels are right, and the "
        "models err. label_issues.csv lists them all. To act on it, write keep, drop or a class into its last column "
        "and train again with this review; labels of the test part do not change."
    )
    tiles = []
    for suspect in suspects[:_SHOWN]:
        try:
            picture = encode_jpeg(load_tile(suspect.file, _THUMBNAIL_PX), 80)
        except CannotReadImage:  # it could be read when it was judged; its row is in label_issues.csv
            continue
        test = ", test part" if suspect.part == "test" else ""
        caption = (
            f"labelled {suspect.label} ({suspect.quality:.2f}), {suspect.suggested}? ({suspect.confidence:.2f}{test}) "
        )
        alt = f"tile labelled {suspect.label}, perhaps {suspect.suggested}"
        tiles.append(Tile(picture, caption + suspect.path, alt, tissue_class(suspect.suggested).color))
    caption = "Brackets hold the probability of the class. The bar has the colour of the suggested class."
    return [Text(explanation), *([Gallery(tiles, caption)] if tiles else [])]


def _thumbnail(pixels: np.ndarray) -> bytes:
    return encode_jpeg(resize(pixels, _THUMBNAIL_PX), 80)
