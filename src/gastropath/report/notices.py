"""What is said wherever results are shown."""

from __future__ import annotations

from gastropath.report.sections.confidence import target_in_words
from gastropath.results.card import Card

RESEARCH_USE = (
    "For research and education only. GastroPath assists and does not replace a pathologist; clinical validation "
    "comes before any use on patients. Models make errors, and carry the bias of the tiles they learned from."
)
"""Said once wherever results are shown."""

SYNTHETIC = (
    "Synthetic data: everything here was computed from computer-drawn tiles, not from tissue. The metrics show that "
    "the software works; they say nothing about real histology."
)
"""Said wherever results come from generated tiles."""

SYNTHETIC_MODEL = (
    "This model learned from synthetic, computer-drawn tiles. It shows that the software works; on real tissue its "
    "answers mean nothing."
)
"""Said wherever a model that was trained on generated tiles answers."""


def model_notices(card: Card) -> list[str]:
    """Return what is said wherever a model answers: that it learned from drawn tiles, or misses its own target."""
    missed = card.abstention is not None and card.abstention.state == "unmet"
    return [
        *([SYNTHETIC_MODEL] if card.training_data.synthetic else []),
        *([target_in_words(card.abstention)] if card.abstention and missed else []),
    ]
