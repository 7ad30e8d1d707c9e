"""How often a model is right: over all, for each class, on each source, and what it confuses."""

from __future__ import annotations

from gastropath.report.charts.classes import confusion_matrix, per_class
from gastropath.report.parts import Part, Section, Table, Text
from gastropath.report.wording import count, interval, named, share
from gastropath.results.metrics import Metrics
from gastropath.tissue_classes import tissue_class

VALUE = "value (95 % interval)"
"""Heading of the column of values."""

_ENOUGH_OF_A_CLASS = 10


def accuracy(metrics: Metrics) -> Section:
    """Say what was measured on which tiles, and what makes it less than it looks."""
    return Section("Accuracy", [Text(measured_on(metrics)), headline(metrics), *warnings(metrics)])


def each_class(metrics: Metrics) -> Section:
    """Show precision, recall, F1 and AUROC of each class."""
    return Section("Each class", [class_table(metrics), per_class(metrics)])


def confusion(metrics: Metrics) -> Section:
    """Show which class is taken for which."""
    charts = [confusion_matrix(metrics, normalised=normalised) for normalised in (False, True)]
    return Section("Confusion matrix", charts)


def sources(metrics: Metrics) -> Section | None:
    """Show how good the model is on the tiles of each source; ``None`` where the tiles name no source."""
    if not metrics.by_source:
        return None
    rows = [
        (
            name,
            f"{row.n:,}",
            *map(interval, (row.accuracy, row.macro_f1, row.coverage, row.selective_accuracy)),
            share(row.unlike_training),
        )
        for name, row in metrics.by_source.items()
    ]
    columns = ("source", "tiles", "accuracy", "macro-F1", "coverage", "selective accuracy", "out of distribution")
    table = Table(columns, rows, "Tiles by source, with 95 % intervals")
    return Section("Sources", [table])


def cross_validation(metrics: Metrics) -> Section:
    """Show how good models are on tiles of folds that they did not learn from."""
    parts: list[Part] = [Text(measured_on(metrics)), *warnings(metrics), headline(metrics), class_table(metrics)]
    return Section("Cross-validation", parts)


def cross_validation_in_words(metrics: Metrics) -> str:
    """Say in a sentence how good models are on tiles of folds that they did not learn from."""
    return (
        f"In cross-validation over {count(metrics.n, 'tile')}, accuracy is {metrics.accuracy.percent()} and macro-F1 "
        f"{metrics.macro_f1}."
    )


def measured_on(metrics: Metrics) -> str:
    """Say which tiles were judged, and what the intervals resample."""
    tiles = {
        "test": "the test part",
        "all": "all tiles given",
        "out-of-fold": "tiles, each judged by a model that was trained and calibrated without its fold",
    }[metrics.part]
    groups = count(metrics.groups, "known group") if metrics.groups else "groups that are not known"
    learned = ", none of which the model learned from" if metrics.remembered == 0 else ""
    return (
        f"Measured on {tiles}: {count(metrics.n, 'tile')} in {groups}{learned}. Intervals hold 95 % and resample "
        f"{metrics.resampled}."
    )


def headline(metrics: Metrics) -> Table:
    """Return the main metrics with their intervals."""
    n = f"{metrics.n:,}"
    rows: list[tuple[str, str, str]] = []
    if metrics.split:
        rows += [
            (f"accuracy, {title} part", f"{metrics.parts[part]:,}", interval(value))
            for part, title, value in (
                ("train", "training", metrics.train_accuracy),
                ("val", "validation", metrics.val_accuracy),
            )
            if value
        ]
    rows += [
        (f"accuracy, {metrics.judged}", n, interval(metrics.accuracy)),
        ("balanced accuracy", n, interval(metrics.balanced_accuracy)),
        ("macro precision", n, interval(metrics.macro_precision)),
        ("macro recall", n, interval(metrics.macro_recall)),
        ("macro-F1", n, interval(metrics.macro_f1)),
    ]
    if metrics.shortcut_baseline.macro_f1:
        rows.append(("macro-F1 of a colour histogram", n, interval(metrics.shortcut_baseline.macro_f1)))
    if (metrics.abstention.coverage.value or 0) < 1:
        rows.append(("coverage", n, interval(metrics.abstention.coverage)))
        rows.append(("selective accuracy", n, interval(metrics.abstention.selective_accuracy)))
    return Table(("metric", "tiles", VALUE), rows)


def class_table(metrics: Metrics) -> Table:
    """Return the metrics of each class."""
    rows = [
        (
            code,
            tissue_class(code).name,
            f"{row.support:,}",
            *map(interval, (row.precision, row.recall, row.f1, row.auroc)),
        )
        for code, row in metrics.per_class.items()
    ]
    columns = ("class", "tissue", "tiles", "precision", "recall", "F1", "AUROC (one against the rest)")
    return Table(columns, rows, f"{where(metrics)}, with 95 % intervals")


def warnings(metrics: Metrics) -> list[Text]:
    """Return what makes the metrics less than they look."""
    return [Text(line, "warning") for line in metrics.warnings]


def where(metrics: Metrics) -> str:
    """Name the judged tiles and their number, for a caption."""
    return f"{metrics.judged.capitalize()}, n = {metrics.n:,}"


def best_and_worst_class(metrics: Metrics) -> str | None:
    """Say which class is recognised best and which worst; ``None`` where there are not two to compare."""
    scored = [
        (row.f1.value, code) for code, row in metrics.per_class.items() if row.support and row.f1.value is not None
    ]
    if len(scored) < 2:
        return None
    fewest = min(row.support for row in metrics.per_class.values() if row.support)
    if fewest < _ENOUGH_OF_A_CLASS:
        return f"The smallest class has {count(fewest, 'tile')}: too few to say which is recognised best or worst."
    (best, best_code), (worst, worst_code) = max(scored), min(scored)
    return f"Best recognised: {named(best_code)} (F1 {best:.2f}); worst: {named(worst_code)} (F1 {worst:.2f})."


def against_colour(metrics: Metrics) -> str | None:
    """Compare the model with what colour alone tells; ``None`` where there is no baseline."""
    colour, gain = metrics.shortcut_baseline.macro_f1, metrics.shortcut_baseline.gain
    if not colour:
        return None
    verdict = (
        "the model sees more than colour"
        if gain is not None and gain.is_above_zero
        else "nothing shows that the model sees more than colour"
    )
    paired = f", paired difference {gain}" if gain else ""
    return f"A colour histogram alone reaches macro-F1 {colour} on the same tiles{paired}: {verdict}."
