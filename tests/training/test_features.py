import os
from dataclasses import replace

import numpy as np
import pytest

from gastropath.data.index import find_tiles
from gastropath.data.kept_rows import KeptRows
from gastropath.errors import CannotReadImage
from gastropath.inference.views import dihedral
from gastropath.training.backbones import backbone
from gastropath.training.export import feature_graph
from gastropath.training.feature_network import feature_network
from gastropath.training.features import FeatureStore, FrozenNetwork, extract
from gastropath.training.tile_source import TileSource, sources

SIDE = 64


@pytest.fixture(scope="module")
def network():
    return feature_network(backbone("efficientnet-lite0", SIDE), ("block_05", "last"))


@pytest.fixture(scope="module")
def graph(network) -> bytes:
    return feature_graph(network)


@pytest.fixture
def frozen(network, graph) -> FrozenNetwork:
    return FrozenNetwork("lite0 of the test", network.output_shape[-1], SIDE, lambda: graph)


@pytest.fixture
def tiles(noise_tiles) -> list[TileSource]:
    return sources(find_tiles([noise_tiles({"TUM": 11, "STR": 8}, size=70)]), 0.5)


def no_graph() -> bytes:
    raise AssertionError("the network was asked for again")


def test_features_are_those_of_keras_for_every_view(network, frozen, tiles, tmp_path):
    found = extract(tiles, frozen, FeatureStore(tmp_path / "cache"), views=8)
    pixels = np.stack([tile.load(SIDE) for tile in tiles])
    for view in range(8):
        theirs = network.predict(np.ascontiguousarray(dihedral(pixels, view)), verbose=0)
        np.testing.assert_allclose(found[:, view], theirs, atol=1e-4)
    assert np.abs(found[:, 0] - found[:, 1]).max() > 1e-3


def test_each_depth_has_unit_length(frozen, tiles, tmp_path):
    found = extract(tiles, frozen, FeatureStore(tmp_path / "cache"))[:, 0]
    np.testing.assert_allclose(np.linalg.norm(found[:, :40], axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found[:, 40:], axis=1), 1, atol=1e-4)


def test_what_was_computed_is_never_computed_again_wherever_the_tile_lies(frozen, tiles, tmp_path):
    first = extract(tiles, frozen, FeatureStore(tmp_path / "cache"), views=2)
    (tmp_path / "moved").mkdir()
    moved = [TileSource(tmp_path / "moved" / f"{i}.png", None) for i in range(len(tiles))]
    for tile, other in zip(tiles, moved, strict=True):
        os.rename(tile.file, other.file)
    known = FrozenNetwork(frozen.name, frozen.width, SIDE, no_graph)
    np.testing.assert_array_equal(extract(moved, known, FeatureStore(tmp_path / "cache"), views=2), first)


def test_a_tile_that_was_read_before_is_not_decoded_for_features_that_are_known(frozen, tiles, tmp_path):
    known = [replace(tile, shown=tile.read(SIDE)[0]) for tile in tiles]
    first = extract(known, frozen, FeatureStore(tmp_path / "cache"), views=2)
    for tile in tiles:
        tile.file.unlink()
    np.testing.assert_array_equal(extract(known, frozen, FeatureStore(tmp_path / "cache"), views=2), first)
    with pytest.raises(CannotReadImage):
        extract(known, frozen, FeatureStore(tmp_path / "cache"), views=3)


def test_another_network_or_other_pixels_have_features_of_their_own(frozen, graph, tiles, tmp_path):
    extract(tiles, frozen, FeatureStore(tmp_path / "cache"))
    for name, zoom in (("another", None), (frozen.name, 0.7)):
        other = FrozenNetwork(name, frozen.width, SIDE, no_graph)
        with pytest.raises(AssertionError, match="asked for again"):
            extract([TileSource(tile.file, zoom) for tile in tiles], other, FeatureStore(tmp_path / "cache"))


def test_an_interrupted_extraction_keeps_what_it_had(frozen, tiles, tmp_path):
    def stop(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(tiles, frozen, FeatureStore(tmp_path / "cache"), progress=stop)
    known = FrozenNetwork(frozen.name, frozen.width, SIDE, no_graph)
    assert extract(tiles[:8], known, FeatureStore(tmp_path / "cache")).shape == (8, 1, frozen.width)


def test_a_damaged_file_of_the_cache_is_computed_again(frozen, tiles, tmp_path):
    first = extract(tiles, frozen, FeatureStore(tmp_path / "cache"))
    (file,) = (tmp_path / "cache").rglob("*.npy")
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_allclose(extract(tiles, frozen, FeatureStore(tmp_path / "cache")), first, atol=1e-5)


def test_the_cache_writes_a_file_every_thousand_rows(tmp_path):
    folder = FeatureStore(tmp_path).of(FrozenNetwork("a", 2, SIDE, no_graph))
    cache = KeptRows(folder, 2)
    for i in range(2500):
        cache.add(i.to_bytes(32, "big"), np.full(2, i, np.float32))
    cache.write()
    again = KeptRows(folder, 2)
    assert len(list(again.folder.iterdir())) == 3
    assert all(again.get(i.to_bytes(32, "big"))[0] == i for i in (0, 1023, 1024, 2499))
    assert (2500).to_bytes(32, "big") not in again


def test_a_tile_that_cannot_be_read_is_named(frozen, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(CannotReadImage, match=r"torn\.png"):
        extract([TileSource(tmp_path / "torn.png", None)], frozen, FeatureStore(tmp_path / "cache"))
