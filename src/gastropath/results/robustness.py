"""What ``metrics.json`` holds of tiles changed by computer."""

from __future__ import annotations

from gastropath.results.interval import Interval, Part, Share, ShareInterval


class CorruptionMetrics(Part):
    """What remains of the accuracy when the tiles are changed in one way; ``change`` is the difference, in pairs."""

    name: str
    accuracy: ShareInterval
    change: Interval
    coverage: Share
    selective_accuracy: Share | None


class Robustness(Part):
    """The same ``n`` tiles as they are, and changed in several ways."""

    n: int
    accuracy: ShareInterval
    coverage: Share
    selective_accuracy: Share | None
    changed: tuple[CorruptionMetrics, ...]
