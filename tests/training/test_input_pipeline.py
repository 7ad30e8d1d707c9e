import keras
import numpy as np
import pytest
import tensorflow as tf

from gastropath.data.index import find_tiles
from gastropath.errors import CannotReadImage, CannotWrite
from gastropath.images import load_tile
from gastropath.training.input_pipeline import PixelStore, batches, decode_tiles, epochs_of_batches, steps


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


def test_tiles_of_known_resolution_are_brought_to_the_models_field_of_view(noise_tiles, tmp_path):
    index = find_tiles([noise_tiles({"A": 2, "B": 2}, size=128)]).with_mpp(0.25)
    store = decode_tiles(index, index.classes, 64, 0.5, tmp_path / "half")
    for i, file in enumerate(index.files()):
        np.testing.assert_array_equal(store.pixels[i], load_tile(file, 64))  # 128 px of 0.25 µm are 64 px of 0.5 µm
    closer = decode_tiles(index, index.classes, 64, 0.25, tmp_path / "same")
    for i, file in enumerate(index.files()):
        np.testing.assert_array_equal(closer.pixels[i], load_tile(file, 128)[32:96, 32:96])


def test_augmentation_is_drawn_by_seed_epoch_and_batch(store):
    def epochs(first: int, last: int, seed: int = 1) -> list[np.ndarray]:
        def change(tiles: tf.Tensor, drawn_by: tf.Tensor) -> tf.Tensor:
            noise = tf.random.stateless_uniform(tf.shape(tiles), drawn_by, 0, 255, tf.int32)
            return tf.cast(noise, tf.uint8)

        data = epochs_of_batches(store, 5, seed, first, last, change)
        return [np.asarray(images) for images, _ in data]

    three = epochs(0, 3)
    assert len({batch.tobytes() for batch in three}) == len(three) == 15
    for ours, theirs in zip(epochs(2, 3), three[10:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert epochs(0, 1, seed=2)[0].tobytes() != three[0].tobytes()


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
