"""Writing, verifying and sealing bundle folders."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gastropath.bundle.address import source_of
from gastropath.errors import BadBundle, CannotReadTable
from gastropath.outputs import check_absent, new_folder, replacing, write_text
from gastropath.report.markdown import model_card
from gastropath.report.sections.confidence import measured_limits
from gastropath.results.card import Card
from gastropath.results.metrics import Metrics

CARD, README = "card.json", "README.md"
GRAPH = "model.tflite"
KERAS_MODEL = "bestmodel.keras"
REFERENCES = "references.npz"
OLDER_REFERENCES = "domain.npz"
"""Name that bundles of format version 1 have for it."""

NAMES = (CARD, README, GRAPH, KERAS_MODEL, REFERENCES, OLDER_REFERENCES)
"""Every file that a bundle of some version may hold."""

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
    def references(self) -> Path:
        """Features of training tiles that stand for all; there where the card has a domain."""
        return self.folder / (OLDER_REFERENCES if OLDER_REFERENCES in self.card.files else REFERENCES)

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
    if not (folder / CARD).is_file():
        raise BadBundle("this installation of GastroPath has no starter model", remedy="name a `model`")
    return folder


def find_bundle(model: Path) -> Path:
    """Return the bundle folder that ``model`` means: itself, or ``model/`` in a run folder."""
    for folder in (model, model / "model"):
        if (folder / CARD).is_file():
            return folder
    if not model.exists():
        raise BadBundle("there is no such folder", where=model)
    if (model / "recipe.toml").is_file():
        raise BadBundle("this run has no model yet", where=model, remedy="go on with its training until it is finished")
    what = "is not a model bundle (it has no card.json)"
    raise BadBundle(what, where=model, remedy="give a run folder or its model/ folder")


def open_bundle(model: Path) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BadBundle
        If the card is unreadable or of an unknown version, or a file is missing or does not have its hash.
    """
    folder = find_bundle(model)
    card = read_card(folder / CARD).fetched_from(source_of(folder))
    needed = (GRAPH, *([Bundle(folder, card).references.name] if card.domain else []))
    for name in needed:
        if name not in card.files:
            raise BadBundle(f"lists no {name}", where=folder / CARD)
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
    check_absent(folder)
    new_folder(folder)
    with replacing(folder, new=True) as partial:
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


def seal(bundle: Bundle, metrics: Metrics) -> Bundle:
    """Write the result of the evaluation into the card of a draft bundle, and into its README."""
    card = bundle.card.model_copy(update={"metrics": metrics})
    card = card.model_copy(update={"limitations": measured_limits(card)})
    _write_card(bundle.folder, card)
    return Bundle(bundle.folder, card)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def most_bytes(name: str) -> int:
    """Return how large a file of a bundle may be."""
    return _MAX_CARD_BYTES if name in (CARD, README) else _MAX_FILE_BYTES


def read_card(path: Path) -> Card:
    """Read a bundle's card.

    Raises
    ------
    BadBundle
        If it is too large, cannot be read, or is no card.
    """
    try:
        if path.exists() and not path.is_file():
            raise BadBundle("is not an ordinary file", where=path)
        if path.stat().st_size > most_bytes(CARD):
            raise BadBundle(f"is larger than {most_bytes(CARD):,} bytes; that is not a model card", where=path)
        return Card.parse(path.read_bytes(), path)
    except OSError as error:
        raise BadBundle(f"cannot be read: {error.strerror or error}", where=path) from None
    except CannotReadTable as error:
        raise BadBundle(error.what, where=path, remedy=error.remedy) from None


def _write_card(folder: Path, card: Card) -> None:
    write_text(folder / README, model_card(card))
    write_text(folder / CARD, card.to_json())


def _verify(folder: Path, name: str, digest: str) -> None:
    file = folder / name
    if not file.is_file():
        raise BadBundle("is missing though card.json lists it", where=file, remedy="copy the whole folder again")
    if file.stat().st_size > most_bytes(name):
        raise BadBundle(f"is larger than {most_bytes(name):,} bytes", where=file)
    try:
        found = sha256(file)
    except OSError as error:
        raise BadBundle(f"cannot be read: {error.strerror or error}", where=file) from None
    if found != digest:
        what = "is not the file that card.json describes (its hash differs)"
        raise BadBundle(what, where=file, remedy="copy the folder again")
