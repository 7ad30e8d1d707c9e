"""Copies are found however they were made, and tiles that are none are not paired."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from planting import KINDS, copy_of, flipped_or_turned, reencoded, shifted, zoomed

from gastropath.data.audit.against import compare
from gastropath.data.audit.audit import Audit, audit_tiles
from gastropath.data.audit.record import BLANK
from gastropath.data.duplicates.duplicates import NearPair
from gastropath.data.duplicates.keypoints import Keypoints, find_keypoints, grey_picture
from gastropath.data.duplicates.near import find_near_duplicates
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile, write_tiles
from gastropath.decoding import decode
from gastropath.parallel import each, one_thread_each

SLIDE = Path(__file__).parents[4] / "shared" / "data" / "slides" / "CMU-1-Small-Region.svs"
SIDE_PX = 224

STRICT = {"jpeg90", "jpeg75", "jpeg50", "flipped or turned", "flipped and jpeg75"}
LEAST_RECALL = {kind: 0.99 if kind in STRICT else 0.95 for kind in KINDS}


def index_of(root: Path, names: Iterable[str], label: str = "T") -> TileIndex:
    names = tuple(names)
    return TileIndex(root, names, (label,) * len(names), ("",) * len(names))


def written(tiles: Iterable[np.ndarray], folder: Path) -> TileIndex:
    """Save tiles as ``0.bmp`` and so on, and list them."""
    folder.mkdir(exist_ok=True)
    names = []
    for number, tile in enumerate(tiles):
        names.append(f"{number}.bmp")
        Image.fromarray(tile).save(folder / names[-1])
    return index_of(folder, names)


def audited(tiles: Iterable[np.ndarray], folder: Path) -> Audit:
    return audit_tiles(written(tiles, folder))


def pairs(audit: Audit) -> set[tuple[int, int]]:
    return {(pair.a, pair.b) for pair in audit.near or ()}


@dataclass(frozen=True)
class Originals:
    """Tiles to make copies of: blank ones show nothing that could be found again, and are left out."""

    audit: Audit
    tiles: list[np.ndarray]

    @classmethod
    def of(cls, index: TileIndex) -> Originals:
        everything = audit_tiles(index)
        blank = set(everything.flagged(BLANK))
        audit = audit_tiles(index.take(i for i in range(len(index)) if i not in blank))
        return cls(audit, list(each(decode, audit.index.files())))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("real", 4), marks=pytest.mark.real, id="every fourth real tile"),
        pytest.param(("real", 1), marks=[pytest.mark.real, pytest.mark.slow], id="all real tiles"),
        pytest.param(("synthetic", 4), id="32 synthetic tiles"),
        pytest.param(("synthetic", 50), marks=pytest.mark.slow, id="400 synthetic tiles"),
    ],
)
def originals(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Originals:
    what, number = request.param
    if what == "real":
        index = find_tiles([request.getfixturevalue("real_tiles")])
        return Originals.of(index.take(range(0, len(index), number)))
    folder = write_tiles(tmp_path_factory.mktemp("synthetic") / "tiles", tiles_per_class=number, seed=3)
    return Originals.of(find_tiles([folder]))


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_found_and_each_belongs_to_its_own_tile(originals: Originals, kind: str, tmp_path: Path):
    def plant(numbered: tuple[int, np.ndarray]) -> np.ndarray:
        number, tile = numbered
        return copy_of(tile, kind, np.random.default_rng([5, number]))

    n = len(originals.tiles)
    against = compare(originals.audit, written(each(plant, enumerate(originals.tiles)), tmp_path / "copies"))
    found = {(a, b - n) for a, b, _ in against.pairs()}
    assert all(a == b for a, b in found), "two different tiles are a pair"
    missed = [originals.audit.index.paths[i] for i in range(n) if (i, i) not in found]
    assert len(found) / n >= LEAST_RECALL[kind], missed


def test_identical_tiles_are_all_found(originals: Originals, tmp_path: Path):
    against = compare(originals.audit, written(originals.tiles, tmp_path / "copies"), near=False)
    n = len(originals.tiles)
    assert {(a, b - n) for a, b, near in against.pairs() if near is None} == {(i, i) for i in range(n)}


@pytest.mark.real
def test_no_two_of_the_real_tiles_are_near_duplicates(real_tiles: Path):
    audit = audit_tiles(find_tiles([real_tiles]))
    assert len(audit.index) == 252
    assert audit.near == ()


@pytest.fixture(scope="module")
def slide() -> np.ndarray:
    """The first page of the real slide: Pillow reads it as the tiled TIFF that it is."""
    if not SLIDE.is_file():
        pytest.skip(f"no real slide at {SLIDE}")
    with Image.open(SLIDE) as image:
        return np.asarray(image.convert("RGB"))


def crops(slide: np.ndarray, margin: int = 0) -> Iterator[tuple[int, int]]:
    """Upper left corners of crops that do not overlap."""
    height, width = slide.shape[:2]
    rows, columns = (range(margin, side - SIDE_PX - margin + 1, SIDE_PX) for side in (height, width))
    return ((x, y) for y, x in product(rows, columns))


@pytest.mark.real
def test_no_two_disjoint_crops_of_a_slide_are_near_duplicates(slide: np.ndarray, tmp_path: Path):
    audit = audited((slide[y : y + SIDE_PX, x : x + SIDE_PX] for x, y in crops(slide)), tmp_path / "crops")
    assert len(audit.index) == 9 * 13
    assert audit.near == ()


@pytest.mark.real
def test_crops_of_a_slide_that_are_shifted_by_up_to_16_px_are_found_with_their_shift(slide: np.ndarray, tmp_path: Path):
    rng = np.random.default_rng(8)
    corners = list(crops(slide, margin=16))[::3]
    moves = rng.integers(-16, 17, (len(corners), 2))
    tiles = [slide[y : y + SIDE_PX, x : x + SIDE_PX] for x, y in corners]
    moved = [
        slide[y + v : y + v + SIDE_PX, x + u : x + u + SIDE_PX] for (x, y), (u, v) in zip(corners, moves, strict=True)
    ]
    n = len(tiles)
    audit = audited([*tiles, *moved], tmp_path / "crops")
    blank = {i for i in range(n) if BLANK in audit.records[i].flags}
    near = {(pair.a, pair.b): pair for pair in audit.near or ()}
    assert all(b - a == n for a, b in near)
    assert len(near) >= 0.95 * (n - len(blank))
    for (a, _), pair in near.items():
        # What lies in the middle of the first lies where the second has not moved to.
        np.testing.assert_allclose(np.array(pair.shift) * SIDE_PX, -moves[a], atol=1.0)
        assert abs(pair.zoom - 1) < 0.02
        assert pair.orientation == 0


def drawn(code: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False))


def pair_of(one: np.ndarray, other: np.ndarray, folder: Path) -> NearPair:
    (pair,) = list(audited([one, other], folder).near or ())
    return pair


@pytest.mark.parametrize("orientation", range(8))
def test_a_pair_tells_how_its_copy_was_turned(orientation: int, tmp_path: Path):
    tile = drawn("TUM", 1)
    pair = pair_of(tile, reencoded(flipped_or_turned(tile, orientation), 90), tmp_path)
    back = flipped_or_turned(flipped_or_turned(tile, orientation), pair.orientation)
    np.testing.assert_array_equal(back, tile)
    assert pair.distance < 0.1
    assert pair.overlap > 0.95


@pytest.mark.parametrize("zoom", [0.92, 1.08])
def test_a_pair_tells_how_much_larger_its_copy_shows_the_tissue(zoom: float, tmp_path: Path):
    tile = drawn("STR", 2)
    assert pair_of(tile, zoomed(tile, zoom), tmp_path).zoom == pytest.approx(zoom, abs=0.01)


def test_a_pair_tells_how_far_its_copy_was_shifted_and_how_much_both_show(tmp_path: Path):
    tile = drawn("MUS", 3)
    pair = pair_of(tile, shifted(tile, 10, -14, glass=True), tmp_path)
    np.testing.assert_allclose(np.array(pair.shift) * SIDE_PX, (-10, 14), atol=1)
    assert pair.overlap == pytest.approx((1 - 10 / 224) * (1 - 14 / 224), abs=0.02)


def test_tiles_that_share_a_quarter_are_no_pair(tmp_path: Path):
    rng = np.random.default_rng(4)
    wide = draw_tile("TUM", rng, appearance=draw_appearance(rng, shifted=False), tile_px=SIDE_PX + 112)
    audit = audited([wide[:SIDE_PX, :SIDE_PX], wide[112:, 112:]], tmp_path)
    assert audit.near == ()


def test_a_tile_of_another_size_is_found(tmp_path: Path):
    tile = drawn("LYM", 5)
    half = np.asarray(Image.fromarray(tile).resize((112, 112), Image.Resampling.LANCZOS))
    twice = np.asarray(Image.fromarray(tile).resize((448, 448), Image.Resampling.BICUBIC))
    assert pairs(audited([half, tile, twice], tmp_path)) >= {(0, 1), (1, 2)}


def test_many_near_copies_of_one_tile_are_one_group(tmp_path: Path):
    tile, other = drawn("DEB", 6), drawn("DEB", 7)
    rng = np.random.default_rng(0)
    copies = [copy_of(tile, kind, rng) for kind in KINDS for _ in range(2)]
    assert audited([other, tile, *copies], tmp_path).duplicates.groups == (tuple(range(1, len(copies) + 2)),)


def test_a_copy_in_another_class_is_a_conflict(tmp_path: Path):
    tiles = [drawn("TUM", 1), drawn("STR", 2), reencoded(drawn("TUM", 1), 75)]
    index = written(tiles, tmp_path)
    audit = audit_tiles(TileIndex(index.root, index.paths, ("TUM", "STR", "STR"), ("",) * 3))
    assert audit.conflicts() == [(0, 2)]
    audit.write(tmp_path / "out")
    with (tmp_path / "out" / "duplicates.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["path_a"], row["path_b"], row["kind"], row["conflict"]) == ("0.bmp", "2.bmp", "near", "yes")


def glass(rng: np.random.Generator) -> np.ndarray:
    """A blank tile with the noise of a camera."""
    return np.clip(np.rint(rng.normal(240, 1.5, (SIDE_PX, SIDE_PX, 3))), 0, 255).astype(np.uint8)


def glass_with_specks(rng: np.random.Generator, specks: int, radius: int) -> np.ndarray:
    """Glass with specks of any form and colour, lying anywhere."""
    image = Image.fromarray(glass(rng))
    for x, y in rng.integers(50, 174, (specks, 2)).tolist():
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 9)))
        reach = rng.uniform(0.6, 1.5, len(angles)) * radius
        outline = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
        ImageDraw.Draw(image).polygon(
            [tuple(p) for p in outline.tolist()], fill=tuple(rng.integers(60, 180, 3).tolist())
        )
    return np.asarray(image)


@pytest.mark.parametrize(
    ("specks", "radius"),
    [
        (1, 6),
        (1, 8),
        (2, 8),
        (3, 11),
        (5, 16),
        (1, 11),
    ],
)
def test_glass_with_other_specks_in_other_places_is_no_pair(
    specks: int, radius: int, rng: np.random.Generator, tmp_path: Path
):
    assert audited((glass_with_specks(rng, specks, radius) for _ in range(40)), tmp_path).near == ()


def test_glass_with_a_speck_and_its_copy_are_a_pair(rng: np.random.Generator, tmp_path: Path):
    tile = glass_with_specks(rng, 2, 11)
    assert pairs(audited([tile, reencoded(tile, 90)], tmp_path)) == {(0, 1)}


def test_blank_glass_is_one_kind_of_tile_and_not_thousands_of_pairs(rng: np.random.Generator, tmp_path: Path):
    audit = audited((glass(rng) for _ in range(300)), tmp_path)
    assert len(audit.flagged(BLANK)) == 300
    assert audit.near == ()
    assert audit.duplicates.groups == ()


def test_three_hundred_identical_blank_tiles_are_a_row_each(tmp_path: Path):
    tile = np.full((SIDE_PX, SIDE_PX, 3), 243, np.uint8)
    audit = audited([tile] * 300, tmp_path)
    audit.write(tmp_path / "out")
    with (tmp_path / "out" / "duplicates.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 299
    assert audit.duplicates.groups == (tuple(range(300)),)
    assert audit.conflicts() == []


def test_a_file_that_vanishes_between_reading_and_comparing_is_in_no_pair(tmp_path: Path):
    tile = drawn("TUM", 1)
    index = written([tile, reencoded(tile, 75), reencoded(tile, 90)], tmp_path)
    points = [find_keypoints(grey_picture(decode(file))) for file in index.files()]
    (tmp_path / "1.bmp").unlink()
    assert [(pair.a, pair.b) for pair in find_near_duplicates(list(index.files()), points)] == [(0, 2)]


def test_progress_tells_of_both_stages_and_ends(tmp_path: Path):
    tile = drawn("TUM", 1)
    index = written([tile, reencoded(tile, 75)], tmp_path)
    points = [find_keypoints(grey_picture(decode(file))) for file in index.files()]
    told: list[tuple[str, int, int]] = []
    find_near_duplicates(list(index.files()), points, progress=lambda *step: told.append(step))
    last = {what: (done, total) for what, done, total in told}
    assert list(last) == ["searching for copies", "comparing candidates"]
    assert all(done == total for done, total in last.values())


def draw_and_shrink(task: tuple[str, int, str]) -> Keypoints:
    """Draw one tile and save what is compared of it: 12 kB instead of 150, and the same grey picture when read."""
    code, number, file = task
    rng = np.random.default_rng([17, int.from_bytes(code.encode(), "big"), number])
    grey = grey_picture(draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False)))
    Image.fromarray(grey).save(file)
    return find_keypoints(grey)


def test_what_is_compared_stays_the_same_when_it_is_saved_and_read(tmp_path: Path):
    grey = grey_picture(drawn("TUM", 1))
    Image.fromarray(grey).save(tmp_path / "small.bmp")
    np.testing.assert_array_equal(grey_picture(decode(tmp_path / "small.bmp")), grey)


@pytest.mark.slow
def test_no_two_of_four_thousand_generated_tiles_are_near_duplicates(tmp_path: Path):
    tasks = [(code, number, str(tmp_path / f"{code}_{number}.bmp")) for code in DRAWINGS for number in range(500)]
    points = list(each(draw_and_shrink, tasks, prefer="processes"))
    assert len(points) == 4_000
    with one_thread_each():
        assert find_near_duplicates([Path(file) for *_, file in tasks], points) == []
