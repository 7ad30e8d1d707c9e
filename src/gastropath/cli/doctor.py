"""``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from gastropath.cli import console
from gastropath.cli.options import Json, Model
from gastropath.errors import GastroPathError


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
    from gastropath.workflows.doctor import doctor as examine

    found = examine(model, gpu=gpu)
    if as_json:
        console.print_json(found)
    else:
        console.table(["GastroPath", found["gastropath"]], list(_described(found)))
        console.say("")
        console.table(["extra", "packages"], [(extra, _listed(of)) for extra, of in found["packages"].items()])
        console.say("")
        console.table(["command", "state"], [(command, _state(row)) for command, row in found["commands"].items()])
    if found["problems"]:
        raise GastroPathError("; ".join(found["problems"]))


def _described(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    machine, cache, answer = found["machine"], found["cache"], found["model"]
    yield "Python", f"{found['python']['version']}, {found['python']['executable']}"
    yield "machine", f"{machine['platform']}, {machine['cores']} cores"
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


def _listed(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or '(missing)'}" for name, version in packages.items())


def _state(row: dict[str, Any]) -> str:
    lacking = [module for module, how in row["obstacles"].items() if how == "missing"]
    broken = [module for module in row["obstacles"] if module not in lacking]
    told = [f"{', '.join(broken)} does not load"] if broken else []
    if lacking:
        told.append(f"in its checkout: pip install '.[{row['extras']}]' (lacks {', '.join(lacking)})")
    return "; ".join(told) or "ready"
