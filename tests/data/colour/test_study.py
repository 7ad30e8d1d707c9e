"""What colour alone tells of the class is measured on tiles that the classifier has not seen in any form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.data.audit.audit import Audit
from gastropath.data.audit.record import TileRecord
from gastropath.data.colour.study import FOLDS, ColourStudy, study_colour
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.index import TileIndex
from gastropath.results.interval import Interval
from gastropath.results.prediction import Refusal

Colour = tuple[int, int, int]
PINK, VIOLET, GREEN = (230, 150, 190), (110, 60, 150), (90, 190, 120)


class Tiles:
    """Writes small tiles one by one, and audits them without reading them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, label: str, colour: Colour, *, rng: np.random.Generator, group: str = "", pixels: str = "") -> None:
        """Add a tile of about this colour; ``pixels`` names the picture it is an identical copy of."""
        name = f"{len(self.rows)}.bmp"
        tile = np.clip(np.asarray(colour) + rng.normal(0, 12, (24, 24, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(tile).save(self.root / name)
        self.rows.append((name, label, group, pixels or name))

    def audit(self, near: tuple[NearPair, ...] = ()) -> Audit:
        names, labels, groups, pixels = zip(*self.rows, strict=True)
        index = TileIndex(self.root, names, labels, groups)
        return Audit(index, tuple(TileRecord(24, 24, "RGB", 9, p) for p in pixels), near)


@pytest.fixture
def tiles(tmp_path: Path) -> Tiles:
    return Tiles(tmp_path)


def any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(20, 236, 3))
    return red, green, blue


def studied(audit: Audit) -> ColourStudy:
    study = study_colour(audit)
    assert study is not None
    return study


def test_classes_of_their_own_colours_are_told_apart_by_colour(tiles: Tiles, rng: np.random.Generator):
    for label, colour in (("A", PINK), ("B", VIOLET), ("C", GREEN)):
        for _ in range(20):
            tiles.add(label, colour, rng=rng)
    study = studied(tiles.audit())
    assert study.balanced_accuracy.numbers[0] > 0.95
    assert study.recall.keys() == {"A", "B", "C"}
    assert min(study.recall.values()) > 0.9
    assert (study.n, study.units) == (60, 60)
    assert "colour predicts the class to a large part" in study.sentence
    assert "guessing reaches 33%" in study.sentence


def test_classes_of_the_same_colours_are_not_told_apart_and_the_interval_covers_chance(
    tiles: Tiles, rng: np.random.Generator
):
    for label in "AB":
        for _ in range(60):
            tiles.add(label, any_colour(rng), rng=rng)
    study = studied(tiles.audit())
    reached = study.balanced_accuracy
    value, low, high = reached.numbers
    assert low <= 0.5 <= high
    assert low <= value <= high
    assert "colour says almost nothing about the class" in study.sentence


def copies_at_random(tiles: Tiles, rng: np.random.Generator, **kept: bool) -> list[tuple[int, ...]]:
    """Eight tiles of each of 24 pictures; every picture has a colour and, by the throw of a coin, a class.

    Whoever has seen one of the eight knows the class of the other seven; of an unseen picture nothing can be known.
    """
    groups = []
    for picture in range(24):
        label, colour = "AB"[picture % 2], any_colour(rng)
        groups.append(tuple(range(len(tiles.rows), len(tiles.rows) + 8)))
        for _ in range(8):
            tiles.add(
                label,
                colour,
                rng=rng,
                group=f"P{picture}" if kept.get("groups") else "",
                pixels=f"picture {picture}" if kept.get("identical") else "",
            )
    return groups


@pytest.mark.parametrize("kept", ["identical", "groups", "near"])
def test_copies_and_groups_are_never_learned_from_and_tested_on(kept: str, tiles: Tiles, rng: np.random.Generator):
    groups = copies_at_random(tiles, rng, **{kept: True})
    near = tuple(NearPair(rows[0], row, 0.1) for rows in groups for row in rows[1:]) if kept == "near" else ()
    study = studied(tiles.audit(near))
    assert (study.n, study.units) == (192, 24)
    value, low, high = study.balanced_accuracy.numbers
    assert value < 0.75
    assert high - low > 0.15  # of 24 units, not of 192 tiles


def test_copies_that_nobody_knows_of_would_give_nearly_everything(tiles: Tiles, rng: np.random.Generator):
    copies_at_random(tiles, rng)
    assert studied(tiles.audit()).balanced_accuracy.numbers[0] > 0.95


def test_too_few_classes_or_separate_tiles_give_no_study(tiles: Tiles, rng: np.random.Generator):
    for _ in range(FOLDS):
        tiles.add("A", PINK, rng=rng)
    assert study_colour(tiles.audit()) is None  # one class
    for _ in range(20):
        tiles.add("B", VIOLET, rng=rng, group="one patient")
    assert study_colour(tiles.audit()) is None  # a class in one unit
    for _ in range(FOLDS - 2):
        tiles.add("B", VIOLET, rng=rng)
    assert study_colour(tiles.audit()) is None  # in four
    tiles.add("B", VIOLET, rng=rng)
    assert study_colour(tiles.audit()) is not None


def test_a_class_with_too_few_tiles_is_left_out_and_the_others_are_studied(tiles: Tiles, rng: np.random.Generator):
    for label, colour, n in (("A", PINK, 10), ("B", VIOLET, 10), ("C", GREEN, 2)):
        for _ in range(n):
            tiles.add(label, colour, rng=rng)
    study = studied(tiles.audit())
    assert study.recall.keys() == {"A", "B"}
    assert study.n == 20


def test_no_study_where_the_sample_holds_fewer_units_than_folds(tiles: Tiles, rng: np.random.Generator):
    tiles.add("A", PINK, rng=rng)
    name = tiles.rows[0][0]
    # Four single tiles that lie side by side are passed over when a thousand of three thousand are picked.
    tiles.rows = [
        (name, label, "" if 1 <= i <= 4 else "one patient", f"{label}{i}") for label in "AB" for i in range(3000)
    ]
    assert study_colour(tiles.audit()) is None


def test_an_unreadable_tile_is_left_out(tiles: Tiles, rng: np.random.Generator):
    for label, colour in (("A", PINK), ("B", VIOLET)):
        for _ in range(8):
            tiles.add(label, colour, rng=rng)
    audit = tiles.audit()
    records = (TileRecord(refusal=Refusal("damaged", "is damaged")), *audit.records[1:])
    assert studied(Audit(audit.index, records)).n == 15


def test_a_file_that_vanished_gives_no_study_and_no_error(tiles: Tiles, rng: np.random.Generator, tmp_path: Path):
    for label, colour in (("A", PINK), ("B", VIOLET)):
        for _ in range(8):
            tiles.add(label, colour, rng=rng)
    audit = tiles.audit()
    (tmp_path / audit.index.paths[3]).unlink()
    assert study_colour(audit) is None


def test_the_same_seed_gives_the_same_study(tiles: Tiles, rng: np.random.Generator):
    for label in "AB":
        for _ in range(20):
            tiles.add(label, any_colour(rng), rng=rng)
    audit = tiles.audit()
    assert study_colour(audit, seed=4) == study_colour(audit, seed=4)


def test_the_summary_is_json_even_without_an_interval():
    study = ColourStudy(20, 20, Interval.of(0.5), {"A": 0.25, "B": 0.75})
    summary = json.loads(json.dumps(study.summary(), allow_nan=False))
    assert summary["balanced_accuracy"] == {"value": 0.5, "low": None, "high": None}
    assert summary["recall"] == {"A": 0.25, "B": 0.75}
