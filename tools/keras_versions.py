"""Which versions of Keras open our model files, and can what they write be read? Outside CI: it installs each version.

    python tools/keras_versions.py run/bestmodel.keras [more.keras ...] [--versions 3.8.0 3.15.1] [--folder FOLDER]

Each version gets an environment of its own, with JAX as its backend, which every Keras 3 runs on. Printed is a table
with a row for each file and version: whether it opens the file, and by how much its answers to four drawn tiles differ
from those of the installed Keras on TensorFlow. Then each version writes a model of its own, with models nested in it,
which the installed Keras opens, writes anew as we write files, and hands back: how far are the answers apart?
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

VERSIONS = ("3.8.0", "3.10.0", "3.13.2", "3.14.0", "3.15.1")

ANSWERING = """
import sys
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1], compile=False)
side = model.input_shape[1]
tiles = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
np.save(sys.argv[2], model.predict_on_batch(tiles))
"""

NESTED = """
import sys
import keras
from keras import layers
keras.utils.set_random_seed(0)
convolutions = keras.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()], name="convolutions")
given = keras.Input((30, 30, 3))
inner = keras.Model(given, layers.GlobalAveragePooling2D()(convolutions(given)), name="inner")
image = keras.Input((30, 30, 3), dtype="uint8")
answer = layers.Dense(3, "softmax", name="probabilities")(inner(layers.Rescaling(1 / 255)(image)))
keras.Model(image, answer).save(sys.argv[1])
"""

REWRITING = """
import sys
from pathlib import Path
import keras
from gastropath.training.keras_file import save_for_older_keras
save_for_older_keras(keras.models.load_model(sys.argv[1], compile=False), Path(sys.argv[2]))
"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--versions", nargs="+", default=list(VERSIONS))
    parser.add_argument("--folder", type=Path, help="keep the environments here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        pythons = {version: installed(version, folder) for version in arguments.versions}
        print("| file | Keras | backend | opens | largest difference of a probability |\n|---|---|---|---|---|")
        for model in arguments.models:
            expected, problem = answers(Path(sys.executable), model, "tensorflow")
            if expected is None:
                raise SystemExit(f"the installed Keras does not open {model}: {problem}")
            for version, python in pythons.items():
                row = f"| {model.name} | {version} | JAX |"
                print(row, compared(python, model, expected) if python else "could not be installed | |", flush=True)
        print("\n| Keras that wrote a nested model | read here | read back there |\n|---|---|---|")
        for version, python in pythons.items():
            print(f"| {version} |", there_and_back(python) if python else "could not be installed | |", flush=True)


def compared(python: Path, model: Path, expected: np.ndarray) -> str:
    """Return the last two cells of a row: whether a version opens a file, and how far its answers are off."""
    found, problem = answers(python, model, "jax")
    return f"no: {problem} | |" if found is None else f"yes | {np.abs(found - expected).max():.1g} |"


def there_and_back(python: Path) -> str:
    """Return two cells: how far answers are off for a file written there, and for the same file rewritten here."""
    here = Path(sys.executable)
    with tempfile.TemporaryDirectory() as scratch:
        theirs, ours = Path(scratch, "theirs.keras"), Path(scratch, "ours.keras")
        if problem := done(python, NESTED, "jax", theirs):
            return f"cannot be written: {problem} | |"
        expected, problem = answers(python, theirs, "jax")
        found, not_read = answers(here, theirs, "tensorflow")
        if expected is None or found is None:
            return f"no: {problem or not_read} | |"
        cell = f"yes, {np.abs(found - expected).max():.1g}"
        if problem := done(here, REWRITING, "tensorflow", theirs, ours):
            return f"{cell} | cannot be rewritten: {problem} |"
        again, problem = answers(python, ours, "jax")
        return f"{cell} | " + (f"no: {problem} |" if again is None else f"yes, {np.abs(again - expected).max():.1g} |")


def installed(version: str, folder: Path) -> Path | None:
    """Return the interpreter of an environment with a version of Keras; ``None`` where it cannot be installed."""
    home = folder / f"keras-{version}"
    python = home / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    steps = [
        [*uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), f"keras=={version}", "jax"],
    ]
    if not python.exists() and any(subprocess.run(step, check=False).returncode for step in steps):
        return None
    return python


def answers(python: Path, model: Path, backend: str) -> tuple[np.ndarray | None, str]:
    """Return what the model answers in an environment, or the last line of the error."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "answers.npy"
        problem = done(python, ANSWERING, backend, model.resolve(), file)
        return (None, problem) if problem else (np.load(file), "")


def done(python: Path, code: str, backend: str, *files: Path) -> str:
    """Run code in an environment; return the last line of its error, or nothing where there is none."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [str(python), "-c", code, *map(str, files)], check=False, capture_output=True, text=True, env=environment
    )
    return (run.stderr.strip().splitlines() or ["failed"])[-1][:200] if run.returncode else ""


if __name__ == "__main__":
    main()
