"""What tiles the metrics were measured on, in words."""

from __future__ import annotations

from gastropath.report.parts import Part, Section, Table, Text
from gastropath.report.wording import count, decimals
from gastropath.results.metrics import Metrics

_SHOWN_SIZES = 5

_SHIFTED = 0.5
"""Standard deviations from which on a shift is said in words."""


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
            f"Sizes of {count(sum(data.sizes.values()), 'tile')}: {', '.join(sizes)}. The micrometres per pixel of "
            f"{data.mpp_known:,} of {count(metrics.n, 'tile')} are known. {count(data.guessed, 'tile')} of another "
            f"size than the model's {'was' if data.guessed == 1 else 'were'} taken for one field of view."
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
