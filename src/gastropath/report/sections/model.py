"""What a card says of a model beside its metrics: classes, input, training data, limits, how to cite it."""

from __future__ import annotations

import json

from gastropath.report.parts import Bullets, Section, Table, Text
from gastropath.report.sections.split import review_in_words, split_rows
from gastropath.results.card import Card

NOT_EVALUATED = "This model has not been evaluated: it is a draft, and how good it is is not known."


def classes(card: Card) -> Section:
    """List the classes."""
    return Section("Classes", [Table(("class", "tissue"), [(entry.code, entry.name) for entry in card.classes])])


def input_and_output(card: Card) -> Section:
    """Say what the graph takes and gives."""
    size = f"{card.input.tile_px} x {card.input.tile_px} px"
    graph = (
        f"model.tflite ({card.precision}) takes uint8 RGB tiles of {size} at {card.input.mpp:g} µm/px (shape n, "
        "height, width, 3) and returns logits, features and cam, one class-activation map a class. Probabilities are "
        f"the softmax of logits / {card.calibration.temperature:.4g}. GastroPath applies the rules of abstention; "
        "whoever runs the graph alone has to."
    )
    return Section("Input and output", [Text(graph)])


def training_data(card: Card) -> Section:
    """Say what the model learned from, and how its tiles were divided."""
    data = card.training_data
    synthetic = ", synthetic: drawn by a computer" if data.synthetic else ""
    rows: list[tuple[str, str]] = [
        ("tiles", f"{data.n_tiles:,}{synthetic}"),
        ("source", data.name),
        ("licence of the tiles", data.licence),
        ("index SHA-256", data.sha256),
    ]
    if data.appearance:
        means = ", ".join(f"{name} {value.mean:.3g} (SD {value.sd:.3g})" for name, value in data.appearance.items())
        rows.append(("mean over tiles", means))
    if data.review:
        changed = review_in_words(data.review.dropped, data.review.relabelled)
        rows.append(("labels reviewed", f"{changed} (decisions SHA-256 {data.review.sha256})"))
    if card.metrics:
        rows += split_rows(card.metrics)
    return Section("Training data", [Table(("training data", "value"), rows)])


def settings(card: Card) -> Section | None:
    """List the settings of the training; ``None`` where the card holds none."""
    if not card.recipe:
        return None
    rows = [(name, json.dumps(value)) for name, value in card.recipe.items()]
    return Section("Settings of the training", [Table(("setting", "value"), rows)])


def limits(card: Card) -> Section:
    """List the limits of the model."""
    return Section("Limits", [Bullets(card.limitations)])


def citation(card: Card) -> Section:
    """Say how to cite the training tiles."""
    cite = card.training_data.citation.strip()
    none = f"No citation came with the training tiles ({card.training_data.name})."
    return Section("How to cite", [Text(line) for line in cite.splitlines()] if cite else [Text(none)])


def versions(card: Card) -> Section:
    """Say when and with what the model was made."""
    packages = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    made = (
        f"Made {card.created} with {packages}. Which item of TRIPOD+AI is answered where, and which its author has to "
        "add: docs/tripod-ai.md of GastroPath."
    )
    return Section("Versions", [Text(made)])
