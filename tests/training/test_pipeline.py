import keras
import numpy as np
import pytest

from gastropath.data.index import find_tiles
from gastropath.errors import CannotReadImage, CannotWrite
from gastropath.images import load_tile
from gastropath.training.pipeline import PixelStore, batches, decode_tiles, epochs_of_batches, steps


@pytest.fixture
def store(rng) -> PixelStore:
    pixels = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    return PixelStore(pixels, np.arange(23) % 3, 3)


def _order(dataset) -> list[int]:
    return [int(n) for images, _ in dataset for n in images[:, 0, 0, 0]]


def test_on_tiles_of_the_model_s_size_it_yields_what_keras_s_own_loader_yields(synthetic_tiles, tmp_path):
    index = find_tiles([synthetic_tiles])
    ours = batches(decode_tiles(index, index.classes, 224, 0.5, tmp_path), 16)
    theirs = keras.utils.image_dataset_from_directory(
        synthetic_tiles, label_mode="categorical", image_size=(224, 224), batch_size=16, shuffle=False
    )
    files: list[str] = getattr(theirs, "file_paths")  # noqa: B009  # an attribute Keras adds to the data set
    names = [path.removeprefix(f"{synthetic_tiles}/") for path in files]
    images = np.concatenate([images for images, _ in theirs])
    labels = np.concatenate([labels for _, labels in theirs])
    place = {name: i for i, name in enumerate(names)}
    wanted = [place[path] for path in index.paths]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in ours]), images[wanted])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in ours]), labels[wanted])


def test_an_epoch_holds_every_tile_once_with_its_label(store):
    seen = []
    for images, labels in epochs_of_batches(store, 5, seed=1, first=0, last=1):
        seen += [int(n) for n in images[:, 0, 0, 0]]
        np.testing.assert_array_equal(np.argmax(labels, axis=1), np.array(images[:, 0, 0, 0]) % 3)
    assert sorted(seen) == list(range(23))
    assert seen != sorted(seen)


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(store):
    three = _order(epochs_of_batches(store, 5, seed=1, first=0, last=3))
    assert _order(epochs_of_batches(store, 5, seed=1, first=2, last=3)) == three[2 * 23 :]
    assert three[:23] != three[23:46]
    assert _order(epochs_of_batches(store, 5, seed=2, first=0, last=1)) != three[:23]


def test_steps_counts_the_last_smaller_batch(store):
    assert steps(store, 5) == 5
    assert len(list(batches(store, 5))) == 5


def test_tiles_of_other_sizes_come_through_the_one_resize(noise_tiles, tmp_path):
    folder = noise_tiles({"A": 2, "B": 2}, size=100)
    index = find_tiles([folder])
    store = decode_tiles(index, index.classes, 64, 0.5, tmp_path / "work")
    for i, file in enumerate(index.files()):
        np.testing.assert_array_equal(store.pixels[i], load_tile(file, 64))


def test_decoded_tiles_are_used_again(noise_tiles, tmp_path):
    index = find_tiles([noise_tiles({"A": 2, "B": 2})])
    calls = []
    for _ in range(2):
        decode_tiles(index, index.classes, 64, 0.5, tmp_path / "work", progress=lambda *args: calls.append(args))
    assert len(calls) == 4


def test_a_tile_that_became_unreadable_is_named(noise_tiles, tmp_path):
    folder = noise_tiles({"A": 2, "B": 2})
    index = find_tiles([folder])
    (folder / "B" / "B_1.png").write_bytes(b"gone")
    with pytest.raises(CannotReadImage, match=r"B_1\.png"):
        decode_tiles(index, index.classes, 64, 0.5, tmp_path / "work")
    assert not list((tmp_path / "work").glob("*.npy"))


def test_a_disk_without_room_is_noticed_before_decoding(noise_tiles, tmp_path, monkeypatch):
    index = find_tiles([noise_tiles({"A": 2, "B": 2})])
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10})())
    with pytest.raises(CannotWrite, match="GB of disk"):
        decode_tiles(index, index.classes, 64, 0.5, tmp_path / "work")
