"""What ``metrics.json`` holds of the checks of activation maps."""

from __future__ import annotations

from gastropath.results.interval import Interval, Part, Share


class CellCurve(Part):
    """Mean probability of the predicted class while cells of the tile are deleted (or inserted) one after the other.

    ``by_map`` follows the activation map from the most to the least active cell, ``by_chance`` a random order;
    ``gain`` is the area between them, in favour of the map; its interval must lie above ``limit``, the area that maps
    of shuffled networks gain on the same tiles, and at least 0.01 (0 in documents of version 4 and earlier).
    """

    share: tuple[float, ...]
    by_map: tuple[float, ...]
    by_chance: tuple[float, ...]
    gain: Interval
    limit: float
    passed: bool


class RandomisedMaps(Part):
    """Rank correlation of the activation maps with those of the same network with shuffled weights.

    ``silent`` is the share of the shuffled network's maps that are the same all over and could not be compared.
    """

    what: str
    correlation: Interval | None
    silent: Share
    passed: bool


class ExplanationChecks(Part):
    """Whether activation maps show what the model goes by, on ``n`` of the judged tiles."""

    n: int
    cells: int
    deletion: CellCurve
    insertion: CellCurve
    randomised: tuple[RandomisedMaps, ...]

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(check.passed for check in (self.deletion, self.insertion, *self.randomised))
