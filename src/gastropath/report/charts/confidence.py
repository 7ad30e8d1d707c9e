"""Charts of confidence: does it match the accuracy, and what does abstaining gain?"""

from __future__ import annotations

import math

from gastropath.report.charts.axes import SHARES, WIDTH, Axes, Scale, legend
from gastropath.report.charts.drawing import BLUE, GREY, INK, ORANGE, TAN, Drawing
from gastropath.report.parts import Chart
from gastropath.results.metrics import Metrics

_LEFT, _TOP, _RIGHT, _BELOW = 62, 12, 16, 44


def reliability(metrics: Metrics) -> Chart:
    """Draw accuracy against confidence, before and after calibration."""
    calibration = metrics.calibration
    shipped = (calibration.after or calibration.before).bins
    side = 330.0
    left = (WIDTH - side) / 2 + 16
    entries = [("calibrated perfectly", GREY, "dashed")]
    entries += [("before calibration", TAN, "line")] if calibration.after else []
    entries += [("this model", BLUE, "line")]
    drawing = Drawing(WIDTH, _TOP + side + _BELOW + 50)
    axes = Axes(drawing, left, _TOP, side, side, SHARES, SHARES)
    axes.draw("confidence", "accuracy")
    axes.curve([(0, 0), (1, 1)], GREY, width=1.2, dashed=True)
    if calibration.after:
        axes.curve([(row.confidence, row.accuracy) for row in calibration.before.bins], TAN, dots=True)
    axes.curve([(row.confidence, row.accuracy) for row in shipped], BLUE, dots=True)
    legend(drawing, left, _TOP + side + _BELOW + 18, entries, side)
    words = "; ".join(f"confidence {row.confidence:.0%}: {row.accuracy:.0%} of {row.n:,} right" for row in shipped)
    n, bins = sum(row.n for row in shipped), "one bin" if len(shipped) == 1 else f"{len(shipped)} bins of equal size"
    caption = (
        f"Reliability diagram, {metrics.judged}, n = {n:,} in {bins}. On the dashed line, confidence is right as often "
        "as it says. Below the line: overconfident."
    )
    return Chart("reliability", drawing, f"Reliability diagram. {words}.", caption)


def risk_coverage(metrics: Metrics) -> Chart:
    """Draw the share of wrong answers against coverage, and where the bundle's own thresholds lie."""
    found = metrics.abstention
    coverage, covered_low, covered_high = found.coverage.numbers
    right, right_low, right_high = found.selective_accuracy.numbers
    at_random = 1 - (metrics.accuracy.value or 0)
    risks = [1 - point.accuracy for point in found.curve]
    known = [risk for risk in (*risks, at_random, 1 - right_low) if math.isfinite(risk)]
    risk = Scale(0.0, min(1.0, 1.08 * max([*known, 0.05])))
    entries = [("by confidence", BLUE, "line"), ("at random", GREY, "dashed")]
    height = 270.0
    drawing = Drawing(WIDTH, _TOP + height + _BELOW + 46)
    axes = Axes(drawing, _LEFT, _TOP, WIDTH - _LEFT - _RIGHT, height, SHARES, risk)
    axes.draw("coverage: share of tiles answered", "risk: share of answers wrong")
    axes.curve([(0, at_random), (1, at_random)], GREY, width=1.2, dashed=True)
    axes.curve([(point.coverage, 1 - point.accuracy) for point in found.curve], BLUE)
    words = f"At full coverage {at_random:.1%} of answers are wrong"
    if math.isfinite(right) and math.isfinite(coverage):
        entries.append(("this model, 95 % intervals", ORANGE, "circle"))
        for ends in (
            [(coverage, 1 - right_low), (coverage, 1 - right_high)],
            [(covered_low, 1 - right), (covered_high, 1 - right)],
        ):
            axes.curve(ends, INK, width=1.5)
        drawing.dot(axes.at(coverage, 1 - right), ORANGE)
        words += f"; at the model's own coverage of {coverage:.1%}, {1 - right:.1%}"
    legend(drawing, _LEFT, _TOP + height + _BELOW + 16, entries, WIDTH - _LEFT)
    caption = (
        f"Risk and coverage, {metrics.judged}, n = {metrics.n:,}. The curve answers the tiles of highest confidence "
        "first. The point is what the model does, which also abstains on tiles that are out of distribution."
    )
    return Chart("risk_coverage", drawing, f"Risk against coverage. {words}.", caption)
