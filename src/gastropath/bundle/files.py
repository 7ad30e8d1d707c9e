"""Writing, verifying and sealing bundle folders."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gastropath.bundle.figures import limits_as_measured
from gastropath.bundle.readme import model_card
from gastropath.errors import BadBundle
from gastropath.outputs import new_folder, replacing, write_text
from gastropath.results.card import FORMAT_VERSION, Card

GRAPH = "model.tflite"
KERAS_MODEL = "bestmodel.keras"
DOMAIN = "domain.npz"

_MAX_CARD_BYTES = 4_000_000
_MAX_FILE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Bundle:
    """A bundle folder whose card has been checked."""

    folder: Path
    card: Card

    @property
    def graph(self) -> Path:
        """The LiteRT graph."""
        return self.folder / GRAPH

    @property
    def domain(self) -> Path:
        """The features of the training tiles that stand for all; there where the card has a domain."""
        return self.folder / DOMAIN

    @property
    def keras_model(self) -> Path | None:
        """The Keras model, where the bundle carries one. Verified when asked for, not when the bundle is opened."""
        if KERAS_MODEL not in self.card.files:
            return None
        _verify(self.folder, KERAS_MODEL, self.card.files[KERAS_MODEL])
        return self.folder / KERAS_MODEL


def starter() -> Path:
    """Return the folder of the model that comes with GastroPath.

    Raises
    ------
    BadBundle
        If this installation holds none (a Space's own does not).
    """
    folder = Path(str(resources.files("gastropath"))) / "starter"
    if not (folder / "card.json").is_file():
        raise BadBundle("this installation of GastroPath has no starter model; name a model with --model")
    return folder


def find_bundle(model: Path) -> Path:
    """Return the bundle folder that ``model`` means: itself, or ``model/`` in a run folder."""
    for folder in (model, model / "model"):
        if (folder / "card.json").is_file():
            return folder
    if not model.exists():
        raise BadBundle(f"{model}: there is no such folder")
    if (model / "recipe.toml").is_file():
        raise BadBundle(
            f"{model}: this run has no model yet; finish it with: gastropath train … --out {model} --resume"
        )
    raise BadBundle(f"{model}: is no model bundle (it has no card.json); give a run folder or its model/ folder")


def open_bundle(model: Path) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BadBundle
        If the card is unreadable or of an unknown version, or a file is missing or does not have its hash.
    """
    folder = find_bundle(model)
    card = _read_card(folder / "card.json")
    for name in (GRAPH, *([DOMAIN] if card.domain else [])):
        if name not in card.files:
            raise BadBundle(f"{folder}/card.json: lists no {name}")
    for name, digest in card.files.items():
        if name != KERAS_MODEL:
            _verify(folder, name, digest)
    return Bundle(folder, card)


def write_bundle(folder: Path, card: Card, files: Mapping[str, Path | bytes]) -> Bundle:
    """Write a bundle: its files, hashed and listed in the card, and a README made from the card.

    Parameters
    ----------
    folder
        Appears when complete; must not hold anything yet.
    card
        Its ``files`` are replaced by what is written.
    files
        File to copy, or content to write, for each name in the bundle.
    """
    new_folder(folder)
    with replacing(folder) as partial:
        partial.mkdir()
        hashes = {}
        for name, source in files.items():
            if isinstance(source, bytes):
                (partial / name).write_bytes(source)
            else:
                shutil.copyfile(source, partial / name)
            hashes[name] = sha256(partial / name)
        card = card.model_copy(update={"files": hashes})
        _write_card(partial, card)
    return Bundle(folder, card)


def seal(bundle: Bundle, metrics: Mapping[str, Any]) -> Bundle:
    """Write the result of the evaluation into the card of a draft bundle, and into its README."""
    card = Card.model_validate({**bundle.card.model_dump(), "metrics": dict(metrics)})
    card = card.model_copy(update={"limitations": limits_as_measured(card)})
    _write_card(bundle.folder, card)
    return Bundle(bundle.folder, card)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write_card(folder: Path, card: Card) -> None:
    write_text(folder / "README.md", model_card(card))
    write_text(folder / "card.json", card.model_dump_json(indent=2) + "\n")


def _read_card(path: Path) -> Card:
    if path.stat().st_size > _MAX_CARD_BYTES:
        raise BadBundle(f"{path}: is larger than {_MAX_CARD_BYTES:,} bytes; that is no model card")
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadBundle(f"{path}: is not valid JSON: {error}") from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise BadBundle(
            f"{path}: has format_version {version!r}; this GastroPath reads {FORMAT_VERSION}. "
            "Install the GastroPath that wrote it, or export the model again"
        )
    try:
        return Card.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadBundle(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _verify(folder: Path, name: str, digest: str) -> None:
    file = folder / name
    if not file.is_file():
        raise BadBundle(f"{file}: is missing though card.json lists it; copy the whole folder again")
    if file.stat().st_size > _MAX_FILE_BYTES:
        raise BadBundle(f"{file}: is larger than {_MAX_FILE_BYTES:,} bytes")
    if sha256(file) != digest:
        raise BadBundle(f"{file}: is not the file that card.json describes (its hash differs); copy the folder again")
