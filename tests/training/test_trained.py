"""What a method of training hands over is worth keeping, or refused."""

import keras
import numpy as np
import pytest

from gastropath.errors import BadBundle
from gastropath.inference.calibration import HeldOut
from gastropath.inference.selftest import with_self_test
from gastropath.results.card import Card, CardClass, CardInput, TrainingData
from gastropath.training.export import export_graph
from gastropath.training.methods.cnn import specified_cnn
from gastropath.training.network import KerasNetwork
from gastropath.training.trained import References, Trained

CARD = Card(
    name="a model",
    created="",
    classes=tuple(CardClass(code=code, name=code, color="#000000") for code in ("TUM", "STR")),
    input=CardInput(tile_px=32, mpp=0.5),
    precision="float32",
    training_data=TrainingData(name="tiles", n_tiles=4, licence="", sha256="", synthetic=False),
    files={},
    versions={},
)


@pytest.mark.parametrize("broken", ["logits", "distances", "features"])
def test_a_model_whose_answers_are_not_finite_is_refused_when_it_is_trained(broken):
    parts = {"logits": np.zeros((3, 2), np.float32), "distances": np.zeros(3), "features": np.ones((4, 5), np.float32)}
    parts[broken].flat[0] = np.inf
    held_out = HeldOut(parts["logits"], np.array([0, 1, 1]), parts["distances"], np.arange(3), "validation")
    references = References(parts["features"], np.array([0, 1, 0, 1]), np.arange(4))
    with pytest.raises(BadBundle, match=f"{broken} are not finite"):
        Trained(KerasNetwork(keras.Sequential()), b"", held_out, references)


def test_a_network_that_diverged_is_not_exported():
    model = specified_cnn(2, 32)
    assert with_self_test(CARD, export_graph(model)).self_test is not None
    output = model.get_layer("probabilities")
    output.set_weights([values * np.nan for values in output.get_weights()])
    with pytest.raises(BadBundle, match="expected a finite number for each class"):
        with_self_test(CARD, export_graph(model))
