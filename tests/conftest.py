"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job; programs that tests start inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
EIGHT = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep features out of the user's cache; processes that share the tests share one, as they share runs."""
    base = tmp_path_factory.getbasetemp()
    os.environ["GASTROPATH_CACHE"] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def real_tiles() -> Path:
    """The table of real tiles, where the folder with them is present."""
    table = SHARED_DATA / "tiles.csv"
    if not table.is_file():
        pytest.skip(f"no real tiles at {SHARED_DATA}")
    return table


@pytest.fixture
def noise_tiles(tmp_path: Path, rng: np.random.Generator) -> Callable[..., Path]:
    """Write a folder of random tiles: ``noise_tiles({"TUM": 4, "STR": 5}, size=64)`` returns it."""

    def write(counts: dict[str, int], *, size: int = 64, folder: str = "tiles") -> Path:
        root = tmp_path / folder
        for code, n in counts.items():
            (root / code).mkdir(parents=True, exist_ok=True)
            for i in range(1, n + 1):
                pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / code / f"{code}_{i}.png")
        return root

    return write


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium; CI must have it, elsewhere tests that need it are skipped."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and CI must run the browser tests")
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a folder once, also where several processes share the tests: ``made_once(NAME, MAKE)`` returns it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / f"made-{name}"
        with FileLock(shared / f"made-{name}.lock"):
            if not (folder / "whole").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder / name)
                (folder / "whole").touch()
        return folder / name

    return made


@pytest.fixture(scope="session")
def synthetic_tiles(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Twenty-four synthetic tiles of each of the eight classes."""
    from gastropath.data.synthetic.tiles import write_tiles

    return made_once("tiles", lambda folder: write_tiles(folder, tiles_per_class=24, seed=7))


@pytest.fixture(scope="session")
def finished_run(synthetic_tiles: Path, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A finished run of the specified network on the synthetic tiles at 96 px, made by the command line."""
    settings = ("--recipe", "baseline", "--set", "tile_px=96", "--set", "epochs=12", "--set", "abstain_unmet=answer")
    return made_once("run", lambda run: _trained(synthetic_tiles, run, *settings))


@pytest.fixture(scope="session")
def transfer_run(synthetic_tiles: Path, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A finished run of the recipe that is the default, on the same tiles."""
    return made_once("transfer", lambda run: _trained(synthetic_tiles, run))


def _trained(tiles: Path, run: Path, *options: str) -> None:
    command = [sys.executable, "-m", "gastropath", "train", str(tiles), "--out", str(run), *options]
    subprocess.run(command, check=True, capture_output=True)
