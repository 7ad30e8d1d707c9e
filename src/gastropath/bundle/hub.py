"""Models of the Hugging Face Hub: fetched into its cache on this computer, and verified there.

The Hub's own library does the talking: it keeps what was fetched, goes on with what was interrupted, and knows the
user's token.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.bundle.address import HubAddress, is_hub_address
from gastropath.bundle.files import CARD, GRAPH, README, most_bytes, open_bundle, read_card
from gastropath.errors import BadBundle, CannotDownload, GastroPathError, MissingExtra, in_words

if TYPE_CHECKING:
    from types import ModuleType

_SECONDS = 10.0
"""How long the Hub may take to say what there is; fetching itself takes what it takes."""

_MOST_READ, _MOST_SAID = 10_000, 300
"""Characters of what foreign software says that are looked through, and shown."""

_MOST_BYTES = 3 * most_bytes(GRAPH)
"""Fetched of one model: a bundle has three large files."""

_LOG_IN = "check the name; if it is private, log in first: hf auth login"

_log = logging.getLogger(__name__)


def model_folder(model: str | os.PathLike[str]) -> Path:
    """Return the folder of a model: as it was named, or, of one on the Hub, where it is kept on this computer.

    Raises
    ------
    UnknownSetting, MissingExtra, CannotDownload, BadBundle
        See :func:`fetch`.
    """
    return fetch(HubAddress.parse(os.fspath(model))) if is_hub_address(model) else Path(model)


def fetch(address: HubAddress) -> Path:
    """Return the folder of a model of the Hub, fetched where it is not kept on this computer, and verified.

    A commit that is kept needs no network. Of a branch or tag the Hub is asked for its newest commit; where it does not
    answer, the commit that was fetched last is used, and a warning says so.

    Parameters
    ----------
    address
        Of the model.

    Returns
    -------
    pathlib.Path
        A folder in the Hub's cache, of one commit; nothing in it may be changed.

    Raises
    ------
    MissingExtra
        If the extra ``hub`` is not installed.
    CannotDownload
        If the Hub cannot be reached, has no such model, or does not show it.
    BadBundle
        If what is there is no bundle, or does not have the hashes of its card.
    """
    hub = library(f"{address}")
    if address.is_pinned and (folder := _kept(hub, address)):
        return _verified(folder, address)
    try:
        found = hub.HfApi().model_info(address.name, revision=address.revision, files_metadata=True, timeout=_SECONDS)
        commit, sizes = str(found.sha), {file.rfilename: file.size for file in found.siblings or ()}
    except Exception as error:  # of its library, of the one below it, or of what the server said
        if refused := refusal(hub, error):
            raise CannotDownload(refused, where=str(address), remedy=_LOG_IN) from None
        if folder := _kept(hub, address):
            kept = address.at(folder.name)
            _log.warning(f"{address}: the Hub does not answer; {kept} is used, which was fetched before")
            return _verified(folder, kept)
        what = f"the Hub does not answer, and no copy is kept on this computer: {said(hub, error)}"
        raise CannotDownload(what, where=str(address), remedy="try again when there is a network") from None
    return _fetched(hub, address, commit, sizes)


def kept_folder(source: str) -> Path | None:
    """Return the folder of an address, if the Hub's cache on this computer has all of it; the Hub is not asked."""
    try:
        return _kept(library(source), HubAddress.parse(source)) if source else None
    except GastroPathError:
        return None


def library(what: str) -> ModuleType:
    """Import the Hub's library, told to report nothing about its user.

    Parameters
    ----------
    what
        That needs it, for the message.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # it is read when the library is imported
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise MissingExtra(what, "hub", "huggingface_hub") from None
    return huggingface_hub


def said(hub: ModuleType, error: Exception, told: str | None = None) -> str:
    """Return what its library or the server told, without the user's token and the password of a mirror."""
    text, token = told or in_words(error, _MOST_READ), hub.get_token()
    return re.sub(r"(?<=://)[^/\s@]*@", "", text.replace(token, "…") if token else text)[:_MOST_SAID]


def refusal(hub: ModuleType, error: Exception) -> str:
    """Say what the Hub itself refused; an empty text where it did not answer, or answered that it is out of order."""
    errors = hub.errors
    if isinstance(error, errors.GatedRepoError):
        return "is shown only to whom its owner has granted access"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such repository, or it is not shown to you"
    if isinstance(error, errors.RevisionNotFoundError):
        return "there is no such revision"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.HfHubHTTPError) and status and 400 <= status < 500 and status not in {408, 429}:
        return f"the Hub refuses it ({status}): {said(hub, error, getattr(error, 'server_message', None))}"
    if isinstance(error, UnicodeEncodeError):
        return "the token on this computer holds a character that no token has"
    return ""


def _fetched(hub: ModuleType, address: HubAddress, commit: str, sizes: Mapping[str, int | None]) -> Path:
    """Fetch the card, and then the files it names, none of them larger than a bundle's may be."""
    pinned = address.at(commit)
    if CARD not in sizes:
        raise BadBundle(f"is not a model bundle (it has no {CARD})", where=str(pinned))
    _check_size(CARD, sizes[CARD], pinned)
    try:
        # by the name that was given, so that the cache knows which commit it meant when there is no network
        folder = Path(hub.hf_hub_download(address.name, CARD, revision=address.revision)).parent
        if folder.name != commit:
            raise CannotDownload("was changed at this moment", where=str(address), remedy="give the command again")
        there = [name for name in _named(folder, pinned) if name in sizes]  # verifying tells what is missing
        for name in there:
            _check_size(name, sizes[name], pinned)
        if (total := sum(sizes[name] or 0 for name in there)) > _MOST_BYTES:
            raise BadBundle(f"holds {total:,} bytes; expected at most {_MOST_BYTES:,}", where=str(pinned))
        for name in there:  # one by one: an interruption waits for all that its library fetches side by side
            hub.hf_hub_download(address.name, name, revision=commit)
    except GastroPathError:
        raise
    except Exception as error:  # of its library, of the one below it, or of what the server said
        if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
            what = f"cannot be kept on this computer: {in_words(error)}"
            remedy = "see to that folder, or name another one in HF_HOME"
            raise CannotDownload(what, where=str(pinned), remedy=remedy) from None
        what = refusal(hub, error) or f"could not be fetched: {said(hub, error)}"
        raise CannotDownload(what, where=str(pinned), remedy="give the command again; it goes on") from None
    return _verified(folder, pinned)


def _check_size(name: str, size: int | None, address: HubAddress) -> None:
    if size is None or size > most_bytes(name):
        found = "of an unknown size" if size is None else f"of {size:,} bytes"
        raise BadBundle(f"{name} is {found}; expected at most {most_bytes(name):,}", where=str(address))


def _named(folder: Path, address: HubAddress) -> list[str]:
    """Return the files of a bundle: those that its card names, and those that every bundle has."""
    try:
        return [CARD, README, *read_card(folder / CARD).files]
    except BadBundle as error:
        raise _of_the_hub(error, folder, address) from None


def _kept(hub: ModuleType, address: HubAddress) -> Path | None:
    """Return the folder in the cache, if all of the model is there."""
    try:
        folder = Path(hub.hf_hub_download(address.name, CARD, revision=address.revision, local_files_only=True)).parent
        return folder if all((folder / name).is_file() for name in _named(folder, address) if name != README) else None
    except Exception:  # whatever the reason: it is not there
        return None


def _verified(folder: Path, address: HubAddress) -> Path:
    try:
        _ = open_bundle(folder).keras_model  # verified only when asked for
    except BadBundle as error:
        raise _of_the_hub(error, folder, address) from None
    return folder


def _of_the_hub(error: BadBundle, folder: Path, address: HubAddress) -> BadBundle:
    name = Path(error.where).name if error.where else CARD
    kept = folder.parent.parent  # its commits are links to files that they share
    remedy = f"tell its owner; if a file was changed on this computer, delete {kept} and fetch it again"
    return BadBundle(f"{name} {error.what}", where=str(address), remedy=remedy)
