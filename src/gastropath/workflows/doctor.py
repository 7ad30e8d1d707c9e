"""Whether this installation works: what each command still needs, and whether the model answers as recorded."""

from __future__ import annotations

import platform
import sys
import time
from typing import Any

from gastropath.errors import GastroPathError
from gastropath.parallel import cores
from gastropath.workflows.arguments import StrPath, cache_folder, folder_named
from gastropath.workflows.extras import NEEDS
from gastropath.workflows.installation import LIBRARIES, is_writable, obstacles, packages, size_bytes, trials

_TENSORFLOW = {"tensorflow": "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')), 'GPUs')"}
_TIMED_TILES = 64


def doctor(model: StrPath | None = None, *, gpu: bool = False) -> dict[str, Any]:
    """Look at this installation.

    Parameters
    ----------
    model
        A run or bundle folder that is examined; by default the starter model.
    gpu
        Also load TensorFlow, which takes seconds, and count the GPUs it sees.

    Returns
    -------
    dict
        One JSON document; ``problems`` lists what is installed and does not work. What is not installed is no problem.
    """
    from gastropath import __version__

    cache, installed = cache_folder(None), packages()
    tried = trials({**LIBRARIES, **(_TENSORFLOW if gpu else {})})
    core = installed.get("core", {})
    problems = [f"{name}: is not installed, and is part of the core" for name, there in core.items() if not there]
    problems += [
        f"{module} is installed but does not load: {trial.told}" for module, trial in tried.items() if not trial.loads
    ]
    if not (writable := is_writable(cache)):
        problems.append(f"{cache}: cannot be written; name another folder by GASTROPATH_CACHE")
    answer: dict[str, Any] | None = None
    if "ai_edge_litert" in tried and tried["ai_edge_litert"].loads:
        try:
            answer = _answer(model)
        except GastroPathError as error:
            problems.append(str(error))
    if answer and answer["as_recorded"] is False:
        problems.append(
            f"{answer['name']}: answers otherwise than recorded (logits differ by {answer['difference']:.2g}, and "
            f"{answer['allowed']:g} is what other processors explain); install gastropath and ai-edge-litert anew"
        )
    return {
        "gastropath": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "machine": {"platform": platform.platform(), "cores": cores()},
        "cache": {"folder": str(cache), "writable": writable, "bytes": size_bytes(cache)},
        "packages": installed,
        "libraries": {module: trial._asdict() for module, trial in tried.items()},
        "commands": {
            command: {"obstacles": obstacles(command, tried), "extras": needs.extras or None}
            for command, needs in NEEDS.items()
        },
        "model": answer,
        "problems": problems,
    }


def _answer(model: StrPath | None) -> dict[str, Any]:
    """Examine a model, and time it."""
    import numpy as np

    from gastropath.inference.selftest import examine, picture

    examined = examine(folder_named(model))
    card, graph = examined.classifier.card, examined.classifier.graph
    tiles = np.stack([picture(examined.classifier.tile_px)] * _TIMED_TILES)
    graph.run(tiles)  # every core's interpreter is made by its first tile
    began = time.perf_counter()
    graph.run(tiles)
    return {
        "name": card.name,
        "source": card.source,
        "precision": card.precision,
        "verified_files": list(card.files),
        "difference": examined.difference,
        "allowed": examined.allowed,
        "as_recorded": examined.as_recorded,
        "ms_per_tile": round(1000 * (time.perf_counter() - began) / _TIMED_TILES, 2),
    }
