"""What ``metrics.json`` holds of the judged tiles themselves."""

from __future__ import annotations

from gastropath.results.interval import Part


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
