"""Putting models and Spaces on the Hugging Face Hub, each in one commit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from gastropath.bundle.address import HubAddress, check_name
from gastropath.bundle.files import CARD, KERAS_MODEL, NAMES, README, Bundle, open_bundle
from gastropath.bundle.hub import library, refusal, said
from gastropath.errors import BadBundle, CannotUpload, GastroPathError, OutputExists
from gastropath.report.markdown import model_card
from gastropath.report.wording import count

_MADE_WITH_IT = {".gitattributes", README}
"""What the Hub itself puts into a new repository."""

_OF_A_SPACE = ("gastropath-*.whl", "model/*", "examples/*", KERAS_MODEL)
"""What an earlier commit of a Space may hold that a later one replaces by files of other names."""

_CHANGED = 412
"""The Hub's answer where the newest commit is not the one that was looked at."""


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
        If the bundle is damaged, or changed meanwhile.
    UnknownSetting
        If ``name`` is not the name of a repository.
    OutputExists
        If the repository holds something and ``overwrite`` is false.
    CannotUpload
        If the Hub cannot be reached or does not let this user, if the repository changes meanwhile, or if it is public
        though ``private`` was asked for.
    """
    bundle = open_bundle(model)
    _ = bundle.keras_model  # verified only when asked for
    with tempfile.TemporaryDirectory(prefix="gastropath-") as held:  # what is verified is what is sent, come what may
        files: dict[str, Path | bytes] = dict(_held(bundle, Path(held)))
        files.setdefault(README, model_card(bundle.card).encode())
        message = f"{bundle.card.name}, {bundle.card.precision}, {count(len(bundle.card.classes), 'class', 'classes')}"
        return _put(name, files, NAMES, message, kind="model", private=private, overwrite=overwrite)


def _held(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """Copy the files of a bundle, and verify the copies; return these by name."""
    files = {file: folder / file for file in (CARD, *bundle.card.files)}
    try:
        for file, copy in files.items():
            shutil.copyfile(bundle.folder / file, copy)
        held = open_bundle(folder)
        _ = held.keras_model
    except (OSError, BadBundle):
        held = None
    if held is None or held.card.files != bundle.card.files:
        raise BadBundle("was changed while it was read", where=bundle.folder, remedy="push it when it is finished")
    return files


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
        found = api.repo_info(name, repo_type=kind)
        if private and not found.private:
            remedy = "make it private on its page first, choose another `name`, or do without `private`"
            raise CannotUpload("is there already, and everybody sees it", where=where, remedy=remedy)
        there = [file.rfilename for file in found.siblings or () if file.rfilename not in _MADE_WITH_IT]
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
            *(hub.CommitOperationAdd(file, content) for file, content in files.items()),
        ]
        commit = api.create_commit(name, operations, commit_message=message, repo_type=kind, parent_commit=found.sha)
        return Uploaded(HubAddress(name, str(commit.oid)), str(commit.repo_url))
    except GastroPathError:
        raise
    except Exception as error:  # of its library, of the one below it, or of what the server said
        if getattr(getattr(error, "response", None), "status_code", None) == _CHANGED:
            remedy = "look at what it holds now, and give the command again"
            raise CannotUpload("was changed by somebody meanwhile", where=where, remedy=remedy) from None
        if what := refusal(hub, error):
            remedy = "check the name, and log in with a token that may write: hf auth login"
            raise CannotUpload(what, where=where, remedy=remedy) from None
        what = f"could not be put there: {said(hub, error)}"
        raise CannotUpload(what, where=where, remedy="if there is no new commit on its page, try again") from None
