"""The model card that people read: the bundle's README in the format of the Hugging Face Hub."""

from __future__ import annotations

import json

from gastropath.bundle.figures import cell, figures
from gastropath.report.notices import SYNTHETIC_MODEL
from gastropath.results.card import Calibration, Card, Domain

_KNOWN_LICENCES = {"CC BY 4.0": "cc-by-4.0", "Apache-2.0": "apache-2.0"}


def model_card(card: Card) -> str:
    """Write the card as Markdown with the Hub's YAML header; every figure comes from the card."""
    return "\n".join([*_header(card), *model_card_body(card), ""])


def _header(card: Card) -> list[str]:
    # JSON strings are YAML strings, so nothing in a name can break the header.
    lines = [
        "---",
        "library_name: litert",
        "pipeline_tag: image-classification",
        f"license: {_KNOWN_LICENCES.get(card.training_data.licence, 'other')}",
        "tags: [histopathology, gastric-cancer, tissue-classification, h-and-e, research-only]",
    ]
    if card.metrics:
        lines += [
            "model-index:",
            f"- name: {json.dumps(card.name)}",
            "  results:",
            "  - task: {type: image-classification}",
            f"    dataset: {{name: {json.dumps(card.training_data.name)}, type: image-folder}}",
            "    metrics:",
            f"    - {{type: accuracy, value: {card.metrics.accuracy.value or 0:.4f}}}",
            f"    - {{type: f1, name: macro F1, value: {card.metrics.macro_f1.value or 0:.4f}}}",
        ]
    return [*lines, "---", ""]


def model_card_body(card: Card) -> list[str]:
    """Write the card as lines of Markdown, without the Hub's header."""
    data = card.training_data
    lines = [f"# {card.name}", ""]
    if data.synthetic:
        lines += [
            f"**{SYNTHETIC_MODEL}**",
            "",
        ]
    lines += [card.intended_use, "", "## Classes", "", "| code | tissue |", "|---|---|"]
    lines += [f"| {cell(entry.code)} | {cell(entry.name)} |" for entry in card.classes]
    lines += [
        "",
        "## Input and output",
        "",
        f"`model.tflite` takes `uint8` RGB tiles of {card.input.tile_px} x {card.input.tile_px} px at "
        f"{card.input.mpp:g} µm/px (shape n, height, width, 3) and returns `logits`, `features` and `cam` (one "
        f"class-activation map a class). Precision {card.precision}. Probabilities are the softmax of "
        f"`logits` / {card.calibration.temperature:.4g}. GastroPath applies the rules below; whoever runs the graph "
        "alone has to.",
        "",
        "## When it abstains",
        "",
        *_abstaining(card),
        "",
        "## Training data",
        "",
        *_training(card),
    ]
    for title, section in figures(card):
        lines += ["", f"## {title}", "", *section]
    return [
        *lines,
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card.limitations),
        "",
        f"Made {card.created} with " + ", ".join(f"{name} {version}" for name, version in card.versions.items()) + ". "
        "Which item of TRIPOD+AI is answered where, and which its author has to add: docs/tripod-ai.md of GastroPath.",
    ]


def _training(card: Card) -> list[str]:
    data = card.training_data
    lines = [f"{data.name}: {data.n_tiles:,} tiles, licence {data.licence}. Index SHA-256 `{data.sha256}`."]
    if data.citation:
        lines += ["", "Cite:", "", *(f"> {line}" for line in data.citation.strip().splitlines())]
    if data.appearance:
        told = ", ".join(f"{name} {value.mean:.3g} (SD {value.sd:.3g})" for name, value in data.appearance.items())
        lines += ["", f"On average over tiles: {told}."]
    if data.review:
        lines += [
            "",
            f"A person reviewed labels before training: {data.review.dropped:,} tiles dropped, "
            f"{data.review.relabelled:,} relabelled (decisions SHA-256 `{data.review.sha256}`). "
            "The test part keeps its published labels.",
        ]
    if card.recipe:
        lines += ["", "Settings: " + ", ".join(f"`{name} = {json.dumps(v)}`" for name, v in card.recipe.items()) + "."]
    return lines


def _abstaining(card: Card) -> list[str]:
    lines = []
    if card.calibration.method == "none":
        lines.append("Its confidence is not calibrated.")
    else:
        lines.append(f"Confidence is calibrated by temperature scaling {_where(card.calibration)}.")
    if rule := card.abstention:
        aim = f"{rule.target} of {rule.target_value:.0%}" + ("" if rule.met else ", which could not be reached")
        lines.append(
            f"- *Low confidence*: below {rule.threshold:.3f}, chosen for a selective {aim}. There it answered "
            f"{rule.coverage:.0%} of the tiles, and {rule.selective_accuracy:.0%} of the answers were right."
        )
    if rule := card.domain:
        lines.append(
            f"- *Unlike the training tiles*: mean cosine distance to the {rule.neighbours} nearest of "
            f"{rule.references:,} training tiles (`domain.npz`) above {rule.threshold:.4g}, which "
            f"{100 * rule.accepted_share:.4g}% of tiles of other groups keep below {_where(rule)}."
        )
    if not card.abstention and not card.domain:
        lines.append("It never abstains: it answers with one of its classes whatever the picture shows.")
    return lines


def _where(fitted: Calibration | Domain) -> str:
    tiles = "validation tiles" if fitted.fitted_on == "validation" else "tiles, each judged by a model made without it"
    return f"({fitted.n:,} {tiles})"
