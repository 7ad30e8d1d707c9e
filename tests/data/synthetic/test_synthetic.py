import json

import numpy as np
import pytest
from PIL import Image

from gastropath.data.marker import synthetic_marker
from gastropath.data.synthetic import tiles as synthetic
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.data.synthetic.tiles import draw_appearance, draw_tile, write_tiles
from gastropath.errors import OutputExists

CODES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")


def tile(code: str, seed: int = 1, **settings) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False), **settings)


def luminance(code: str, number: int) -> np.ndarray:
    return tile(code, number).mean(axis=2)


def pixels(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): Image.open(p).tobytes() for p in sorted(folder.rglob("*.png"))}


def test_there_is_one_texture_for_each_of_the_eight_classes():
    assert tuple(DRAWINGS) == CODES


@pytest.mark.parametrize("code", CODES)
def test_the_same_seed_draws_bitwise_the_same_tile(code):
    first = tile(code)
    assert first.dtype == np.uint8
    assert first.shape == (224, 224, 3)
    np.testing.assert_array_equal(first, tile(code))
    assert not np.array_equal(first, tile(code, seed=2))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("tile_px", [32, 300])
def test_a_tile_of_any_size_is_drawn(code, tile_px):
    drawn = tile(code, tile_px=tile_px)
    assert drawn.shape == (tile_px, tile_px, 3)
    assert drawn.std() > 2


def test_an_unknown_class_is_refused_by_name():
    with pytest.raises(ValueError, match=r"XYZ.*ADI"):
        tile("XYZ")


def test_fat_is_mostly_glass_and_tumour_is_not():
    glass = {c: np.mean([np.mean(luminance(c, n) > 0.9 * luminance(c, n).max()) for n in range(4)]) for c in CODES}
    assert glass["ADI"] > 0.6
    assert glass["TUM"] < 0.2


def test_fibres_run_in_one_direction_and_lymphocytes_in_none():
    def alignment(code: str) -> float:
        shares = []
        for number in range(4):
            down, right = np.gradient(luminance(code, number))
            xx, yy, xy = (right**2).mean(), (down**2).mean(), (right * down).mean()
            shares.append(np.hypot(xx - yy, 2 * xy) / (xx + yy))  # coherence of the structure tensor
        return float(np.mean(shares))

    assert alignment("MUS") > 2 * alignment("LYM")


def test_shifted_stains_and_scales_never_occur_in_the_training_domain():
    rng = np.random.default_rng(0)
    trained = [draw_appearance(rng, shifted=False) for _ in range(300)]
    shifted = [draw_appearance(rng, shifted=True) for _ in range(300)]
    for value in (
        lambda a: a.scale,
        lambda a: a.haematoxylin_strength,
        lambda a: a.eosin_strength,
        lambda a: a.haematoxylin[0],
        lambda a: a.eosin[2],
    ):
        inside = [value(a) for a in trained]
        assert not any(min(inside) <= value(a) <= max(inside) for a in shifted)


def test_a_larger_appearance_scale_shows_larger_cells():
    def edges(scale: float) -> float:
        rng = np.random.default_rng(3)
        look = draw_appearance(rng, shifted=False)
        sharp = {**vars(look), "scale": scale, "blur_px": 0.5, "noise": 0.0}
        grey = draw_tile("LYM", rng, appearance=synthetic.Appearance(**sharp)).mean(axis=2)
        return float(np.abs(np.diff(grey)).mean())

    assert edges(0.6) > 1.3 * edges(1.5)


def test_files_and_marker_are_where_they_are_promised(tmp_path):
    seen = []
    out = write_tiles(tmp_path / "tiles", tiles_per_class=2, seed=7, progress=lambda *step: seen.append(step))
    assert out == tmp_path / "tiles"
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert names == {"SYNTHETIC.json"} | {f"{c}/{c}_{n}.png" for c in CODES for n in (1, 2)}
    assert json.loads((out / "SYNTHETIC.json").read_text()) == {
        "synthetic": True,
        "generator": "gastropath.data.synthetic.tiles",
        "version": synthetic.VERSION,
        "seed": 7,
        "tiles_per_class": 2,
        "shifted": False,
    }
    assert [done for _, done, _ in seen] == list(range(1, 17))
    assert {total for _, _, total in seen} == {16}


def test_every_tile_says_in_its_file_that_it_is_synthetic(tmp_path):
    out = write_tiles(tmp_path, tiles_per_class=1, seed=7)
    for path in out.rglob("*.png"):
        with Image.open(path) as image:
            assert image.info["Synthetic"] == "GastroPath"
            assert (image.mode, image.size) == ("RGB", (224, 224))


def test_a_larger_set_begins_with_the_smaller_one(tmp_path):
    small = pixels(write_tiles(tmp_path / "small", tiles_per_class=1, seed=7))
    large = pixels(write_tiles(tmp_path / "large", tiles_per_class=2, seed=7))
    assert {name: large[name] for name in small} == small
    assert len(set(large.values())) == 16


def test_the_seed_and_the_domain_change_every_tile(tmp_path):
    sets = [
        pixels(write_tiles(tmp_path / str(i), tiles_per_class=1, seed=seed, shifted=shifted))
        for i, (seed, shifted) in enumerate([(7, False), (8, False), (7, True)])
    ]
    for name in sets[0]:
        assert len({tiles[name] for tiles in sets}) == 3


def test_an_interrupted_set_continues_to_the_same_tiles(tmp_path):
    def interrupt(label: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tiles(tmp_path / "a", tiles_per_class=1, seed=7, progress=interrupt)
    assert synthetic_marker(tmp_path / "a") is not None
    write_tiles(tmp_path / "a", tiles_per_class=1, seed=7)
    assert pixels(tmp_path / "a") == pixels(write_tiles(tmp_path / "b", tiles_per_class=1, seed=7))


def test_a_folder_of_other_files_is_never_marked_synthetic(tmp_path):
    (tmp_path / "ADI").mkdir()
    (tmp_path / "ADI" / "real.png").write_bytes(b"a patient's tile")
    with pytest.raises(OutputExists, match="choose a new folder"):
        write_tiles(tmp_path, tiles_per_class=1, seed=7)
    assert synthetic_marker(tmp_path) is None


def test_another_tile_set_is_not_mixed_in(tmp_path):
    write_tiles(tmp_path, tiles_per_class=1, seed=7)
    before = synthetic_marker(tmp_path)
    with pytest.raises(OutputExists, match="another synthetic tile set"):
        write_tiles(tmp_path, tiles_per_class=1, seed=8)
    assert synthetic_marker(tmp_path) == before


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (1, -1)])
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, count, seed):
    with pytest.raises(ValueError, match="at least"):
        write_tiles(tmp_path / "out", tiles_per_class=count, seed=seed)
    assert not (tmp_path / "out").exists()


def test_the_marker_is_found_from_the_folder_and_two_levels_below(tmp_path):
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "SYNTHETIC.json").write_text('{"synthetic": true}')
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        assert synthetic_marker(folder) == {"synthetic": True}
    assert synthetic_marker(deep) is None


def test_a_damaged_marker_still_marks(tmp_path):
    (tmp_path / "SYNTHETIC.json").write_text("{")
    assert synthetic_marker(tmp_path) == {"synthetic": True}
