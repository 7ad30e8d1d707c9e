"""What every method of training hands over: a model, and what tells when to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from gastropath.bundle.files import GRAPH, KERAS_MODEL, REFERENCES, Bundle, write_bundle
from gastropath.inference.classifier import Classifier
from gastropath.inference.ood import OodCheck, distances, references_npz
from gastropath.inference.selftest import with_self_test
from gastropath.outputs import replacing
from gastropath.progress import Progress, silent
from gastropath.results.card import UNLIKE_IS_MEASURED, Card
from gastropath.training.calibration import NEIGHBOURS, HeldOut, calibrate, choose_references
from gastropath.training.export import Precision, export_graph
from gastropath.training.linear_probe import PROBABILITIES
from gastropath.training.pipeline import PixelStore
from gastropath.training.recipe import Recipe

_TILES_AT_ONCE = 64


@dataclass(frozen=True)
class References:
    """Training tiles that stand for all: ``float32`` features, shape (r, f), and class numbers, shape (r,)."""

    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def to_bytes(self) -> bytes:
        """Return ``references.npz``."""
        return references_npz(self.features, self.labels)


@dataclass(frozen=True)
class Trained:
    """A trained model before calibration.

    Attributes
    ----------
    model
        The whole Keras model, from ``uint8`` tiles to probabilities.
    graph
        The same as a LiteRT graph.
    held_out
        Its answers for tiles it did not learn from.
    references
        Training tiles that stand for all.
    """

    model: keras.Model
    graph: bytes
    held_out: HeldOut
    references: References

    @classmethod
    def judged(
        cls,
        model: keras.Model,
        draft: Card,
        train: PixelStore,
        val: PixelStore,
        seed: int,
        *,
        progress: Progress = silent,
    ) -> Trained:
        """Let the exported model answer for the validation part, and describe training tiles.

        Parameters
        ----------
        model
            Trained on ``train``.
        draft
            Card with its classes and input.
        train, val
            Decoded tiles.
        seed
            Of the choice of reference tiles.
        """
        graph = export_graph(model)
        classifier = Classifier(draft, graph)
        chosen = choose_references(train.classes, seed)
        features = _outputs(classifier, train.pixels, chosen, "describing training tiles", progress)["features"]
        answers = _outputs(classifier, val.pixels, np.arange(len(val)), "answering for the validation part", progress)
        away = distances(answers["features"], features, min(NEIGHBOURS, len(features)))
        held_out = HeldOut(answers["logits"], val.classes, away, "validation")
        return cls(model, graph, held_out, References(features, train.classes[chosen]))

    def calibrated(self, draft: Card, recipe: Recipe) -> Card:
        """Complete a card with temperature, threshold and domain."""
        calibration, abstention, domain = calibrate(
            self.held_out,
            len(self.references),
            by=recipe.abstain_by,
            at=recipe.abstain_at,
            in_domain=recipe.in_domain,
        )
        card = draft.model_copy(update={"calibration": calibration, "abstention": abstention, "domain": domain})
        if domain is None:
            limits = tuple(limit for limit in card.limitations if limit != UNLIKE_IS_MEASURED)
            card = card.model_copy(update={"limitations": limits})
        return card

    def classifier(self, draft: Card, recipe: Recipe) -> Classifier:
        """Return the calibrated model, as it would answer from a bundle."""
        card, check = self.calibrated(draft, recipe), None
        if card.domain:  # in half precision, as from a file
            data = self.references.to_bytes()
            check = OodCheck.from_bytes(data, card.domain.neighbours, card.domain.threshold, REFERENCES)
        return Classifier(card, self.graph, ood=check)

    def write(
        self, draft: Card, recipe: Recipe, folder: Path, *, keras_file: Path | None, precision: Precision = "float32"
    ) -> Bundle:
        """Write ``bestmodel.keras``, calibrated, and the bundle.

        Parameters
        ----------
        draft
            Card without calibration.
        recipe
            Says what the thresholds are for.
        folder
            Where the bundle goes.
        keras_file
            Where the Keras model goes, of which the bundle then carries a copy; ``None`` for a bundle without.
        precision
            Of the bundle's graph.
        """
        card = self.calibrated(draft.model_copy(update={"precision": precision}), recipe)
        graph = self.graph if precision == "float32" else export_graph(self.model, precision)
        card = with_self_test(card, graph)
        files: dict[str, Path | bytes] = {GRAPH: graph, REFERENCES: self.references.to_bytes()}
        if keras_file is None:
            return write_bundle(folder, card, files)
        fold_temperature(self.model, card.calibration.temperature)
        with replacing(keras_file) as partial:
            self.model.save(partial)
        return write_bundle(folder, card, {**files, KERAS_MODEL: keras_file})


def fold_temperature(model: keras.Model, temperature: float) -> None:
    """Divide the last layer by the temperature, so that Keras answers with the same probabilities as the bundle."""
    head = model.get_layer(PROBABILITIES)
    head.set_weights([values / np.float32(temperature) for values in head.get_weights()])


def _outputs(
    classifier: Classifier, pixels: np.ndarray, rows: np.ndarray, what: str, progress: Progress
) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {"logits": [], "features": []}
    for first in range(0, len(rows), _TILES_AT_ONCE):
        answer = classifier.graph.run(np.ascontiguousarray(pixels[rows[first : first + _TILES_AT_ONCE]]))
        for name, parts in found.items():
            parts.append(answer[name])
        progress(what, min(first + _TILES_AT_ONCE, len(rows)), len(rows))
    return {name: np.concatenate(parts) for name, parts in found.items()}
