"""Sections of the report: a table, a chart and a sentence for each question that can be asked of a model."""

from __future__ import annotations

from collections.abc import Mapping

from gastropath.report.html import Figure as Picture
from gastropath.report.html import Part, Section, Table, Text
from gastropath.results.card import Card
from gastropath.results.checks import ExplanationChecks, Robustness
from gastropath.results.interval import Interval
from gastropath.results.metrics import DomainMetrics, Metrics
from gastropath.tissue import tissue_class

_SHIFTED = 0.5
"""Standard deviations from which the report speaks of a shift."""


def accuracy(metrics: Metrics, pictures: Mapping[str, Picture]) -> list[Section]:
    """Answer: how often is it right, over all, for each class, and what does it confuse?"""
    confusion: list[Part] = [pictures["confusion_matrix"], pictures["confusion_matrix_normalised"]]
    return [
        Section("Accuracy", [_accuracy_table(metrics), *(Text(line, "warning") for line in metrics.warnings)]),
        Section("Each class", [_class_table(metrics), pictures["per_class"]]),
        Section("Confusion matrix", confusion),
    ]


def cross_validation(metrics: Metrics) -> list[Part]:
    """Answer: how good is it on every tile, each judged by a model that was made without its fold?"""
    told = Text(
        f"Each of {metrics.n:,} tiles, in {metrics.groups:,} known groups, was judged by a model trained and "
        f"calibrated without the tile's fold. Intervals resample {metrics.resampled}."
    )
    return [
        told,
        *(Text(line, "warning") for line in metrics.warnings),
        _accuracy_table(metrics),
        _class_table(metrics),
    ]


def confidence(metrics: Metrics, card: Card, pictures: Mapping[str, Picture]) -> list[Section]:
    """Answer: can its confidence be believed, and does it know what it does not know?"""
    sections = [
        Section(
            "Confidence",
            [_confidence(metrics), Text(f"{_by_chance(metrics)}{_helped(metrics)}"), pictures["reliability"]],
        ),
        Section("When it says \u201cI don't know\u201d", [*_abstaining(metrics, card), pictures["risk_coverage"]]),
    ]
    if metrics.domain.kinds:
        sections.append(Section("Pictures it should not name", _outsiders(metrics.domain)))
    return sections


def checks(metrics: Metrics, pictures: Mapping[str, Picture]) -> list[Section]:
    """Answer: does the accuracy last, do the activation maps tell the truth, and what tiles was it all measured on?"""
    sections = []
    if metrics.robustness:
        parts: list[Part] = [_robustness(metrics.robustness), pictures["robustness"]]
        sections.append(Section("Tiles from another scanner or stain", parts))
    if metrics.explanations:
        parts = [*_explanations(metrics.explanations), pictures["deletion_insertion"]]
        sections.append(Section("Do the activation maps tell the truth?", parts))
    if metrics.data:
        sections.append(Section("The tiles", _tiles(metrics)))
    return sections


def _accuracy_table(metrics: Metrics) -> Table:
    rows: list[tuple[str, str, str]] = []
    if metrics.split:
        tiles = metrics.parts
        rows += [
            ("accuracy, training part", f"{tiles['train']:,}", _text(metrics.train_accuracy)),
            ("accuracy, validation part", f"{tiles['val']:,}", _text(metrics.val_accuracy)),
        ]
    n = f"{metrics.n:,}"
    rows += [
        (f"accuracy, {metrics.whose}", n, _text(metrics.accuracy)),
        ("balanced accuracy", n, _text(metrics.balanced_accuracy)),
        ("macro precision", n, _text(metrics.macro_precision)),
        ("macro recall", n, _text(metrics.macro_recall)),
        ("macro-F1", n, _text(metrics.macro_f1)),
    ]
    if metrics.shortcut_baseline.macro_f1:
        rows.append(("macro-F1 of a colour histogram", n, _text(metrics.shortcut_baseline.macro_f1)))
    return Table(("figure", "tiles", "value (95 % interval)"), rows)


def _class_table(metrics: Metrics) -> Table:
    rows = [
        (code, tissue_class(code).name, f.support, *(_text(x) for x in (f.precision, f.recall, f.f1, f.auroc)))
        for code, f in metrics.per_class.items()
    ]
    columns = ("class", "tissue", "tiles", "precision", "recall", "F1", "AUROC (one against the rest)")
    return Table(columns, rows, f"{_where(metrics)}, with 95 % intervals")


def _confidence(metrics: Metrics) -> Table:
    before, after = metrics.calibration.before, metrics.calibration.after
    both = [before, after] if after else [before]
    rows = [
        ("expected calibration error", *(_text(figures.ece) for figures in both)),
        ("negative log-likelihood", *(_text(figures.nll) for figures in both)),
        ("Brier score", *(_text(figures.brier) for figures in both)),
    ]
    columns = ("figure", "before calibration", "as shipped") if after else ("figure", "not calibrated")
    note = f"{_where(metrics)}, with 95 % intervals"
    return Table(columns, rows, f"{note}; temperature {metrics.calibration.temperature:.3g}" if after else note)


def _by_chance(metrics: Metrics) -> str:
    figures = metrics.calibration.after or metrics.calibration.before
    chance = figures.ece_by_chance
    verdict = (
        "what is measured here cannot be told from that"
        if (figures.ece.value or 0) <= (chance.high or 0)
        else "what is measured here is more"
    )
    return (
        f"Chance alone gives a perfectly calibrated model an expected calibration error of {chance} on so many tiles; "
        f"{verdict}."
    )


def _helped(metrics: Metrics) -> str:
    before, after = metrics.calibration.before, metrics.calibration.after
    if after is None or (after.nll.value or 0) <= (before.nll.value or 0):
        return ""
    return " Calibration did not help on these tiles: the likelihood is lower with the temperature than without."


def _abstaining(metrics: Metrics, card: Card) -> list[Part]:
    figures = metrics.abstention
    area, error = figures.aurc, 1 - (metrics.accuracy.value or 0)
    curve = Text(
        f"Area under the risk-coverage curve: {area} (0 is perfect; a confidence that tells nothing gives {error:.3f})."
    )
    if figures.threshold is None and metrics.domain.threshold is None:
        return [Text("This model never abstains."), curve]
    right = figures.selective_accuracy
    told = "" if right.value is None else f"; {_percent(right)} of these are right"
    sentence = (
        f"The model answers {_percent(figures.coverage)} of the {metrics.n:,} tiles{told}. On "
        f"{figures.low_confidence:.1%} its confidence is too low; {figures.unlike_training:.1%} are unlike the "
        "training tiles (a tile may be both)."
    )
    rows = [
        (
            code,
            f"{row.n:,}",
            *map(_share, (row.coverage, row.selective_accuracy, row.low_confidence, row.unlike_training)),
        )
        for code, row in figures.per_class.items()
    ]
    columns = ("class", "tiles", "answered", "right of these", "low confidence", "unlike the training tiles")
    return [Text(sentence), *_target(metrics, card), Table(columns, rows, _where(metrics)), curve]


def _target(metrics: Metrics, card: Card) -> list[Part]:
    """Compare what the threshold was chosen for with what it gives here."""
    rule = card.abstention
    if rule is None:
        return []
    found = metrics.abstention.selective_accuracy if rule.target == "accuracy" else metrics.abstention.coverage
    what = "of the answers are right" if rule.target == "accuracy" else "of the tiles are answered"
    chosen = (
        f"The threshold of confidence, {rule.threshold:.3f}, was chosen on {rule.n:,} held-out tiles so that "
        f"{rule.target_value:.0%} {what}; here it is {found}"
    )
    missed = found.high is not None and found.high < rule.target_value
    return [
        Text(
            f"{chosen}: the target is missed on these tiles." if missed else f"{chosen}.",
            "warning" if missed else "plain",
        )
    ]


def _outsiders(domain: DomainMetrics) -> list[Part]:
    rows = [
        (name, f"{row.n:,}", _text(row.auroc), _text(row.confidence_auroc), _text(row.false_accept))
        for name, row in domain.kinds
    ]
    columns = ("pictures", "n", "AUROC, distance", "AUROC, confidence", "answered all the same")
    caption = (
        "Classes the model does not have, if there are any, and pictures without tissue. AUROC: how well the distance "
        "to the training tiles, or the confidence, tells them from the judged tiles (0.5 is chance). The last column "
        "should be 0."
    )
    worst = max(domain.kinds, key=lambda item: item[1].false_accept.value or 0)
    answered = worst[1].false_accept.value or 0
    verdict = (
        "It named none of these pictures."
        if answered == 0
        else f"It named {answered:.1%} of the pictures of {worst[0]}, to which none of its classes was given."
    )
    return [Text(verdict, "warning" if answered > 0.05 else "plain"), Table(columns, rows, caption)]


def _robustness(robustness: Robustness) -> Table:
    as_they_are = (_text(robustness.accuracy), "–", _share(robustness.coverage), _share(robustness.selective_accuracy))
    rows = [("as they are", *as_they_are)]
    rows += [
        (row.name, _text(row.accuracy), _text(row.change), _share(row.coverage), _share(row.selective_accuracy))
        for row in robustness.changed
    ]
    columns = ("tiles", "accuracy", "change, in pairs", "answered", "right of these")
    return Table(columns, rows, f"n = {robustness.n:,} tiles of the judged part, each changed in every way")


def _explanations(explained: ExplanationChecks) -> list[Part]:
    rows = [
        (
            "deletion: probability falls sooner than by chance",
            _text(explained.deletion.gain),
            explained.deletion.passed,
        ),
        (
            "insertion: probability rises sooner than by chance",
            _text(explained.insertion.gain),
            explained.insertion.passed,
        ),
        *(
            (
                f"maps unlike those with {check.what} shuffled: rank correlation",
                _text(check.correlation),
                check.passed,
            )
            for check in explained.randomised
        ),
    ]
    table = Table(
        ("check", "value (95 % interval)", "passed"),
        [(name, value, "yes" if passed else "NO") for name, value, passed in rows],
        f"n = {explained.n:,} tiles of the judged part, map of the predicted class. Gains are areas between the "
        "curves, and must lie above 0; correlations must lie below 0.5.",
    )
    silent = max(check.silent for check in explained.randomised)
    notes = [
        Text(f"{silent:.0%} of the shuffled networks' maps were the same all over and could not be compared.", "note")
    ]
    return [Text(verdict_on_maps(explained), "plain" if explained.passed else "warning"), table, *notes[: silent > 0]]


def verdict_on_maps(explained: ExplanationChecks) -> str:
    """Say in words whether the activation maps may be believed."""
    if explained.passed:
        return (
            "The activation maps passed the checks: blurring what they mark lowers the class more than blurring at "
            f"random (area between the curves {explained.deletion.gain}), and they change when weights are "
            "shuffled."
        )
    failed = [
        name
        for name, passed in (
            ("what they mark does not matter more than chance when it is blurred", explained.deletion.passed),
            ("what they mark does not bring the class back sooner than chance", explained.insertion.passed),
            ("they hardly depend on what the model learned", all(check.passed for check in explained.randomised)),
        )
        if not passed
    ]
    return f"The activation maps FAILED: {'; '.join(failed)}. Do not believe the maps of this model."


def _tiles(metrics: Metrics) -> list[Part]:
    data = metrics.data
    assert data is not None, "only called where tiles were looked at"
    sizes = [f"{size} px: {n:,}" for size, n in list(data.sizes.items())[:5]]
    more = len(data.sizes) - len(sizes)
    sampled = sum(data.sizes.values())
    told = [
        f"Sizes of {sampled:,} tiles: {', '.join(sizes)}{f' and {more} more sizes' if more else ''}. Micrometres per "
        f"pixel are known of {data.mpp_known:,} of {metrics.n:,} tiles; {data.guessed:,} of another size than the "
        "model's were taken for one field of view."
    ]
    if metrics.split is None:
        told.append(
            "Whether copies of these tiles are among those the model learned from is not known; gastropath audit "
            "--against finds them."
        )
    if data.absent_classes:
        told.append(
            f"No tile of {', '.join(data.absent_classes)}: figures over classes are means over the others, and a tile "
            "given one of these is an error."
        )
    parts: list[Part] = [Text(line) for line in told]
    if data.shifts:
        far = [
            f"{name} {abs(shift.deviations):.1f} standard deviations {'higher' if shift.deviations > 0 else 'lower'}"
            for name, shift in data.shifts.items()
            if abs(shift.deviations) >= _SHIFTED
        ]
        verdict = (
            f"They differ from the training tiles by half a standard deviation or more: {', '.join(far)}."
            if far
            else "Brightness, colour, glass and sharpness lie within half a standard deviation of the training tiles'."
        )
        rows = [
            (name, f"{shift.trained:.2f}", f"{shift.judged:.2f}", f"{shift.deviations:+.2f}".replace("-", "−"))
            for name, shift in data.shifts.items()
        ]
        columns = ("mean over tiles", "training tiles", "judged tiles", "difference in standard deviations")
        parts += [Text(verdict), Table(columns, rows, "Brightness, redness (red minus blue) and saturation: 0 to 255")]
    return parts


def _where(metrics: Metrics) -> str:
    return f"{metrics.whose.capitalize()}, n = {metrics.n:,}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _text(figure: Interval | None) -> str:
    return "–" if figure is None else str(figure)


def _percent(figure: Interval) -> str:
    return figure.percent()
