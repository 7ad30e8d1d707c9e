"""The drawn slide: the same from the same seed, read as a scanner's, and its truth lies where its pixels lie."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from gastropath.data.marker import synthetic_marker
from gastropath.data.synthetic.anatomy import CODES, GLASS, divide, draw_plan
from gastropath.data.synthetic.slide import write_slide
from gastropath.data.synthetic.truth import TRUTH_PX, read_truth
from gastropath.errors import MissingExtra, OutputExists
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.tissue_classes import tissue_class

SMALL = (640, 512)
FILES = {"drawn.tif", "truth.png", "truth.geojson", "SYNTHETIC.json"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """The folder of a slide large enough that its tissues have their texture."""
    return write_slide(tmp_path_factory.mktemp("slide") / "drawn-slide", seed=3, size_px=(1824, 1536)).parent


@pytest.fixture(scope="module")
def slide(drawn) -> Slide:
    return open_slide(drawn / "drawn.tif")


@pytest.fixture(scope="module")
def pixels(slide) -> np.ndarray:
    return np.asarray(slide.read(0, 0, 0, *slide.size_px))


@pytest.fixture(scope="module")
def plan(drawn) -> np.ndarray:
    return read_truth(drawn / "truth.png")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_draws_the_same_files_and_another_seed_others(tmp_path):
    first, second, other = (
        contents(write_slide(tmp_path / name, seed=seed, size_px=SMALL).parent)
        for name, seed in (("first", 7), ("second", 7), ("other", 8))
    )
    assert set(first) == FILES
    assert first == second
    assert [name for name in FILES if first[name] == other[name]] == []


def test_it_is_read_as_a_pyramid_of_half_a_micrometre_without_being_told(slide):
    assert (slide.spacing.x, slide.spacing.y, slide.spacing.source) == (0.5, 0.5, "resolution tag")
    assert slide.size_px == (1824, 1536)
    assert slide.downsamples == ((1.0, 1.0), (4.0, 4.0), (16.0, 16.0))


def test_each_level_is_tiled_jpeg_and_tells_its_own_resolution(drawn):
    with tifffile.TiffFile(drawn / "drawn.tif") as tiff:
        levels = [page.aspage() for page in tiff.pages]
    assert [10_000 / level.resolution[0] for level in levels] == [0.5, 2, 8]
    assert {(level.tilewidth, level.tilelength, int(level.compression)) for level in levels} == {(256, 256, 7)}


def test_every_level_shows_the_same_picture(slide, pixels):
    for level, downsample in enumerate((4, 16), start=1):
        width, height = (side // downsample for side in slide.size_px)
        shrunken = pixels.reshape(height, downsample, width, downsample, 3).mean(axis=(1, 3))
        found = np.asarray(slide.read(level, 0, 0, width, height))
        right, shifted = (np.abs(found - np.roll(shrunken, step, axis=1)).mean() for step in (0, 1))
        assert right < 5
        assert right < 0.4 * shifted


def moved(plan: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a plan mirrored and turned, and shifted by 32 pixels of level 0 in eight directions."""
    yield from (plan[::-1], plan[:, ::-1], plan[::-1, ::-1])
    step = 32 // TRUTH_PX
    yield from (
        np.roll(plan, (down, right), axis=(0, 1))
        for down in (-step, 0, step)
        for right in (-step, 0, step)
        if (down, right) != (0, 0)
    )


def test_truth_and_pixels_lie_at_the_same_place(pixels, plan):
    height, width = plan.shape
    blocks = pixels.reshape(height, TRUTH_PX, width, TRUTH_PX, 3).mean(axis=(1, 3, 4))
    white = blocks > blocks[plan == GLASS].mean() - 8

    def agreement(truth: np.ndarray) -> float:
        # Fat and loose tissue are white in places: what counts is that glass is, and that the densest classes are not.
        dense = np.isin(truth, [1 + CODES.index(code) for code in ("MUS", "TUM")])
        return float((white[truth == GLASS].mean() + (~white[dense]).mean()) / 2)

    assert agreement(plan) > 0.99
    assert max(agreement(elsewhere) for elsewhere in moved(plan)) < agreement(plan) - 0.008


def test_each_class_is_drawn_where_the_truth_says_it_is(pixels, plan):
    height, width = plan.shape
    blocks = pixels.reshape(height, TRUTH_PX, width, TRUTH_PX, 3).swapaxes(1, 2).reshape(height, width, -1, 3)
    inside = plan.copy()  # not where two tissues meet
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inside[np.roll(plan, step, axis=axis) != plan] = GLASS
    colour = {code: blocks[inside == n].mean(axis=(0, 1)) for n, code in enumerate(CODES, start=1)}
    grey = {code: blocks[inside == n].mean(axis=-1) for n, code in enumerate(CODES, start=1)}
    by_brightness = sorted(CODES, key=lambda code: grey[code].mean())
    assert by_brightness[0] == "TUM"
    assert by_brightness[-1] == "ADI"
    assert max(CODES, key=lambda code: colour[code][2] - colour[code][0]) in {"MUC", "LYM"}  # blue
    assert colour["MUC"][2] - colour["MUC"][0] > 10
    assert grey["MUC"].std(axis=1).mean() < 0.5 * grey["LYM"].std(axis=1).mean()  # smooth against grained
    assert min(CODES, key=lambda code: colour[code][1] - colour[code][0]) == "MUS"  # red
    assert grey["DEB"].std(axis=1).mean() > 1.5 * grey["MUS"].std(axis=1).mean()
    dark = {code: (grey[code] < 120).mean() for code in CODES}  # nuclei
    assert dark["STR"] < dark["NOR"] < dark["LYM"]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [(80, 64), (176, 152)])
def test_every_plan_holds_all_eight_classes_and_glass_around_them(size, seed):
    plan = draw_plan(np.random.default_rng(seed), *size)
    assert plan.shape == size[::-1]
    shares = np.bincount(plan.ravel(), minlength=9) / plan.size
    assert len(shares) == 9
    assert shares[1:].min() > 0.003
    assert 0.3 < shares[GLASS] < 0.7
    edges = np.concatenate([plan[0], plan[-1], plan[:, 0], plan[:, -1]])
    assert (edges == GLASS).mean() > 0.95


def test_a_field_is_of_one_tissue_and_no_wider_than_asked_for_by_much():
    plan = draw_plan(np.random.default_rng(1), 352, 304)
    fields = divide(np.random.default_rng(2), plan, 60)
    assert ((fields == 0) == (plan == GLASS)).all()
    for number in range(1, fields.max() + 1):
        rows, columns = np.nonzero(fields == number)
        assert len(set(plan[rows, columns].tolist())) == 1
        assert max(np.ptp(rows), np.ptp(columns)) < 2.5 * 60


def test_no_seam_runs_along_the_chunks_of_the_file(pixels):
    grey = pixels.mean(axis=2)
    down, right = np.abs(np.diff(grey, axis=0)).mean(axis=1), np.abs(np.diff(grey, axis=1)).mean(axis=0)
    for steps in (down, right):
        seams = np.arange(255, len(steps), 256)
        beside = np.concatenate([seams - 2, seams + 2])
        assert steps[seams].mean() < 1.25 * steps[beside].mean()


def test_the_truth_as_a_picture_has_the_colours_of_the_classes(drawn, plan):
    with Image.open(drawn / "truth.png") as image:
        assert image.size == (1824 // TRUTH_PX, 1536 // TRUTH_PX)
        assert image.info["Synthetic"] == "GastroPath"
        colours = np.asarray(image.convert("RGB"))
    for number, code in enumerate(CODES, start=1):
        assert {f"#{bytes(colour).hex()}" for colour in colours[plan == number]} == {tissue_class(code).color}
    assert (colours[plan == GLASS] == 255).all()


def test_the_folder_the_slide_and_its_kind_say_that_it_is_synthetic(drawn, slide):
    marker = synthetic_marker(drawn)
    assert marker is not None
    assert marker["synthetic"] is True
    assert marker == json.loads((drawn / "SYNTHETIC.json").read_text())
    assert marker["truth"] == {"pixel_level0_px": TRUTH_PX, "indices": ["glass", *CODES]}
    assert slide.kind == "synthetic"


@pytest.mark.parametrize(
    ("seed", "size"), [(-1, SMALL), (0, (640, 504)), (0, (650, 512)), (0, (256, 256)), (0, (512, 640))]
)
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, seed, size):
    with pytest.raises(ValueError, match="at least as wide as high"):
        write_slide(tmp_path / "out", seed=seed, size_px=size)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["scipy", "tifffile"])
def test_a_missing_package_is_named_before_anything_is_drawn(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"{module}.*\.\[slides\]"):
        write_slide(tmp_path / "out", seed=0, size_px=SMALL)
    assert not (tmp_path / "out").exists()


def test_an_old_slide_is_replaced_only_when_asked_and_other_files_never(tmp_path):
    write_slide(tmp_path / "out", seed=1, size_px=SMALL)
    before = contents(tmp_path / "out")
    with pytest.raises(OutputExists):
        write_slide(tmp_path / "out", seed=2, size_px=SMALL)
    assert contents(tmp_path / "out") == before
    write_slide(tmp_path / "out", seed=2, size_px=SMALL, overwrite=True)
    assert contents(tmp_path / "out") != before
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match=r"notes\.txt"):
        write_slide(tmp_path / "out", seed=3, size_px=SMALL, overwrite=True)
