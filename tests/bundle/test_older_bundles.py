"""Bundles of the first format, as they lie on people's disks."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from gastropath.bundle.files import GRAPH, OLDER_REFERENCES, open_bundle, sha256, starter
from gastropath.inference.classifier import Classifier

CARD = Path(__file__).parents[1] / "results" / "written_by_0_1_0" / "card.json"
"""A card of format version 1, as it was written then."""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A bundle of format version 1: references without labels, under their older name."""
    ood, buffer = Classifier.load().ood, io.BytesIO()
    assert ood is not None
    np.savez(buffer, references=ood.features.astype(np.float16))
    (tmp_path / OLDER_REFERENCES).write_bytes(buffer.getvalue())
    (tmp_path / GRAPH).write_bytes(open_bundle(starter()).graph.read_bytes())
    card = json.loads(CARD.read_text())
    card["files"] = {name: sha256(tmp_path / name) for name in (GRAPH, OLDER_REFERENCES)}
    (tmp_path / "card.json").write_text(json.dumps(card))
    return tmp_path


def test_an_older_bundle_answers_as_it_did(older, rng):
    tiles = rng.integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    before, now = Classifier.load(older), Classifier.load()
    answers, expected = before.predict(tiles), now.predict(tiles)
    assert answers.numbers.tolist() == expected.numbers.tolist()
    np.testing.assert_array_equal(answers.distances, expected.distances)
    assert before.ood is not None
    assert before.ood.labels is None
    assert before.ood.threshold == json.loads(CARD.read_text())["domain"]["threshold"]
