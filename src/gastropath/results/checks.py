"""What ``metrics.json`` holds of the judged tiles themselves, and of the checks made with them."""

from __future__ import annotations

from gastropath.results.interval import Interval, Part, Share, ShareInterval


class Shift(Part):
    """One property of the judged tiles and of the training tiles: mean, and the difference in standard deviations."""

    judged: float
    trained: float
    deviations: float


class TileStatistics(Part):
    """What the judged tiles are like, and how they differ from the training tiles.

    ``sizes`` counts tiles by size in pixels. ``guessed`` tiles are of another size than the model's and were taken for
    one field of view, their micrometres per pixel not being known. ``shifts`` is empty where the bundle does not tell
    what its training tiles look like.
    """

    sizes: dict[str, int]
    mpp_known: int
    guessed: int
    absent_classes: tuple[str, ...]
    other_classes: dict[str, int]
    shifts: dict[str, Shift]


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


class CellCurve(Part):
    """Mean probability of the predicted class while cells of the tile are deleted (or inserted) one after the other.

    ``by_map`` follows the activation map from the most to the least active cell, ``by_chance`` a random order;
    ``gain`` is the area between them, in favour of the map.
    """

    share: tuple[float, ...]
    by_map: tuple[float, ...]
    by_chance: tuple[float, ...]
    gain: Interval
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
