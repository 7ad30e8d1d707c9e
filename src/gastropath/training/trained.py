"""What every method of training hands over: a model, and what tells when to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from gastropath.bundle.files import GRAPH, KERAS_MODEL, REFERENCES, Bundle, write_bundle
from gastropath.errors import BadBundle
from gastropath.inference.calibration import NEIGHBOURS, HeldOut, calibrate
from gastropath.inference.classifier import Classifier
from gastropath.inference.graph import TILES_IN_A_CALL, Interpreters, Outputs
from gastropath.inference.ood import OodCheck, choose_references, distances, references_npz
from gastropath.inference.selftest import with_self_test
from gastropath.outputs import replacing
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.results.card import UNLIKE_IS_MEASURED, Card
from gastropath.training.network import Network

if TYPE_CHECKING:
    from gastropath.training.input_pipeline import PixelStore


@dataclass(frozen=True)
class References:
    """Training tiles that stand for all: ``float32`` features, shape (r, f), class numbers and units, shape (r,)."""

    features: np.ndarray
    labels: np.ndarray
    units: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def to_bytes(self) -> bytes:
        """Return ``references.npz``."""
        return references_npz(self.features, self.labels, self.units)


@dataclass(frozen=True)
class Trained:
    """A trained model before calibration.

    Attributes
    ----------
    network
        The whole network, from ``uint8`` tiles to probabilities.
    graph
        The same as a LiteRT graph.
    held_out
        Its answers for tiles it did not learn from.
    references
        Training tiles that stand for all.

    Raises
    ------
    BadBundle
        If it answers with numbers that are not finite: nothing of such a model is worth keeping.
    """

    network: Network
    graph: bytes
    held_out: HeldOut
    references: References

    def __post_init__(self) -> None:
        parts = {
            "logits": self.held_out.logits,
            "distances": self.held_out.distances,
            "features": self.references.features,
        }
        for name, values in parts.items():
            if not np.isfinite(values).all():
                raise BadBundle(
                    f"training gave a model whose {name} are not finite numbers",
                    parameter="settings",
                    remedy="lower learning_rate where whole networks are trained, or check the weights of the backbone",
                )

    @classmethod
    def judged(
        cls,
        network: Network,
        train: PixelStore,
        val: PixelStore,
        units: tuple[np.ndarray, np.ndarray],
        seed: int,
        *,
        progress: Progress = silent,
    ) -> Trained:
        """Let the exported model answer for the validation part, and describe training tiles.

        Parameters
        ----------
        network
            Trained on ``train``.
        train, val
            Decoded tiles.
        units
            Of training and validation tiles; see :class:`gastropath.inference.calibration.HeldOut`.
        seed
            Of the choice of reference tiles.
        """
        graph = network.graph()
        interpreters = Interpreters(graph)
        chosen = choose_references(train.classes, seed)
        features = _outputs(interpreters, train.pixels, chosen, "describing training tiles", progress)["features"]
        answers = _outputs(interpreters, val.pixels, np.arange(len(val)), "answering for the validation part", progress)
        away = distances(answers["features"], features, min(NEIGHBOURS, len(features)))
        held_out = HeldOut(answers["logits"], val.classes, away, units[1], "validation")
        return cls(network, graph, held_out, References(features, train.classes[chosen], units[0][chosen]))

    def calibrated(
        self,
        draft: Card,
        by: Literal["accuracy", "coverage", "none"],
        at: float,
        in_domain: float,
        answers_unmet: bool = False,
    ) -> Card:
        """Return the card with temperature, threshold and domain.

        Parameters
        ----------
        draft
            Card without calibration.
        by, at, in_domain, answers_unmet
            See :func:`gastropath.inference.calibration.calibrate`.
        """
        calibration, abstention, domain = calibrate(
            self.held_out, len(self.references), by=by, at=at, in_domain=in_domain, answers_unmet=answers_unmet
        )
        card = draft.model_copy(update={"calibration": calibration, "abstention": abstention, "domain": domain})
        if domain is None:
            limits = tuple(limit for limit in card.limitations if limit != UNLIKE_IS_MEASURED)
            card = card.model_copy(update={"limitations": limits})
        return card

    def classifier(self, card: Card) -> Classifier:
        """Return the model as it would answer from a bundle with this card, which is calibrated."""
        check = None
        if card.domain:  # in half precision, as from a file
            data = self.references.to_bytes()
            check = OodCheck.from_bytes(data, card.domain.neighbours, card.domain.threshold, REFERENCES)
        return Classifier(card, self.graph, ood=check)

    def write(self, card: Card, folder: Path, *, keras_file: Path | None = None) -> Bundle:
        """Write the bundle, and ``bestmodel.keras``, which answers with the same probabilities.

        Parameters
        ----------
        card
            Calibrated; its ``precision`` is that of the graph.
        folder
            Where the bundle goes.
        keras_file
            Where the Keras model goes, of which the bundle then carries a copy; ``None`` for a bundle without.
        """
        graph = self.network.graph(card.precision) if card.precision == "float16" else self.graph
        card = with_self_test(card, graph)
        files: dict[str, Path | bytes] = {GRAPH: graph, REFERENCES: self.references.to_bytes()}
        if keras_file is None:
            return write_bundle(folder, card, files)
        with replacing(keras_file) as partial:
            self.network.save(partial, card.calibration.temperature)
        return write_bundle(folder, card, {**files, KERAS_MODEL: keras_file})


def _outputs(
    interpreters: Interpreters, pixels: np.ndarray, rows: np.ndarray, what: str, progress: Progress
) -> dict[str, np.ndarray]:
    """Run the graph on some tiles, on all cores; return its ``logits`` and ``features``."""

    def answer(some: np.ndarray) -> Outputs:
        return interpreters.call(np.ascontiguousarray(pixels[some]))

    found: dict[str, list[np.ndarray]] = {"logits": [], "features": []}
    chunks = [rows[first : first + TILES_IN_A_CALL] for first in range(0, len(rows), TILES_IN_A_CALL)]
    for done, answers in enumerate(each(answer, chunks), start=1):
        for name, parts in found.items():
            parts.append(answers[name])
        progress(what, min(done * TILES_IN_A_CALL, len(rows)), len(rows))
    return {name: np.concatenate(parts) for name, parts in found.items()}
