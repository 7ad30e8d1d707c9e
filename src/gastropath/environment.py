"""What a result was computed with: versions, machine, command."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = (
    "gastropath",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "ai-edge-litert",
    "numpy",
    "pillow",
    "scikit-learn",
    "cleanlab",
)


def versions() -> dict[str, str]:
    """Return the installed versions of what computes the result."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def described(command: str, **more: object) -> dict[str, object]:
    """Return ``environment.json``: the command line, what else is given, versions, Python and the machine."""
    return {
        "command": command,
        **more,
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
