"""The terminal prints what the report says."""

from __future__ import annotations

from collections.abc import Sequence

from gastropath.report.parts import Bullets, Section, Table, Text
from gastropath.report.terminal import main_metrics, show


class Printer:
    """Keeps what it is told to print."""

    def __init__(self) -> None:
        self.results: list[str | tuple[tuple[str, ...], list[tuple[object, ...]]]] = []
        self.remarks: list[str] = []

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self.results.append((tuple(columns), [tuple(row) for row in rows]))

    def say(self, text: str) -> None:
        self.results.append(text)

    def note(self, text: str) -> None:
        self.remarks.append(text)


def test_results_and_warnings_go_to_streams_of_their_own(make_metrics, make_card):
    printer = Printer()
    metrics = make_metrics(synthetic=True)
    show(main_metrics(metrics, make_card(metrics)), printer)
    table, target = printer.results
    assert "training data (20 tiles)" in target
    assert isinstance(table, tuple)
    columns, rows = table
    assert columns == ("metric", "tiles", "value (95 % interval)")
    assert ("macro-F1", "20", "0.500 (0.250–0.750)") in rows
    assert printer.remarks[0] == "warning: Beware."
    assert "synthetic" in printer.remarks[1]


def test_a_section_is_printed_with_its_title():
    printer = Printer()
    show([Section("Limits", [Text("Two."), Bullets(["one", "two"]), Table(("a",), [(1,)])])], printer)
    assert printer.results == ["Limits", "Two.", "- one", "- two", (("a",), [(1,)])]
