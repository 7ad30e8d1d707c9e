"""``environment.json``: what a result is computed with."""

from __future__ import annotations

import platform
from importlib import metadata

FORMAT_VERSION = 1

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
    return {package: found for package in _PACKAGES if (found := version(package))}


def version(package: str) -> str | None:
    """Return the installed version of a package; ``None`` where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def described(command: str, **more: object) -> dict[str, object]:
    """Return ``environment.json``: the command line, what else is given, versions, Python and the machine."""
    return {
        "format_version": FORMAT_VERSION,
        "command": command,
        **more,
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
