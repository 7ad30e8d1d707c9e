"""A wheel of the installed GastroPath, so that a Space needs no published package.

It is made from the files of the installed package, whether that came from an index, a wheel or a checkout.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

_STAMP = (2020, 1, 1, 0, 0, 0)
"""The same date for all files, so that the same package gives the same wheel, byte for byte."""

_UNIX = 3

_LEFT_OUT = {"backbones", "starter"}
"""Folders that a Space never needs: weights to train with, and a model other than its own."""


def write_wheel(folder: Path) -> Path:
    """Write ``gastropath-VERSION-py3-none-any.whl`` (PEP 427) into a folder and return its path."""
    distribution = metadata.distribution("gastropath")
    stem = f"gastropath-{distribution.version}"
    info = f"{stem}.dist-info"
    files: dict[str, bytes] = {}
    _collect(resources.files("gastropath"), "gastropath", files)
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (distribution.read_text(name) or "").encode()
    for file in sorted(distribution.files or ()):
        if file.parts[0].endswith(".dist-info") and "licenses" in file.parts:
            files[f"{info}/{'/'.join(file.parts[1:])}"] = file.read_binary()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: gastropath\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.create_system = _UNIX
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return wheel


def _collect(folder: Traversable, name: str, files: dict[str, bytes]) -> None:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name in {"__pycache__", *_LEFT_OUT} or entry.name.startswith("."):
            continue
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            _collect(entry, path, files)
        else:
            files[path] = entry.read_bytes()


def _digest(data: bytes) -> str:
    """Hash as a wheel's RECORD wants it: URL-safe base64 without padding."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
