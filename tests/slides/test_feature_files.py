"""Files with features hold what the loading code of other software asks for; tools/check_readers.py runs that code."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from drawing import CODES, ByColour, Squares
from PIL import Image

from gastropath.slides.mapping import MappedSlide, map_slide
from gastropath.slides.task import SlideSettings

MPP, TILE_UM = 0.3, 32.0
"""A tile of 64 pixels of 0.5 µm is 106.7 pixels of the slide wide: not a whole number."""

ALL = SlideSettings(mask=False, features=True, stamp=True, anndata=True, stride_um=24.0)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory) -> MappedSlide:
    folder = tmp_path_factory.mktemp("features")
    slide = Squares(500, 400, 100).write(folder / "a slide.tiff", MPP)
    return map_slide(slide, folder / "map", ByColour(), ALL)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def rows(mapped) -> list[dict[str, str]]:
    with (mapped.folder / "tiles.csv").open() as file:
        return list(csv.DictReader(file))


def read(group: Any) -> Any:
    """Read an HDF5 group as AnnData's format describes it: every value by its encoding-type."""
    kind = group.attrs["encoding-type"]
    assert group.attrs["encoding-version"] == ("0.1.0" if kind in ("dict", "anndata") else "0.2.0")
    if kind in ("dict", "anndata"):
        return {name: read(group[name]) for name in group}
    if kind == "dataframe":
        assert set(group) == {"_index", *group.attrs["column-order"]}
        return {name: read(group[name]) for name in (group.attrs["_index"], *group.attrs["column-order"])}
    if kind == "categorical":
        return np.array([*read(group["categories"]), ""], object)[read(group["codes"])]
    if kind in ("string-array", "string"):
        return group.asstr()[()]
    assert kind in ("array", "numeric-scalar")
    return group[()]


def test_trident_and_clam_find_places_and_sizes_in_pixels_of_level_0(mapped, rows):
    with h5py.File(mapped.folder / "features.h5") as file:
        coords, features = file["coords"], file["features"]
        assert isinstance(coords, h5py.Dataset)
        assert isinstance(features, h5py.Dataset)
        assert (features.shape, features.dtype) == ((len(rows), len(CODES)), np.float32)
        assert coords.dtype == np.int64
        np.testing.assert_array_equal(coords[()], [[int(row["x_px"]), int(row["y_px"])] for row in rows])
        found: dict[str, Any] = dict(coords.attrs)
        assert dict(features.attrs)["encoder"] == "by colour"
    tile_px = round(TILE_UM / MPP)
    assert found["patch_size_level0"] == tile_px
    assert round(found["patch_size"] * found["level0_magnification"] / found["target_magnification"]) == tile_px
    assert (found["patch_size"], found["patch_level"], found["custom_downsample"]) == (tile_px, 0, 1)
    assert found["overlap"] == tile_px - round(24 / MPP)
    assert found["level0_magnification"] == pytest.approx(10 / MPP)
    assert (found["level0_width"], found["level0_height"], found["name"]) == (500, 400, "a slide")
    assert (*found["mpp"], found["tile_px"], found["tile_mpp"]) == (MPP, MPP, 64, 0.5)
    assert found["unit"] == "px of level 0"


def test_stamp_does_not_take_the_file_in_pixels_for_one_in_micrometres(mapped):
    with h5py.File(mapped.folder / "features.h5") as file:
        assert (file.attrs["unit"], "tile_size_um" in file.attrs, "feats" in file) == ("px", False, False)
        assert (
            file.attrs["tile_size"] == 0
        )  # neither 224, which stands for 256 µm, nor left out: then the stride counts


def test_stamp_finds_places_and_sizes_in_micrometres(mapped, rows):
    with h5py.File(mapped.folder / "stamp.h5") as file, h5py.File(mapped.folder / "features.h5") as other:
        feats, coords = np.asarray(file["feats"]), np.asarray(file["coords"])
        np.testing.assert_array_equal(feats, np.asarray(other["features"]))
        found = dict(file.attrs)
    assert (found["unit"], found["tile_size_um"], found["tile_size_px"]) == ("um", TILE_UM, 64)
    assert (found["feat_type"], found["extractor"]) == ("tile", "by colour-00000000")
    assert set(np.unique(coords)) == {24.0 * number for number in range(7)}  # steps that no rounding makes uneven
    places = np.array([[int(row["x_px"]), int(row["y_px"])] for row in rows]) * MPP
    np.testing.assert_allclose(coords, places, atol=MPP)


def test_the_anndata_file_keeps_to_its_format(mapped, rows):
    with h5py.File(mapped.folder / "tiles.h5ad") as file, h5py.File(mapped.folder / "features.h5") as other:
        found = read(file)
        np.testing.assert_array_equal(found["X"], np.asarray(other["features"]))
    assert set(found) == {"X", "layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp"}
    obs = found["obs"]
    assert len(set(obs["_index"])) == len(rows)
    assert len(found["var"]["_index"]) == len(CODES)
    for name in ("x_px", "y_px", "width_px", "height_px"):
        assert obs[name].tolist() == [int(row[name]) for row in rows]
    for name in ("predicted_label", "decision", "reason", "slide"):
        assert obs[name].tolist() == [row[name] for row in rows]
    for name in ("confidence", "tissue_fraction", *(f"prob_{code}" for code in CODES)):
        np.testing.assert_allclose(obs[name], [float(row[name]) for row in rows], atol=1e-4)
    corners = np.array([[int(row["x_px"]), int(row["y_px"])] for row in rows])
    np.testing.assert_allclose(found["obsm"]["spatial"], corners + TILE_UM / MPP / 2, atol=0.51)
    ((name, library),) = found["uns"]["spatial"].items()
    assert (name, library["images"]["hires"].shape[2]) == ("a slide", 3)
    scale = library["scalefactors"]["tissue_hires_scalef"]
    assert library["images"]["hires"].shape[1] == pytest.approx(500 * scale)
    assert library["scalefactors"]["spot_diameter_fullres"] == pytest.approx(TILE_UM / MPP)


def test_a_slide_without_a_tile_has_files_without_rows(tmp_path: Path):
    Image.new("RGB", (300, 300), "white").save(tmp_path / "a.png")
    empty = SlideSettings(MPP, features=True, stamp=True, anndata=True)
    folder = map_slide(tmp_path / "a.png", tmp_path / "map", Nothing(), empty).folder  # pyright: ignore[reportArgumentType]
    with h5py.File(folder / "features.h5") as file, h5py.File(folder / "stamp.h5") as stamp:
        assert np.asarray(file["coords"]).shape == np.asarray(stamp["coords"]).shape == (0, 2)
        assert len(np.asarray(file["features"])) == len(np.asarray(stamp["feats"])) == 0
    with h5py.File(folder / "tiles.h5ad") as file:
        found = read(file)
        assert len(found["X"]) == len(found["obs"]["_index"]) == len(found["obsm"]["spatial"]) == 0


class Nothing(ByColour):
    """Is never asked."""

    def predict(self, tiles: np.ndarray, *, features: bool = False):
        raise AssertionError
