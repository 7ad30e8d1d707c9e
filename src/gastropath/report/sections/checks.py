"""Whether the accuracy lasts, whether activation maps may be believed, and what tiles it was all measured on."""

from __future__ import annotations

from gastropath.report.charts.checks import changed_tiles, deletion_insertion
from gastropath.report.parts import Part, Section, Table, Text
from gastropath.report.sections.accuracy import VALUE
from gastropath.report.wording import count, decimals, interval, share
from gastropath.results.checks import ExplanationChecks, Robustness
from gastropath.results.metrics import Metrics

_SHOWN_SIZES = 5
_SHIFTED = 0.5
"""Standard deviations from which on a shift is said in words."""


def robustness(metrics: Metrics) -> Section | None:
    """Show what remains of the accuracy when tiles are changed; ``None`` where that was not tried."""
    found = metrics.robustness
    if not found:
        return None
    unchanged = (interval(found.accuracy), "–", share(found.coverage), share(found.selective_accuracy))
    rows = [("unchanged", *unchanged)]
    rows += [
        (row.name, interval(row.accuracy), interval(row.change), share(row.coverage), share(row.selective_accuracy))
        for row in found.changed
    ]
    columns = ("tiles", "accuracy", "paired difference", "coverage", "selective accuracy")
    caption = f"n = {found.n:,} of the judged tiles, each changed by computer in every way"
    parts = [Text(robustness_in_words(found)), Table(columns, rows, caption), changed_tiles(found, metrics.judged)]
    return Section("Robustness to scanner and stain", parts)


def robustness_in_words(found: Robustness) -> str:
    """Say which changes of the tiles cost accuracy."""
    costly = [row for row in found.changed if row.change.is_below_zero]
    if not costly:
        return (
            f"None of {len(found.changed)} computed changes of stain, focus, brightness and compression costs accuracy "
            f"that could be told from chance on {found.n:,} tiles."
        )
    worst = min(costly, key=lambda row: row.change.numbers[0])
    return (
        f"{len(costly)} of {len(found.changed)} computed changes of the tiles cost accuracy. The costliest is "
        f"{worst.name}: {worst.change}."
    )


def activation_maps(metrics: Metrics) -> Section | None:
    """Show whether activation maps passed their checks; ``None`` where they were not checked."""
    found = metrics.explanations
    if not found:
        return None
    checks = [
        ("deletion: area gained over random order", found.deletion.gain, found.deletion.passed),
        ("insertion: area gained over random order", found.insertion.gain, found.insertion.passed),
        *(
            (f"rank correlation with the maps after shuffling {row.what}", row.correlation, row.passed)
            for row in found.randomised
        ),
    ]
    rows = [(name, interval(value), "yes" if passed else "NO") for name, value, passed in checks]
    caption = (
        f"n = {found.n:,} of the judged tiles, map of the predicted class. To pass, the interval of an area must lie "
        "above 0, and that of a correlation below 0.5."
    )
    tone = "plain" if found.passed else "warning"
    parts: list[Part] = [Text(maps_in_words(found), tone), Table(("check", VALUE, "passed"), rows, caption)]
    silent = max(check.silent for check in found.randomised)
    if silent > 0:
        blank = f"{silent:.0%} of the maps of shuffled networks were the same all over and could not be compared."
        parts.append(Text(blank, "note"))
    return Section("Activation maps", [*parts, deletion_insertion(found)])


def maps_in_words(found: ExplanationChecks) -> str:
    """Say whether the activation maps may be believed."""
    if found.passed:
        return (
            "The activation maps passed the checks: blurring what they mark lowers the probability of the class more "
            f"than blurring at random (area between the curves {found.deletion.gain}), and they change when weights "
            "are shuffled."
        )
    failed = [
        reason
        for reason, passed in (
            ("blurring what they mark matters no more than blurring at random", found.deletion.passed),
            ("showing what they mark brings the class back no sooner than at random", found.insertion.passed),
            ("they hardly depend on what the model learned", all(check.passed for check in found.randomised)),
        )
        if not passed
    ]
    return f"The activation maps FAILED: {'; '.join(failed)}. Do not believe the activation maps of this model."


def judged_tiles(metrics: Metrics) -> Section | None:
    """Show what the judged tiles are like beside the training tiles; ``None`` where nobody looked."""
    data = metrics.data
    if data is None:
        return None
    sizes = [f"{size} px: {n:,}" for size, n in list(data.sizes.items())[:_SHOWN_SIZES]]
    if (more := len(data.sizes) - len(sizes)) > 0:
        sizes.append(count(more, "more size"))
    parts: list[Part] = [
        Text(
            f"Sizes of {sum(data.sizes.values()):,} tiles: {', '.join(sizes)}. The micrometres per pixel of "
            f"{data.mpp_known:,} of {metrics.n:,} tiles are known. {count(data.guessed, 'tile')} of another size than "
            f"the model's {'was' if data.guessed == 1 else 'were'} taken for one field of view."
        )
    ]
    if metrics.split is None and metrics.remembered is None:
        unknown = (
            "Whether the model learned from copies of these tiles is not known; an audit of one folder against the "
            "other finds them."
        )
        parts.append(Text(unknown))
    if data.absent_classes:
        absent = (
            f"No tile of {', '.join(data.absent_classes)}: metrics over classes are means over the others, and a tile "
            "that gets one of these classes is an error."
        )
        parts.append(Text(absent))
    return Section("Judged tiles", [*parts, *_shifts(metrics)])


def _shifts(metrics: Metrics) -> list[Part]:
    shifts = metrics.data.shifts if metrics.data else {}
    if not shifts:
        return []
    far = [
        f"{name} {abs(shift.deviations):.1f} standard deviations {'higher' if shift.deviations > 0 else 'lower'}"
        for name, shift in shifts.items()
        if abs(shift.deviations) >= _SHIFTED
    ]
    verdict = (
        f"They differ from the training tiles by half a standard deviation or more: {', '.join(far)}."
        if far
        else "Brightness, colour, glass and sharpness lie within half a standard deviation of the training tiles'."
    )
    rows = [
        (name, decimals(shift.trained), decimals(shift.judged), decimals(shift.deviations, sign="+"))
        for name, shift in shifts.items()
    ]
    columns = ("mean over tiles", "training tiles", "judged tiles", "difference in standard deviations")
    caption = "Brightness, redness (red minus blue) and saturation: 0 to 255"
    return [Text(verdict), Table(columns, rows, caption)]
