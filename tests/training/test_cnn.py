import subprocess
import sys
import zipfile

import keras
import pytest
from keras import layers

from gastropath.training.checkpoint import without_optimizer
from gastropath.training.methods.cnn import compiled, specified_cnn


def test_the_network_has_the_specified_layers_and_parameters():
    model = specified_cnn(8)
    assert model.count_params() == 11_169_992
    kinds = [type(layer) for layer in model.layers]
    convolution = [layers.Conv2D, layers.MaxPooling2D]
    assert kinds == [layers.Rescaling, *convolution * 3, layers.Flatten, layers.Dropout, layers.Dense, layers.Dense]
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 64, 128]
    assert all(layer.kernel_size == (3, 3) and layer.activation is keras.activations.relu for layer in convolutions)
    assert all(layer.pool_size == (2, 2) for layer in model.layers if isinstance(layer, layers.MaxPooling2D))
    dropout, hidden, output = model.layers[-3:]
    assert (dropout.rate, hidden.units, output.units) == (0.5, 128, 8)
    assert (hidden.activation, output.activation) == (keras.activations.relu, keras.activations.softmax)
    assert model.input_shape == (None, 224, 224, 3)


def test_the_first_layer_scales_to_zero_one():
    scale = specified_cnn(8).layers[0]
    assert scale.scale == 1 / 255
    assert scale.offset == 0


def test_it_is_compiled_as_specified():
    model = compiled(specified_cnn(3, 64), 0.001)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert model.loss == "categorical_crossentropy"
    settings = model.get_compile_config()
    assert isinstance(settings, dict)
    assert settings["metrics"] == ["accuracy"]


@pytest.mark.parametrize("n_classes", [2, 9])
def test_it_has_as_many_outputs_as_there_are_classes(n_classes):
    assert specified_cnn(n_classes, 64).output_shape == (None, n_classes)


def test_the_copy_without_optimizer_shares_the_weights():
    model = specified_cnn(3, 64)
    copy = without_optimizer(model)
    model.layers[-1].bias.assign([1.0, 2.0, 3.0])
    assert copy.layers[-1].bias.numpy().tolist() == [1.0, 2.0, 3.0]


def test_bestmodel_loads_in_a_fresh_process_with_plain_keras_and_carries_no_optimizer(finished_run):
    code = (
        "import sys, warnings, keras; warnings.simplefilter('error', UserWarning);"
        "model = keras.models.load_model(sys.argv[1], safe_mode=True);"
        "assert model.count_params() == int(sys.argv[2]); assert 'gastropath' not in sys.modules;"
        "print(getattr(model, 'optimizer', None))"
    )
    best, parameters = finished_run / "bestmodel.keras", specified_cnn(8, 96).count_params()
    done = subprocess.run(
        [sys.executable, "-c", code, str(best), str(parameters)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "None"
    assert best.stat().st_size < 4 * parameters + 1_000_000  # with an optimizer it is three times that
    with zipfile.ZipFile(best) as archive:
        assert "gastropath" not in archive.read("config.json").decode()
