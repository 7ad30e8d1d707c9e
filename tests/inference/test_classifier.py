import io
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import gastropath
from gastropath.bundle.files import GRAPH, REFERENCES, open_bundle, write_bundle
from gastropath.errors import BadBundle
from gastropath.images import load_tile
from gastropath.inference.classifier import Classifier
from gastropath.inference.graph import TILES_IN_A_CALL
from gastropath.inference.ood import OodCheck, references_npz
from gastropath.results.prediction import LOW_CONFIDENCE, OUT_OF_DISTRIBUTION, Refusal
from gastropath.results.predictions import Predictions


@pytest.fixture(scope="module")
def classifier(finished_run) -> Classifier:
    return Classifier.load(finished_run)


@pytest.fixture(scope="module")
def tiles(synthetic_tiles) -> np.ndarray:
    return np.stack([load_tile(file, 96) for file in sorted(synthetic_tiles.glob("*/*.png"))[:19]])


def test_the_three_lines_of_the_readme_work(finished_run, tiles):
    model = gastropath.load(finished_run)
    answer = model.predict(tiles[0])
    assert answer.labels[0] in model.classes


def test_probabilities_sum_to_one(classifier, tiles):
    probabilities = classifier.predict(tiles).probabilities
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_neither_order_nor_batch_changes_a_byte_of_an_answer(classifier, tiles):
    together = classifier.predict(tiles).probabilities
    alone = np.concatenate([classifier.predict(tile).probabilities for tile in tiles])
    backwards = classifier.predict(tiles[::-1]).probabilities[::-1]
    assert len(tiles) > 2 * TILES_IN_A_CALL
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards)


def test_threads_may_share_a_classifier(classifier, tiles):
    expected = classifier.predict(tiles).probabilities
    wrong = []

    def ask(i: int) -> None:
        for j in range(4):
            n = (i + 3 * j) % len(tiles)
            if not np.array_equal(classifier.predict(tiles[n]).probabilities[0], expected[n]):
                wrong.append(n)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_bad_file_is_refused_and_the_rest_is_answered(classifier, synthetic_tiles):
    good = sorted(synthetic_tiles.glob("TUM/*.png"))
    mixed = [good[0], b"some text", good[1], b"", good[2]]
    answers = classifier.predict(mixed)
    assert answers.is_classified.tolist() == [True, False, True, False, True]
    assert answers.labels[1] == ""
    assert answers.reasons[1:4:2] == ["not_an_image", "empty"]
    assert "is not an image" in answers.details[1]
    np.testing.assert_array_equal(answers.probabilities[[0, 2, 4]], classifier.predict(good[:3]).probabilities)


def test_only_bad_files_is_no_error(classifier):
    answers = classifier.predict([b"x", b"y"])
    assert not answers.is_classified.any()
    assert [row["confidence"] for row in answers.rows(["a", "b"])] == ["", ""]


def test_nothing_to_classify_gives_nothing(classifier):
    assert len(classifier.predict([])) == 0
    assert len(classifier.predict(np.zeros((0, 224, 224, 3), np.uint8))) == 0


def test_pictures_of_any_size_are_taken(classifier, tiles):
    answers = classifier.predict([tiles[0], tiles[1][:158, :158], np.repeat(tiles[2], 2, axis=0)])
    assert len(answers) == 3


def test_a_graph_that_does_not_fit_its_card_is_refused(finished_run, tmp_path):
    bundle = open_bundle(finished_run)
    fewer = bundle.card.model_copy(update={"classes": bundle.card.classes[:3]})
    write_bundle(tmp_path / "fewer", fewer, {GRAPH: bundle.graph, REFERENCES: bundle.references})
    with pytest.raises(BadBundle, match="3 classes"):
        Classifier.load(tmp_path / "fewer")
    other = bundle.card.input.model_copy(update={"tile_px": 128})
    card = bundle.card.model_copy(update={"input": other})
    write_bundle(tmp_path / "size", card, {GRAPH: bundle.graph, REFERENCES: bundle.references})
    with pytest.raises(BadBundle, match="128 px"):
        Classifier.load(tmp_path / "size")


@pytest.mark.parametrize("graph", [b"", b"no graph at all", bytes(5000)])
def test_a_file_that_is_no_graph_is_refused(finished_run, tmp_path, graph):
    (tmp_path / "graph").write_bytes(graph)
    bundle = open_bundle(finished_run)
    write_bundle(tmp_path / "bundle", bundle.card, {GRAPH: tmp_path / "graph", REFERENCES: bundle.references})
    with pytest.raises(BadBundle, match="cannot be run"):
        Classifier.load(tmp_path / "bundle")


def test_predicting_imports_neither_tensorflow_nor_what_training_needs(finished_run, synthetic_tiles, tmp_path):
    code = (
        "import sys; from gastropath.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    arguments = [
        "predict",
        str(synthetic_tiles / "TUM"),
        "--model",
        str(finished_run),
        "--out",
        str(tmp_path / "p.csv"),
    ]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "XNNPACK" not in done.stderr


def test_predictions_check_their_shape():
    with pytest.raises(ValueError, match=r"expected \(2, 2\)"):
        Predictions.of(("A", "B"), np.zeros((1, 2), np.float32), refusals=(None, None))


def test_rows_and_documents_tell_the_same():
    answers = Predictions.of(
        ("A", "B"),
        np.array([[0.25, 0.75], [np.nan, np.nan]], np.float32),
        refusals=(None, Refusal("empty", "is empty (0 bytes)")),
        distances=np.array([0.125, np.nan]),
    )
    rows, documents = list(answers.rows(["x", "y"])), list(answers.documents(["x", "y"]))
    assert list(rows[0]) == Predictions.columns(("A", "B"))
    assert rows[0]["prob_B"] == "0.750000"
    assert rows[0]["distance"] == "0.125000"
    assert (documents[0]["distance"], documents[1]["distance"]) == (0.125, None)
    assert rows[1] == {
        "path": "y", "predicted_label": "", "confidence": "", "decision": "refused", "reason": "empty",
        "prob_A": "", "prob_B": "", "distance": "", "detail": "is empty (0 bytes)",
    }  # fmt: skip
    assert documents[0]["probabilities"] == {"A": 0.25, "B": 0.75}
    assert documents[1]["predicted_label"] is None
    json.dumps(documents, allow_nan=False)


def test_an_upload_in_memory_answers_as_the_file_does(classifier, synthetic_tiles):
    file = next(synthetic_tiles.glob("STR/*.png"))
    buffer = io.BytesIO()
    Image.open(file).save(buffer, "PNG")
    both = classifier.predict([file, buffer.getvalue()]).probabilities
    np.testing.assert_array_equal(both[0], both[1])


def test_references_of_other_features_are_refused(finished_run, tmp_path, rng):
    bundle = open_bundle(finished_run)
    other = references_npz(rng.normal(size=(20, 7)), np.zeros(20, int))
    write_bundle(tmp_path / "bundle", bundle.card, {GRAPH: bundle.graph, REFERENCES: other})
    with pytest.raises(BadBundle, match="reference features have 7"):
        Classifier.load(tmp_path / "bundle")


def test_a_model_abstains_below_its_threshold_and_beyond_its_domain(finished_run, tiles):
    bundle = open_bundle(finished_run)
    never = bundle.card.model_copy(update={"abstention": None})
    assert bundle.card.abstention is not None
    strict = bundle.card.abstention.model_copy(update={"threshold": 1.0})
    always = bundle.card.model_copy(update={"abstention": strict})
    below = bundle.card.abstention.model_copy(update={"threshold": 0.0, "state": "unmet", "answers_unmet": False})
    told = below.model_copy(update={"answers_unmet": True})
    graph = bundle.graph.read_bytes()
    free = Classifier(never, graph).predict(tiles)
    assert set(free.decisions) == {"accepted"}
    hushed = Classifier(bundle.card.model_copy(update={"abstention": below}), graph).predict(tiles)
    assert hushed.is_abstained.all()
    np.testing.assert_array_equal(hushed.probabilities, free.probabilities)
    assert Classifier(bundle.card.model_copy(update={"abstention": told}), graph).predict(tiles).is_accepted.all()
    unsure = Classifier(always, graph).predict(tiles)
    assert set(unsure.reasons) <= {LOW_CONFIDENCE, ""}
    assert unsure.is_abstained.sum() >= len(tiles) - 1
    np.testing.assert_array_equal(unsure.probabilities, free.probabilities)
    features = Classifier(never, graph).graph.run(tiles)["features"]
    near = OodCheck(features[:6], 1, 1e-3)
    assert Classifier(never, graph, ood=near).predict(tiles[:6]).is_accepted.all()
    far = OodCheck(-features[:6], 1, 1e-3)
    assert Classifier(always, graph, ood=far).predict(tiles).reasons[0].startswith(OUT_OF_DISTRIBUTION)


def test_a_picture_of_known_resolution_is_brought_to_the_models_and_one_of_unknown_is_told(classifier, tiles):
    large = np.repeat(np.repeat(tiles[:3], 2, axis=1), 2, axis=2)
    known = classifier.predict(large, mpp=classifier.card.input.mpp / 2)
    assert not known.is_field_of_view_assumed.any()
    guessed = classifier.predict(large)
    assert guessed.is_field_of_view_assumed.all()
    np.testing.assert_array_equal(known.probabilities, guessed.probabilities)
    closer = classifier.predict(large, mpp=classifier.card.input.mpp)
    np.testing.assert_array_equal(
        closer.probabilities, classifier.predict(np.ascontiguousarray(large[:, 48:144, 48:144])).probabilities
    )
    with pytest.raises(ValueError, match="micrometres per pixel"):
        classifier.predict(large, mpp=1e6)
