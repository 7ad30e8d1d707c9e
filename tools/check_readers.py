"""Show that other software's own loading code reads what ``gastropath slide`` writes, with the right places and sizes.

    python tools/check_readers.py READER MAP SLIDE [CHECKOUT]

READER is one of trident, clam, stamp, lazyslide, scanpy, squidpy; MAP the folder of a slide's result, written with
--features --stamp --anndata; CHECKOUT a checkout of the reader where it is no installed package. Run it with an
interpreter that has what the reader itself needs (GastroPath is not needed). Their code is called unchanged; what it
returns is held against tiles.csv and summary.json. It prints the version or commit and what was read, and ends with
status 1 where that is wrong. Readers in R: check_readers_in_r.py.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np


def plain(text: str) -> str:
    """Take the apostrophe away that keeps a spreadsheet from running a text as a formula."""
    return re.sub(r"^'(?=[-=+@])", "", text)


def table_of(path: Path) -> list[dict[str, str]]:
    """Read a table as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Truth:
    """What tiles.csv and summary.json say: corners and sizes in pixels of level 0, micrometres, labels."""

    folder: Path
    slide: Path
    corners: np.ndarray
    sizes: np.ndarray
    labels: list[str]
    mpp: np.ndarray
    tile_level0_px: np.ndarray
    stride_level0_px: np.ndarray
    tile_px: int
    tile_mpp: float

    @classmethod
    def read(cls, folder: Path, slide: Path) -> Truth:
        rows = [row for row in table_of(folder / "tiles.csv") if row["decision"] != "refused"]
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
        numbers = np.array([[int(row[f"{name}_px"]) for name in ("x", "y", "width", "height")] for row in rows])
        grid = summary["grid"]
        return cls(
            folder, slide, numbers[:, :2], numbers[:, 2:], [plain(row["predicted_label"]) for row in rows],
            np.array([summary["mpp"]["x"], summary["mpp"]["y"]]), np.array(grid["tile_level0_px"]),
            np.array(grid["stride_level0_px"]), grid["tile_px"], grid["tile_mpp"],
        )  # fmt: skip

    def features(self) -> np.ndarray:
        """Read the features without any of the readers."""
        import h5py

        with h5py.File(self.folder / "features.h5") as file:
            return np.asarray(file["features"])


class Checks:
    """Prints each value beside what it should be."""

    def __init__(self) -> None:
        self.failed = 0

    def equal(self, what: str, found: Any, expected: Any, within: float = 0.0) -> None:
        found, expected = np.asarray(found), np.asarray(expected)
        right = found.shape == expected.shape
        if right and expected.dtype.kind in "fiu":
            right = bool(np.all(np.abs(found.astype(float) - expected.astype(float)) <= within))
        elif right:
            right = bool(np.all(found == expected))
        self.failed += not right
        shown = found.tolist() if found.size <= 4 else f"{found.dtype} {found.shape}"
        print(f"  {'right' if right else 'WRONG'}  {what}: {shown}")
        if not right:
            print(f"         expected {expected.tolist() if expected.size <= 4 else expected.shape}")


def trident(truth: Truth, check: Checks) -> None:
    """TRIDENT's ``read_coords``, its patcher, its picture of the places, and its loading for slide encoders."""
    import torch
    from trident import load_wsi
    from trident.IO import read_coords, read_coords_legacy

    file = str(truth.folder / "features.h5")
    attributes, coords = read_coords(file)
    tile_px = round(truth.tile_level0_px.mean())
    check.equal("read_coords: places", coords, truth.corners)
    check.equal("read_coords: patch_size_level0", attributes["patch_size_level0"], tile_px)
    check.equal("read_coords_legacy: size, level, downsample", read_coords_legacy(file)[:3], [tile_px, 0, 1])
    wsi = load_wsi(str(truth.slide))
    patcher = wsi.create_patcher(
        patch_size=attributes["patch_size"], src_mag=attributes["level0_magnification"],
        dst_mag=attributes["target_magnification"], custom_coords=coords,
    )  # fmt: skip
    check.equal("create_patcher: pixels of level 0 of a patch", patcher.patch_size_src, tile_px)
    patch, x, y = patcher[0]
    check.equal(
        "create_patcher: first patch", [*np.asarray(patch).shape, x, y], [tile_px, tile_px, 3, *truth.corners[0]]
    )

    class Mean(torch.nn.Module):
        """Takes what a slide encoder is given."""

        precision = torch.float32

        def forward(self, batch: dict, device: str) -> torch.Tensor:
            self.seen = batch
            return batch["features"].mean(dim=1)

    encoder = Mean()
    with tempfile.TemporaryDirectory() as folder:
        check.equal("visualize_coords: a picture", Path(wsi.visualize_coords(file, folder)).is_file(), True)
        wsi.extract_slide_features(file, encoder, folder, device="cpu")
    check.equal("extract_slide_features: features", encoder.seen["features"][0].numpy(), truth.features())
    check.equal("extract_slide_features: places", encoder.seen["coords"][0].numpy(), truth.corners)
    check.equal("extract_slide_features: size", encoder.seen["attributes"]["patch_size_level0"], tile_px)


def clam(truth: Truth, check: Checks) -> None:
    """CLAM's bags for training, its patches for features, and its picture of the places."""
    from dataset_modules.dataset_generic import Generic_MIL_Dataset
    from dataset_modules.dataset_h5 import Whole_Slide_Bag_FP
    from wsi_core.WholeSlideImage import WholeSlideImage
    from wsi_core.wsi_utils import StitchCoords

    file, name = truth.folder / "features.h5", truth.slide.stem
    with tempfile.TemporaryDirectory() as folder:
        bags = Path(folder) / "h5_files"
        bags.mkdir()
        (bags / f"{name}.h5").write_bytes(file.read_bytes())
        table = Path(folder) / "cases.csv"
        table.write_text(f"case_id,slide_id,label\nc,{name},yes\n")
        dataset = Generic_MIL_Dataset(
            folder, csv_path=str(table), label_dict={"yes": 0}, label_col="label", print_info=False
        )
        dataset.load_from_h5(True)
        features, _, coords = dataset[0]
    check.equal("Generic_MIL_Dataset: features", features.numpy(), truth.features())
    check.equal("Generic_MIL_Dataset: places", coords, truth.corners)
    tile_px = round(truth.tile_level0_px.mean())
    slide = WholeSlideImage(str(truth.slide))
    bag = Whole_Slide_Bag_FP(str(file), slide.getOpenSlide(), np.asarray)
    first = bag[0]
    check.equal("Whole_Slide_Bag_FP: patches", len(bag), len(truth.corners))
    check.equal("Whole_Slide_Bag_FP: first patch", [*first["img"].shape, *first["coord"]],
                [tile_px, tile_px, 3, *truth.corners[0]])  # fmt: skip
    picture = StitchCoords(str(file), slide, downscale=1)
    shown = np.asarray(picture).any(axis=2)
    expected = np.zeros_like(shown)
    for (x, y), (width, height) in zip(truth.corners, truth.sizes, strict=True):
        expected[y : y + height, x : x + width] = True
    check.equal("StitchCoords: share of the picture where it differs", np.mean(shown != expected), 0, within=0.005)


def stamp(truth: Truth, check: Checks) -> None:
    """STAMP's places, its bags for training, and its loading for slide encoders; it refuses ``features.h5``."""
    import h5py
    import torch
    from stamp.encoding.encoder import Encoder
    from stamp.modeling.data import BagDataset, detect_feature_type, get_coords, get_stride

    file, tile_um = truth.folder / "stamp.h5", truth.tile_px * truth.tile_mpp
    with h5py.File(file) as opened:
        found = get_coords(opened)
    half_px = float(truth.mpp.max()) / 2 + 1e-3
    check.equal("get_coords: places in µm", found.coords_um, truth.corners * truth.mpp, within=half_px)
    check.equal("get_coords: tile in µm and px", [found.tile_size_um, found.tile_size_px], [tile_um, truth.tile_px])
    check.equal("get_coords: µm per pixel", found.mpp, truth.tile_mpp, within=1e-9)
    stride_um = float((truth.stride_level0_px * truth.mpp).min())
    check.equal("get_stride", get_stride(torch.from_numpy(found.coords_um)), stride_um, within=1e-2)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "slide.h5").write_bytes(file.read_bytes())
        check.equal("detect_feature_type", detect_feature_type(Path(folder)), "tile")
    bags = BagDataset(bags=[[file]], bag_size=None, ground_truths=torch.zeros(1, 1), transform=None)
    features, places, _, _ = bags[0]
    check.equal("BagDataset: features", features.numpy(), truth.features())
    check.equal("BagDataset: places", places.numpy(), found.coords_um)
    read = Encoder._read_h5(SimpleNamespace(precision=torch.float32), str(file))
    check.equal("Encoder._read_h5: features", read[0].numpy(), truth.features())
    with h5py.File(truth.folder / "features.h5") as opened:
        try:
            refused = f"taken for tiles of {get_coords(opened).tile_size_um} µm"
        except RuntimeError:
            refused = "refused"
    check.equal("get_coords of features.h5, which is in pixels", refused, "refused")


def lazyslide(truth: Truth, check: Checks) -> None:
    """LazySlide's container (wsidata) and one of its tools; it has no reader for files of features."""
    import h5py
    import lazyslide as zs
    from wsidata import TileSpec, open_wsi
    from wsidata.io import add_features, add_tiles

    with h5py.File(truth.folder / "features.h5") as file:
        places: Any = file["coords"]
        features, coords, attributes = np.asarray(file["features"]), np.asarray(places), dict(places.attrs)
    wsi = open_wsi(str(truth.slide), store=None)
    spec = TileSpec.from_wsidata(
        wsi, int(attributes["tile_px"]), mpp=float(attributes["tile_mpp"]), slide_mpp=float(attributes["mpp"].mean())
    )
    add_tiles(wsi, "tiles", coords, spec, np.zeros(len(coords), int))
    add_features(wsi, "gastropath", "tiles", features)
    check.equal("TileSpec: tile in pixels of level 0", [spec.base_width, spec.base_height],
                truth.tile_level0_px, within=1)  # fmt: skip
    table = wsi.fetch.features_anndata("gastropath", "tiles", tile_graph=False)
    check.equal("features_anndata: features", table.X, truth.features())
    check.equal("features_anndata: places", table.obsm["spatial"][:, :2], truth.corners)
    zs.tl.feature_aggregation(wsi, "gastropath", tile_key="tiles")
    (mean,) = wsi.tables["gastropath"].varm.values()
    check.equal("feature_aggregation: mean", np.ravel(mean), truth.features().mean(axis=0), within=1e-5)


def scanpy(truth: Truth, check: Checks) -> None:
    """scanpy's reader, and a PCA on what it read."""
    import scanpy as sc

    table = sc.read_h5ad(truth.folder / "tiles.h5ad")
    check.equal("read_h5ad: X", table.X, truth.features())
    check.equal("read_h5ad: middles", table.obsm["spatial"], truth.corners + truth.tile_level0_px / 2, within=0.501)
    check.equal("read_h5ad: labels", table.obs["predicted_label"].astype(str), truth.labels)
    print(f"         columns of obs: {', '.join(table.obs.columns)}")
    sc.pp.pca(table, n_comps=5)
    check.equal("pp.pca: shape", table.obsm["X_pca"].shape, (len(truth.labels), 5))
    with tempfile.TemporaryDirectory() as folder:
        table.write_h5ad(Path(folder) / "again.h5ad")
        again = sc.read_h5ad(Path(folder) / "again.h5ad")
    check.equal("write_h5ad and read_h5ad: labels", again.obs["predicted_label"].astype(str), truth.labels)


def squidpy(truth: Truth, check: Checks) -> None:
    """squidpy's neighbours, and its picture of the tiles over the slide."""
    import anndata
    import matplotlib as mpl
    import squidpy as sq

    mpl.use("agg")
    table = anndata.read_h5ad(truth.folder / "tiles.h5ad")
    sq.gr.spatial_neighbors(table, coord_type="grid", n_neighs=4)
    corners = {tuple(corner) for corner in np.rint(truth.corners / truth.stride_level0_px).astype(int).tolist()}
    beside = sum((x + dx, y + dy) in corners for x, y in corners for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)))
    check.equal("gr.spatial_neighbors: pairs of tiles side by side", table.obsp["spatial_connectivities"].nnz, beside)
    with tempfile.TemporaryDirectory() as folder:
        sq.pl.spatial_scatter(table, color="predicted_label", shape="square", save=str(Path(folder) / "tiles.png"))
        check.equal("pl.spatial_scatter: a picture", any(Path(folder).iterdir()), True)


READERS = {"trident": trident, "clam": clam, "stamp": stamp, "lazyslide": lazyslide, "scanpy": scanpy,
           "squidpy": squidpy}  # fmt: skip


def told(reader: str, checkout: Path | None) -> str:
    """Return the version of an installed package, and the commit of a checkout."""
    try:
        found = f"version {version(reader)}"
    except PackageNotFoundError:
        found = "no installed package"
    if checkout is not None:
        asked = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
        commit = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        found += f", commit {commit or 'unknown: not a git checkout'}"
    return found


def main(reader: str, folder: str, slide: str, checkout: str | None = None) -> int:
    """Check one reader, and return the exit status."""
    root = Path(checkout).resolve() if checkout else None
    if root:
        sys.path[:0] = [str(root), str(root / "src")]
    print(f"{reader}: {told(reader, root)}")
    check = Checks()
    READERS[reader](Truth.read(Path(folder), Path(slide)), check)
    print(f"  {f'{check.failed} wrong' if check.failed else 'all right'}")
    return 1 if check.failed else 0


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 5 or sys.argv[1] not in READERS:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
