"""Putting a model on the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gastropath.workflows.arguments import StrPath, folder_named
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.bundle.upload import Uploaded


def push(
    model: StrPath,
    name: str,
    *,
    private: bool = False,
    overwrite: bool = False,
) -> Uploaded:
    """Put a model on the Hub, with its card as the README of the repository.

    Parameters
    ----------
    model
        A run or bundle folder.
    name
        ``OWNER/NAME`` of the repository.
    private
        Show a new repository to nobody else.
    overwrite
        Put a commit upon what the repository holds; its history stays.

    Returns
    -------
    Uploaded
        The address of the commit, which ``load`` and every command take, and the page for people.

    Raises
    ------
    MissingExtra
        If the extra ``hub`` is not installed.
    BadBundle
        If the model cannot be used.
    UnknownSetting
        If ``name`` is not the name of a repository.
    OutputExists
        If the repository holds something and ``overwrite`` is false.
    CannotUpload
        If the Hub cannot be reached or does not let this user, if the repository changes meanwhile, or if it is public
        though ``private`` was asked for.
    """
    need("push")
    from gastropath.bundle.upload import push_bundle

    return push_bundle(folder_named(model), name, private=private, overwrite=overwrite)
