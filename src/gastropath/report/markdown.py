"""Sections as Markdown: the model card that people read, in the format of the Hugging Face Hub. Charts are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from gastropath.report.notices import model_notices
from gastropath.report.parts import Bars, Bullets, Cards, Chart, Gallery, Part, Section, Table, Text
from gastropath.report.sections.order import card_sections
from gastropath.results.card import Card

_KNOWN_LICENCES = {"CC BY 4.0": "cc-by-4.0", "Apache-2.0": "apache-2.0"}

_MARKUP = re.compile(r"[\\`*\[|]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
_BLOCK = re.compile(r"(?<=^\d)[.)](?=\s)|(?<=^\d\d)[.)](?=\s)|(?<=^\d{3})[.)](?=\s)|^[-+#=~>]")
"""What GitHub's Markdown would take for markup anywhere, and for the start of a list or heading in a paragraph."""


def model_card(card: Card) -> str:
    """Write the card as Markdown with the Hub's YAML header; every number comes from the card."""
    return "\n".join([*_header(card), *model_card_body(card)])


def model_card_body(card: Card) -> list[str]:
    """Write the card as lines of Markdown, without the Hub's header."""
    lines = [f"# {escaped(card.name)}", ""]
    for notice in model_notices(card):
        lines += [f"**{escaped(notice)}**", ""]
    return [*lines, escaped(card.intended_use), "", *sections_to_markdown(card_sections(card))]


def sections_to_markdown(sections: Sequence[Section]) -> list[str]:
    """Write sections as lines; one that has nothing but pictures is left out."""
    lines = []
    for section in sections:
        parts = [part_lines for part in section.parts if (part_lines := _lines(part))]
        if parts:
            lines += [f"## {escaped(section.title)}", ""]
            lines += [line for part in parts for line in (*part, "")]
    return lines


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Write a table as lines."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(text if text == '---' else escaped(str(text)) for text in cells)} |" for cells in lines]


def escaped(text: str) -> str:
    """Keep a text from being taken for Markdown or HTML, and on one line.

    Examples
    --------
    >>> escaped("gl|ass_1 <b>")
    'gl\\\\|ass_1 &lt;b>'
    """
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.split())).replace("<", "&lt;")


def _lines(part: Part) -> list[str]:
    match part:
        case Text():
            text = _BLOCK.sub(lambda found: f"\\{found[0]}", escaped(part.text))
            return [f"**{text}**" if part.tone == "warning" else text]
        case Bullets():
            return [f"- {escaped(item)}" for item in part.items]
        case Table():
            caption = [escaped(part.caption), ""] if part.caption else []
            return [*caption, *table(part.columns, part.rows)]
        case Chart() | Gallery() | Cards() | Bars():
            return []


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
