"""Which versions of Keras open a model file, and do they answer alike? Outside CI: it installs each version.

    python tools/keras_versions.py run/bestmodel.keras [--versions 3.8.0 3.15.1] [--folder FOLDER]

Each version gets an environment of its own, with JAX as its backend, which every Keras 3 runs on. Printed is a row of a
table a version: whether it was installed, whether it opens the file, and by how much its answers to four drawn tiles
differ from those of the installed Keras on TensorFlow.
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
model = keras.models.load_model(sys.argv[1])
side = model.input_shape[1]
tiles = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
np.save(sys.argv[2], np.asarray(keras.ops.convert_to_numpy(model(tiles))))
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--versions", nargs="+", default=list(VERSIONS))
    parser.add_argument("--folder", type=Path, help="keep the environments here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).resolve()
        expected, problem = answers(Path(sys.executable), arguments.model, folder, "tensorflow")
        if expected is None:
            raise SystemExit(f"the installed Keras does not open it: {problem}")
        print("| Keras | backend | opens | largest difference of a probability |\n|---|---|---|---|")
        for version in arguments.versions:
            python = installed(version, folder)
            if python is None:
                print(f"| {version} | JAX | could not be installed | |", flush=True)
                continue
            found, problem = answers(python, arguments.model, folder, "jax")
            cells = "yes" if found is not None else f"no: {problem}"
            gap = "" if found is None else f"{np.abs(found - expected).max():.1g}"
            print(f"| {version} | JAX | {cells} | {gap} |", flush=True)


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


def answers(python: Path, model: Path, folder: Path, backend: str) -> tuple[np.ndarray | None, str]:
    """Return what the model answers in an environment, or the last line of the error."""
    file = folder / "answers.npy"
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [str(python), "-c", ANSWERING, str(model.resolve()), str(file)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [""])[-1][:200]
    return np.load(file), ""


if __name__ == "__main__":
    main()
