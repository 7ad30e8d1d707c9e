"""What is installed here, and whether it loads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from gastropath.parallel import each
from gastropath.results.environment import version
from gastropath.workflows.extras import NEEDS, missing

LIBRARIES: Mapping[str, str] = {
    "ai_edge_litert": "from ai_edge_litert import interpreter; print('loads')",
    "openslide": "import openslide; print('loads OpenSlide', openslide.__library_version__)",
    "streamlit": "import streamlit; print('loads')",
}
"""Modules that may be installed and yet not load, for they bring or look for native code or a server; each is fast."""

_CORE = "core"
_EXTRAS = (_CORE, "evaluate", "train", "slides", "app", "view", "cluster")
"""Order in which packages are listed."""

_LOADING_SECONDS = 300


class Trial(NamedTuple):
    """Whether a module could be loaded, and what it said: its own words, or the last line of the error."""

    loads: bool
    told: str


def packages() -> dict[str, dict[str, str | None]]:
    """Return the packages of the core and of each extra, as GastroPath was installed, with their versions.

    A package that is not installed has ``None``; one of several extras stands with the first of them.
    """
    found: dict[str, dict[str, str | None]] = {extra: {} for extra in _EXTRAS}
    for line in metadata.requires("gastropath") or ():
        name, extra = re.match(r"[\w.-]+", line), re.search(r"extra == ['\"](\w+)['\"]", line)
        place = extra[1] if extra else _CORE
        if name and place in found:  # what is for development has no place
            # A build without support for GPUs is named otherwise.
            named = next((n for n in (name[0], f"{name[0]}-cpu") if version(n)), name[0])
            found[place][named] = version(named)
    seen: set[str] = set()
    for extra in _EXTRAS:
        found[extra] = {name: found[extra][name] for name in found[extra] if name not in seen}
        seen.update(found[extra])
    return {extra: own for extra, own in found.items() if own}


def trials(libraries: Mapping[str, str]) -> dict[str, Trial]:
    """Try to load those modules that are installed, each in a Python of its own, which it may bring down.

    Parameters
    ----------
    libraries
        Code to run for each module, as in :data:`LIBRARIES`.
    """
    there = [module for module in libraries if find_spec(module)]
    return dict(zip(there, each(lambda module: _tried(libraries[module]), there), strict=True))


def obstacles(command: str, tried: Mapping[str, Trial]) -> dict[str, str]:
    """Return the modules that keep a command from working here, and how: ``"missing"``, or the error.

    Parameters
    ----------
    command
        A row of :data:`gastropath.workflows.extras.NEEDS`.
    tried
        From ``trials``; a module that was not tried counts as loading.
    """
    broken = {module: trial.told for module, trial in tried.items() if not trial.loads}
    lacking = dict.fromkeys(missing(command), "missing")
    return lacking | {module: broken[module] for module in NEEDS[command].modules if module in broken}


def size_bytes(folder: Path) -> int:
    """Return the size of all files in a folder; 0 where there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed in between
                total += (Path(place) / name).stat().st_size
    return total


def is_writable(folder: Path) -> bool:
    """Tell whether files can be written into a folder, which need not be there yet; nothing is made."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _tried(code: str) -> Trial:
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LOADING_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Trial(False, str(error))
    if done.returncode == 0:
        return Trial(True, done.stdout.strip())
    lines = done.stderr.strip().splitlines()
    return Trial(False, lines[-1] if lines else f"Python ended with status {done.returncode}")
