"""What of a model was not checked, in words: what nobody looked at has not passed."""

from __future__ import annotations

from gastropath.report.parts import Section, Text
from gastropath.report.wording import listed
from gastropath.results.metrics import Checks, Metrics

_LEFT_TO_FULL = (
    "whether accuracy lasts when stain, focus, brightness or compression change",
    "whether activation maps show what the model goes by",
    "what the model says of pictures that show no tissue",
)
_LEFT_TO_QUICK = ("what colour alone tells of the tiles", "how the tiles differ from those of training")
_LEFT_OUT: dict[Checks, tuple[str, ...]] = {
    "full": (),
    "quick": _LEFT_TO_FULL,
    "none": (*_LEFT_TO_FULL, *_LEFT_TO_QUICK),
}


def not_checked_in_words(metrics: Metrics) -> str | None:
    """Name what was not checked; ``None`` where all checks ran, or the model itself was not asked.

    Examples
    --------
    >>> not_checked_in_words(metrics)  # doctest: +SKIP
    'Not checked: whether ... Run `gastropath evaluate` with all checks before you rely on the model.'
    """
    missing = _LEFT_OUT[metrics.checks] if metrics.checks else ()
    if not missing:
        return None
    return f"Not checked: {listed(missing)}. Evaluate with `--checks full` before you rely on the model."


def not_checked(metrics: Metrics) -> Section | None:
    """Say what was not checked."""
    words = not_checked_in_words(metrics)
    return Section("Not checked", [Text(words, "warning")]) if words else None
