"""Putting models and Spaces on the Hugging Face Hub, each in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from gastropath.bundle.address import HubAddress, check_name
from gastropath.bundle.files import CARD, KERAS_MODEL, NAMES, README, open_bundle
from gastropath.bundle.hub import library, refusal
from gastropath.errors import CannotUpload, GastroPathError, OutputExists, in_words
from gastropath.report.markdown import model_card
from gastropath.report.wording import count

_MADE_WITH_IT = {".gitattributes", README}
"""What the Hub itself puts into a new repository."""

_OF_A_SPACE = ("gastropath-*.whl", "model/*", "examples/*", KERAS_MODEL)
"""What an earlier commit of a Space may hold that a later one replaces by files of other names."""


@dataclass(frozen=True)
class Uploaded:
    """What was put on the Hub.

    Attributes
    ----------
    address
        Of the commit: ``hf://OWNER/NAME@COMMIT`` names a model of it for ever.
    page
        Where people look at it.
    """

    address: HubAddress
    page: str


def push_bundle(model: Path, name: str, *, private: bool = False, overwrite: bool = False) -> Uploaded:
    """Put a bundle on the Hub in one commit, with its card as the README of the repository.

    Parameters
    ----------
    model
        A run folder or bundle; verified first.
    name
        ``OWNER/NAME`` of the repository, which is made where there is none.
    private
        Show a new repository to nobody else.
    overwrite
        Put a commit upon what the repository holds; its history stays.

    Raises
    ------
    MissingExtra
        If the extra ``hub`` is not installed.
    BadBundle
        If the bundle is damaged.
    UnknownSetting
        If ``name`` is not the name of a repository.
    OutputExists
        If the repository holds something and ``overwrite`` is false.
    CannotUpload
        If the Hub cannot be reached, or does not let this user.
    """
    bundle = open_bundle(model)
    _ = bundle.keras_model  # verified only when asked for
    files: dict[str, Path | bytes] = {file: bundle.folder / file for file in (CARD, *bundle.card.files)}
    files[README] = model_card(bundle.card).encode()
    message = f"{bundle.card.name}, {bundle.card.precision}, {count(len(bundle.card.classes), 'class', 'classes')}"
    return _put(name, files, NAMES, message, kind="model", private=private, overwrite=overwrite)


def push_space(folder: Path, name: str, *, private: bool = False, overwrite: bool = False) -> Uploaded:
    """Put a folder that ``build_space`` wrote on the Hub as a Space, in one commit.

    Parameters
    ----------
    folder
        Of the Space.
    name, private, overwrite
        As of :func:`push_bundle`.

    Raises
    ------
    MissingExtra, UnknownSetting, OutputExists, CannotUpload
        See :func:`push_bundle`.
    """
    files: dict[str, Path | bytes] = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.relative_to(folder).parts[0] != ".git"
    }
    return _put(name, files, _OF_A_SPACE, "GastroPath's page", kind="space", private=private, overwrite=overwrite)


def _put(
    name: str,
    files: Mapping[str, Path | bytes],
    replaced: Sequence[str],
    message: str,
    *,
    kind: Literal["model", "space"],
    private: bool,
    overwrite: bool,
) -> Uploaded:
    """Put files into a repository; what matches a pattern of ``replaced`` and is not among them goes."""
    check_name(name)
    hub, where = library("putting a model on the Hub"), f"{name} on the Hub"
    more: dict[str, Any] = {"space_sdk": "docker"} if kind == "space" else {}
    try:
        api = hub.HfApi()
        api.create_repo(name, repo_type=kind, private=private or None, exist_ok=True, **more)
        there = [file for file in api.list_repo_files(name, repo_type=kind) if file not in _MADE_WITH_IT]
        if there and not overwrite:
            what = f"already holds {there[0]}" + (
                f" and {count(len(there) - 1, 'more file')}" if len(there) > 1 else ""
            )
            remedy = "choose another `name`, or give `overwrite`: a commit is put upon it, and its history stays"
            raise OutputExists(what, where=where, remedy=remedy)
        gone = [
            file for file in there if file not in files and any(fnmatch(file, pattern) for pattern in replaced)
        ]  # fmt: skip
        operations = [
            *(hub.CommitOperationDelete(file) for file in gone),
            *(hub.CommitOperationAdd(file, found) for file, found in files.items()),
        ]
        commit = api.create_commit(name, operations, commit_message=message, repo_type=kind)
        return Uploaded(HubAddress(name, str(commit.oid)), str(commit.repo_url))
    except GastroPathError:
        raise
    except Exception as error:  # of its library, of the one below it, or of what the server said
        if what := refusal(hub, error):
            remedy = "check the name, and log in with a token that may write: hf auth login"
            raise CannotUpload(what, where=where, remedy=remedy) from None
        what = f"could not be put there: {in_words(error)}"
        raise CannotUpload(what, where=where, remedy="nothing was changed; try again") from None
