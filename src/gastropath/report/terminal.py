"""Sections on a terminal: tables and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from gastropath.report.parts import Bullets, Part, Section, Table, Text
from gastropath.report.sections.accuracy import headline, warnings
from gastropath.report.sections.checks import not_checked_in_words
from gastropath.report.sections.confidence import target_in_words
from gastropath.results.card import Card
from gastropath.results.metrics import Metrics


class Console(Protocol):
    """Where to print: tables and results go to one stream, remarks to another."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a small table."""

    def say(self, text: str) -> None:
        """Print a line of the result."""

    def note(self, text: str) -> None:
        """Print a remark."""


def main_metrics(metrics: Metrics, card: Card) -> list[Part]:
    """Return what `train` and `evaluate` print: the main metrics, and what makes them less than they look."""
    rule = card.abstention
    parts: list[Part] = [headline(metrics), *warnings(metrics)]
    if metrics.synthetic:
        parts.append(Text("The tiles are synthetic: these metrics say nothing about real tissue.", "warning"))
    if missing := not_checked_in_words(metrics):
        parts.append(Text(missing))
    if rule and rule.target == "accuracy":
        parts.append(Text(target_in_words(rule), "warning" if rule.state == "unmet" else "plain"))
    return parts


def show(parts: Iterable[Part | Section], console: Console) -> None:
    """Print parts, or sections with their titles; pictures are left out.

    Examples
    --------
    >>> class Printer:
    ...     def table(self, columns, rows): print(columns, rows)
    ...     def say(self, text): print(text)
    ...     def note(self, text): print(text)
    >>> show([Text("Too few groups.", "warning"), Table(("a", "b"), [(1, 2)])], Printer())
    warning: Too few groups.
    ('a', 'b') [(1, 2)]
    """
    for part in parts:
        match part:
            case Section():
                console.say(part.title)
                show(part.parts, console)
            case Text():
                (console.note if part.tone == "warning" else console.say)(
                    f"warning: {part.text}" if part.tone == "warning" else part.text
                )
            case Bullets():
                for item in part.items:
                    console.say(f"- {item}")
            case Table():
                console.table(part.columns, part.rows)
            case _:
                pass
