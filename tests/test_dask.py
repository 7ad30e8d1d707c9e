"""A real Dask cluster of two workers on this computer gives what this computer gives, also when a worker is killed."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gastropath.errors import CannotReadImage, CannotUseCluster, MissingExtra
from gastropath.images import load_tile
from gastropath.parallel import pool
from slides.drawing import Squares

OUTPUTS = ("tiles.csv", "tiles.geojson", "overlay.png", "tissue.png", "summary.json", "features.h5")


@dataclass
class Cluster:
    """Processes of a cluster; the first is the scheduler."""

    address: str
    processes: list[subprocess.Popen] = field(default_factory=list)

    def kill_a_worker(self) -> None:
        self.processes.pop().send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    with two_workers(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def mortal(tmp_path_factory) -> Iterator[Cluster]:
    """A cluster for a test that kills a worker."""
    with two_workers(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@contextmanager
def two_workers(folder: Path) -> Iterator[Cluster]:
    file, log = folder / "scheduler.json", (folder / "log").open("w")

    def start(what: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *map(str, arguments)]
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    running = [start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)]
    try:
        running += [start("worker", "--scheduler-file", file, "--nthreads", "1", "--no-nanny") for _ in range(2)]
        from distributed import Client

        while not file.is_file():
            assert running[0].poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        address = json.loads(file.read_text())["address"]
        yield Cluster(address, running)
    finally:
        for process in running:
            process.kill()
            process.wait()
        log.close()


def gastropath(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gastropath", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_a_slide_spreads_over_workers_and_outlives_one_to_the_same_bytes(mortal, tmp_path):
    slide = Squares(9000, 7000, 300).write(tmp_path / "squares.tiff", 0.5, (1.0, 4.0))
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    arguments = ("slide", slide, "--features", "--no-mask")
    assert gastropath(*arguments, cwd=here).returncode == 0
    command = [sys.executable, "-m", "gastropath", *map(str, arguments), "--scheduler", mortal.address]
    process = subprocess.Popen(command, cwd=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    answered: Callable[[], int] = lambda: len(list(there.glob("slides/.slide-squares/*.npz")))  # noqa: E731
    while process.poll() is None and answered() < 2:
        time.sleep(0.01)
    assert process.poll() is None, "it was done before a worker could be killed"
    mortal.kill_a_worker()
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    for name in (*(f"squares/{output}" for output in OUTPUTS), "slides.csv"):
        assert (there / "slides" / name).read_bytes() == (here / "slides" / name).read_bytes(), name


@pytest.mark.slow
def test_features_are_those_of_this_computer_and_outlive_a_worker(mortal, noise_tiles, tmp_path):
    from gastropath.data.index import find_tiles
    from gastropath.training.backbones import backbone
    from gastropath.training.export import feature_graph
    from gastropath.training.feature_network import feature_network
    from gastropath.training.features import FeatureStore, FrozenNetwork, extract
    from gastropath.training.tile_source import sources

    network = feature_network(backbone("efficientnet-lite0", 64), ("last",))
    graph = feature_graph(network)
    frozen = FrozenNetwork("lite0 of the test", network.output_shape[-1], 64, lambda: graph)
    tiles = sources(find_tiles([noise_tiles({"TUM": 300, "STR": 300}, size=70)]), 0.5)
    here = extract(tiles, frozen, FeatureStore(tmp_path / "here"), views=4)

    def kill_once(what: str, done: int, total: int) -> None:
        if done == 64:
            mortal.kill_a_worker()

    with pool(mortal.address) as workers:
        store = FeatureStore(tmp_path / "there", workers)
        there = extract(tiles, frozen, store, views=4, progress=kill_once)
        assert len(mortal.processes) == 2, "no worker was killed"
        np.testing.assert_array_equal(there, here)
        again = extract(tiles, frozen, store, views=4)
    np.testing.assert_array_equal(again, here)


def test_what_a_worker_finds_wrong_is_told_as_it_would_be_here(cluster, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    with pool(cluster.address) as workers:
        with pytest.raises(CannotReadImage, match=r"is (truncated|damaged|not an image)"):
            list(workers.each(partial(load_tile, tile_px=64), [tmp_path / "torn.png"]))
        with pytest.raises(CannotUseCluster, match="same installation"):
            list(workers.each(_only_here, [1]))


def test_errors_keep_their_message_on_the_way_back():
    error = MissingExtra("reading slides", "slides", "openslide")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_worker_that_does_not_see_the_slide_says_so(cluster, tmp_path):
    from gastropath.inference.classifier import Classifier
    from gastropath.slides.block_reader import remote_reader
    from gastropath.slides.blocks import Selection
    from gastropath.slides.grid import TileGrid
    from gastropath.slides.source.slide import open_slide

    path = Squares(900, 700, 200).write(tmp_path / "a.tiff", 0.5)
    grid = TileGrid.over(open_slide(path), 224, 0.5)
    reader = remote_reader(path, None, Classifier.load(), grid, False)
    path.write_bytes(path.read_bytes() + b"\0")
    numbers = np.arange(len(grid))
    wanted = Selection(0, numbers, np.ones(len(numbers)), {})
    with pool(cluster.address) as workers, pytest.raises(CannotUseCluster, match="shared storage"):
        list(workers.each(reader, [wanted]))


def test_no_scheduler_is_told_with_what_is_expected(tmp_path, monkeypatch):
    monkeypatch.setattr("gastropath.parallel._CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense", "localhost"):
        with pytest.raises(CannotUseCluster, match=r"expected an address like tcp://"), pool(address):
            pass


@pytest.mark.slow
def test_training_on_a_cluster_gives_the_same_model(cluster, transfer_run, synthetic_tiles, tmp_path):
    found = gastropath(
        "train", synthetic_tiles, "--scheduler", cluster.address, "--cache", tmp_path / "cache", "--out", "run",
        cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    for name in ("predictions.csv", "model/model.tflite", "model/references.npz"):
        assert (tmp_path / "run" / name).read_bytes() == (transfer_run / name).read_bytes(), name


def _only_here(number: int) -> int:
    return number
