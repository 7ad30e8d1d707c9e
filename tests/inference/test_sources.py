"""One door for images: whatever a person has is taken, and what is meant otherwise is refused by name."""

import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gastropath
from gastropath.errors import BadBundle, NoTilesFound
from gastropath.inference.classifier import Classifier
from gastropath.inference.ood import OodCheck

SIDE = 224


@pytest.fixture(scope="module")
def model() -> Classifier:
    return gastropath.load()


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    return np.random.default_rng(3).integers(60, 250, (3, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def expected(model, stack) -> np.ndarray:
    return model.predict(stack).probabilities


@pytest.fixture
def folder(stack, tmp_path) -> Path:
    (tmp_path / "tiles").mkdir()
    for number, pixels in enumerate(stack):
        Image.fromarray(pixels).save(tmp_path / "tiles" / f"{number}.png")
    return tmp_path / "tiles"


class Tensor:
    """What a tensor of another library shows: ``__array__``, and a length."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.values

    def __len__(self) -> int:
        return len(self.values)


@pytest.mark.parametrize(
    "given",
    [
        lambda folder, stack: str(folder),
        lambda folder, stack: folder,
        lambda folder, stack: [str(folder / f"{i}.png") for i in range(3)],
        lambda folder, stack: sorted(folder.iterdir()),
        lambda folder, stack: (file for file in sorted(folder.iterdir())),
        lambda folder, stack: [file.read_bytes() for file in sorted(folder.iterdir())],
        lambda folder, stack: [Image.open(file) for file in sorted(folder.iterdir())],
        lambda folder, stack: [str(folder / "0.png"), Image.fromarray(stack[1]), stack[2]],
        lambda folder, stack: stack,
        lambda folder, stack: list(stack),
        lambda folder, stack: tuple(stack),
        lambda folder, stack: (batch for batch in (stack[:2], stack[2:])),
        lambda folder, stack: Tensor(stack),
        lambda folder, stack: [Tensor(pixels) for pixels in stack],
        lambda folder, stack: [folder / "0.png", [stack[1:]]],
    ],
)
def test_paths_folders_pictures_arrays_tensors_and_all_that_yields_them_give_the_same_answers(
    model, folder, stack, expected, given
):
    np.testing.assert_array_equal(model.predict(given(folder, stack)).probabilities, expected)


@pytest.mark.parametrize(
    "given",
    [
        lambda folder, stack: str(folder / "0.png"),
        lambda folder, stack: folder / "0.png",
        lambda folder, stack: (folder / "0.png").read_bytes(),
        lambda folder, stack: Image.fromarray(stack[0]),
        lambda folder, stack: stack[0],
        lambda folder, stack: Tensor(stack[0]),
    ],
)
def test_one_picture_is_one_answer(model, folder, stack, expected, given):
    np.testing.assert_array_equal(model.predict(given(folder, stack)).probabilities, expected[:1])


def test_an_answer_carries_the_path_it_was_asked_with(model, folder):
    paths = [str(folder / "1.png"), folder / "0.png"]
    assert model.predict(paths).sources == (str(folder / "1.png"), str(folder / "0.png"))
    assert model.predict(folder).sources == tuple(str(folder / f"{i}.png") for i in range(3))


def test_grey_and_transparent_arrays_are_taken_as_files_of_the_same_pixels_are(model, stack):
    for values in (stack[0, ..., 0], np.dstack([stack[0], stack[1, ..., 0]])):
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "PNG")
        both = model.predict([values, buffer.getvalue()]).probabilities
        np.testing.assert_array_equal(both[0], both[1])
    grey = np.concatenate([stack[..., 0], stack[..., 1]])  # a stack of six, which can be no picture with channels
    np.testing.assert_array_equal(model.predict(grey).probabilities, model.predict(grey[..., None]).probabilities)


def test_a_picture_of_pillow_is_not_changed(model, stack):
    image = Image.fromarray(stack[0])
    model.predict(image)
    assert image.size == (SIDE, SIDE)
    np.testing.assert_array_equal(np.asarray(image), stack[0])


@pytest.mark.parametrize(
    ("images", "kind", "remedy"),
    [
        (lambda stack: stack / np.float32(255), ValueError, r"np\.rint\(images \* 255\)\.astype\(np\.uint8\)"),
        (lambda stack: stack.astype(np.float32), ValueError, r"np\.rint\(images\)\.astype\(np\.uint8\)"),
        (lambda stack: stack.astype(np.uint16) * 257, ValueError, r"\(images // 257\)\.astype\(np\.uint8\)"),
        (lambda stack: stack.astype(np.int64), ValueError, r"images\.astype\(np\.uint8\)"),
        (lambda stack: np.moveaxis(stack, -1, 1), ValueError, r"np\.moveaxis\(images, 1, -1\)"),
        (lambda stack: np.moveaxis(stack[0], -1, 0), ValueError, r"np\.moveaxis\(images, 0, -1\)"),
        (lambda stack: (stack, np.array([0, 1, 2])), TypeError, "model.predict"),
        (lambda stack: [(stack, np.array([0, 1, 2]))], TypeError, "model.predict"),
        (lambda stack: [(stack[0], 3)], TypeError, "model.predict"),
        (lambda stack: [(Tensor(stack), Tensor(np.eye(3)))], TypeError, "model.predict"),
        (lambda stack: {"image": stack}, TypeError, "found dict"),
        (lambda stack: 3, TypeError, "found int"),
        (lambda stack: [None], TypeError, "found NoneType"),
        (lambda stack: np.array(["a.png"]), ValueError, "expected"),
        (lambda stack: stack[0, 0, 0], ValueError, "expected"),
        (lambda stack: stack[None], ValueError, "expected"),
    ],
)
def test_what_is_meant_otherwise_is_refused_by_name_with_what_to_do(model, stack, images, kind, remedy):
    with pytest.raises(kind, match=remedy):
        model.predict(images(stack))


@pytest.mark.parametrize(
    "images", [[], (), iter(()), np.zeros((0, SIDE, SIDE, 3), np.uint8), np.zeros((0, 9, 9, 3), np.uint8)]
)
def test_nothing_gives_nothing(model, images):
    assert len(model.predict(images)) == 0


def test_a_path_that_is_not_there_is_refused_and_an_empty_folder_is_an_error(model, stack, tmp_path):
    answers = model.predict([str(tmp_path / "gone.png"), stack[0]])
    assert answers.reasons[0] == "unreadable"
    assert answers.is_classified.tolist() == [False, True]
    with pytest.raises(NoTilesFound):
        model.predict(tmp_path)


def test_features_maps_and_tiles_come_when_asked_for(model, stack):
    answers = model.predict([stack[0], b"no picture", stack[1]], features=True, maps=True, tiles=True)
    raw = model.graph.run(stack[:2])
    np.testing.assert_array_equal(answers.kept("features")[[0, 2]], raw["features"])
    np.testing.assert_array_equal(answers.kept("maps")[[0, 2]], raw["cam"])
    np.testing.assert_array_equal(answers.kept("tiles")[[0, 2]], stack[:2])
    assert np.isnan(answers.kept("features")[1]).all()
    assert answers.sizes_px.tolist() == [[SIDE, SIDE], [0, 0], [SIDE, SIDE]]
    assert model.predict(stack[0]).features is None


def test_micrometres_per_pixel_may_be_given_for_each(model, stack):
    each = model.predict(list(stack), mpp=[0.5, None, 0.25])
    one = model.predict(stack[2], mpp=0.25)
    np.testing.assert_array_equal(each.probabilities[2], one.probabilities[0])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        model.predict(list(stack), mpp=[0.5])


def test_a_generator_is_not_read_far_ahead(model, stack):
    taken = []

    def endless():
        for number in range(10_000):
            taken.append(number)
            yield stack[0]

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.predict(endless(), progress=stop)
    assert len(taken) < 200


def test_an_answer_that_is_not_finite_is_refused_and_never_accepted(model, stack, monkeypatch):
    run = model.graph.run

    def broken(tiles: np.ndarray):
        outputs = {name: values.copy() for name, values in run(tiles).items()}
        outputs["logits"][0, 2] = np.nan
        outputs["logits"][1, 0] = np.inf
        return outputs

    monkeypatch.setattr(model.graph, "run", broken)
    answers = model.predict(stack)
    assert answers.reasons[:2] == ["not_finite"] * 2
    assert answers.is_classified.tolist() == [False, False, True]
    assert np.isfinite(answers.probabilities[2]).all()


def test_answers_that_become_infinite_by_the_temperature_are_refused(model, stack):
    calibration = model.card.calibration.model_copy(update={"temperature": 1e-320})
    odd = Classifier(model.card.model_copy(update={"calibration": calibration}), model.graph.content)
    assert set(odd.predict(stack).reasons) == {"not_finite"}


def test_features_that_are_not_finite_are_refused_where_distances_depend_on_them(model, stack, monkeypatch):
    run, nothing = model.graph.run, np.full((len(stack), model.graph.n_features), np.nan)
    monkeypatch.setattr(model.graph, "run", lambda tiles: {**run(tiles), "features": nothing})
    assert set(model.predict(stack).reasons) == {"not_finite"}


def test_the_repr_of_a_model_says_what_it_is(model):
    assert repr(model) == "<Classifier 'GastroPath starter': 8 classes, tiles of 224 px at 0.5 µm/px, float16>"


def predicted(model: Classifier, stack: np.ndarray) -> np.ndarray:
    return model.predict(stack).probabilities


def test_a_model_works_in_another_process(model, stack, expected):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(predicted, model, stack).result(), expected)


def test_a_model_in_memory_is_pickled_whole_and_one_from_a_folder_by_its_folder(model, stack, expected):
    assert len(pickle.dumps(model)) < 2000
    check = OodCheck(model.ood.features, model.ood.neighbours, model.ood.threshold)
    memory = Classifier(model.card, model.graph.content, ood=check)
    again = pickle.loads(pickle.dumps(memory))
    assert again.folder is None
    np.testing.assert_array_equal(again.predict(stack).probabilities, expected)


def test_a_pickled_model_whose_folder_now_holds_another_is_refused(finished_run, transfer_run, tmp_path):
    import shutil

    shutil.copytree(finished_run / "model", tmp_path / "model")
    data = pickle.dumps(Classifier.load(tmp_path / "model"))
    shutil.rmtree(tmp_path / "model")
    shutil.copytree(transfer_run / "model", tmp_path / "model")
    with pytest.raises(BadBundle, match="another model"):
        pickle.loads(data)
