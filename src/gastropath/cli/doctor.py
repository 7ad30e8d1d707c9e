"""``doctor``: what is installed, what each command still needs, and whether the model answers as it should."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Model, cache_folder, model_folder
from gastropath.errors import GastroPathError
from gastropath.workflows.extras import NEEDS

_TENSORFLOW = {"tensorflow": "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')), 'GPUs')"}
_TIMED_TILES = 64


def doctor(
    model: Model = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Also load TensorFlow, which takes seconds, and count the GPUs it sees.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at this installation: what each command still needs, and whether the model answers as recorded.

    Fails if something that is installed does not work; what is not installed is only listed.
    """
    found = _examined(model, gpu=gpu)
    if as_json:
        console.print_json(found)
    else:
        _tell(found)
    if found["problems"]:
        raise GastroPathError("; ".join(found["problems"]))


def _examined(model: Path | None, *, gpu: bool) -> dict[str, Any]:
    """Return all that can be said of this installation, as one JSON document."""
    from gastropath import __version__
    from gastropath.workflows.installation import LIBRARIES, is_writable, obstacles, packages, size_bytes, trials
    from gastropath.workflows.machine import Machine

    machine, cache, installed = Machine.here(), cache_folder(None), packages()
    tried = trials({**LIBRARIES, **(_TENSORFLOW if gpu else {})})
    problems = [
        f"{name}: is not installed, and is part of the core"
        for name, there in installed.get("core", {}).items()
        if not there
    ]
    problems += [
        f"{module} is installed but does not load: {told}" for module, (loads, told) in tried.items() if not loads
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
        "machine": machine.document(),
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


def _answer(model: Path | None) -> dict[str, Any]:
    """Examine a model, and time it."""
    import numpy as np

    from gastropath.inference.selftest import examine, picture

    examined = examine(model_folder(model))
    card = examined.classifier.card
    tiles = np.stack([picture(examined.classifier.tile_px)] * _TIMED_TILES)
    examined.classifier.graph.run(tiles)  # every core's interpreter is made by its first tile
    began = time.perf_counter()
    examined.classifier.graph.run(tiles)
    seconds = time.perf_counter() - began
    return {
        "name": card.name,
        "precision": card.precision,
        "verified_files": list(card.files),
        "difference": examined.difference,
        "allowed": examined.allowed,
        "as_recorded": examined.as_recorded,
        "ms_per_tile": round(1000 * seconds / _TIMED_TILES, 2),
    }


def _tell(found: dict[str, Any]) -> None:
    """Print what was found; what the commands need comes last, next to the prompt."""
    console.table(["GastroPath", found["gastropath"]], list(_described(found)))
    console.say("")
    console.table(
        ["extra", "packages"],
        [
            (extra, ", ".join(f"{name} {version or '(missing)'}" for name, version in of_extra.items()))
            for extra, of_extra in found["packages"].items()
        ],
    )
    console.say("")
    console.table(["command", "state"], [(command, _state(row)) for command, row in found["commands"].items()])


def _described(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    machine, cache, answer = found["machine"], found["cache"], found["model"]
    yield "Python", f"{found['python']['version']}, {found['python']['executable']}"
    yield "platform", machine["platform"]
    yield "processor", f"{machine['processor']}, {machine['cores']} cores"
    yield "instructions", _instructions(machine)
    yield "memory", f"{machine['memory_bytes'] / 1e9:.1f} GB" if machine["memory_bytes"] else "not told by this system"
    yield "cache", f"{cache['folder']}, {cache['bytes'] / 1e9:.2f} GB" + ("" if cache["writable"] else ", not writable")
    for module, trial in found["libraries"].items():
        yield module, trial["told"] if trial["loads"] else f"does not load: {trial['told']}"
    if "tensorflow" not in found["libraries"]:
        yield "GPUs", "not looked for; --gpu asks TensorFlow, where it is installed"
    if answer is None:
        yield "model", "cannot be used"
        return
    told = {
        True: f"answers as recorded (off by {answer['difference'] or 0:.1g}, at most {answer['allowed']:g})",
        False: "answers otherwise than recorded",
        None: "no answer is recorded to compare with",
    }
    yield "model", f"{answer['name']} ({answer['precision']}): files verified; {told[answer['as_recorded']]}"
    yield "speed", f"{answer['ms_per_tile']:.1f} ms a tile, on all cores"


def _instructions(machine: dict[str, Any]) -> str:
    if machine["instructions"] is None:
        return "not told by this system"
    gain = "int8 models are fast here" if machine["fast_integers"] else "int8 models gain little or nothing here"
    return f"{', '.join(machine['instructions']) or 'none of those looked for'}; {gain}"


def _state(row: dict[str, Any]) -> str:
    lacking = [module for module, how in row["obstacles"].items() if how == "missing"]
    broken = [module for module in row["obstacles"] if module not in lacking]
    told = [f"{', '.join(broken)} does not load"] if broken else []
    if lacking:
        told.append(f"pip install 'gastropath[{row['extras']}]' (lacks {', '.join(lacking)})")
    return "; ".join(told) or "ready"
