"""The file that marks a folder of computer-drawn tiles or slides: all that is learned from them must say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MARKER = "SYNTHETIC.json"


def synthetic_marker(folder: Path) -> dict[str, Any] | None:
    """Read the marker that a folder of tiles, or of a class of them, belongs to.

    Parameters
    ----------
    folder
        The folder of the tile set, one of its class folders, or a folder two levels below it.

    Returns
    -------
    dict or None
        Content of the nearest ``SYNTHETIC.json`` in the folder or up to two folders above; ``None`` where there is
        none. A marker that cannot be read still marks: it gives ``{"synthetic": True}``.
    """
    folder = folder.absolute()
    markers = (read_marker(place) for place in (folder, *folder.parents[:2]))
    return next((marker for marker in markers if marker is not None), None)


def read_marker(folder: Path) -> dict[str, Any] | None:
    """Read the marker in a folder itself; see :func:`synthetic_marker`."""
    file = folder / MARKER
    if not _is_file(file):
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    return content if isinstance(content, dict) else {"synthetic": True}


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # e.g. a name that is too long for any file
        return False
