"""Whether activation maps may be believed, in words."""

from __future__ import annotations

from gastropath.report.charts.faithfulness import deletion_insertion
from gastropath.report.parts import Part, Section, Table, Text
from gastropath.report.sections.accuracy import VALUE
from gastropath.report.wording import interval
from gastropath.results.faithfulness import ExplanationChecks
from gastropath.results.metrics import Metrics


def activation_maps(metrics: Metrics) -> Section | None:
    """Show whether activation maps passed their checks; ``None`` where they were not checked."""
    found = metrics.explanations
    if not found:
        return None
    curves = (("deletion", found.deletion), ("insertion", found.insertion))
    checks = [
        *(
            (f"{way}: area gained over random order", curve.gain, f"above {curve.limit:.3f}", curve.passed)
            for way, curve in curves
        ),
        *(
            (f"rank correlation with the maps after shuffling {row.what}", row.correlation, "below 0.5", row.passed)
            for row in found.randomised
        ),
    ]
    rows = [(name, interval(value), must, "yes" if passed else "NO") for name, value, must, passed in checks]
    caption = (
        f"n = {found.n:,} of the judged tiles, map of the predicted class. To pass, the interval must lie where the "
        "third column says. An area must be above what maps of shuffled networks gain there, and 0.01."
    )
    tone = "plain" if found.passed else "warning"
    parts: list[Part] = [Text(maps_in_words(found), tone), Table(("check", VALUE, "must lie", "passed"), rows, caption)]
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
            ("blurring what they mark matters hardly more than blurring at random", found.deletion.passed),
            ("showing what they mark brings the class back hardly sooner than at random", found.insertion.passed),
            ("they hardly depend on what the model learned", all(check.passed for check in found.randomised)),
        )
        if not passed
    ]
    return f"The activation maps FAILED: {'; '.join(failed)}. Do not believe the activation maps of this model."
