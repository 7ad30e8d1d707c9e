"""Where a model lies on the Hugging Face Hub, in words: an address to give, and the address of what was fetched."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gastropath.errors import UnknownSetting

_ADDRESS = re.compile(r"hf:/+(?P<name>[^/@]+/[^/@]+)(?:@(?P<revision>.+))?")
"""One slash is enough: a path object leaves no more of them."""

_NAME = re.compile(r"(?!.*(--|\.\.|\.git$|[.-]/|[.-]$))[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""What the Hub takes as a name."""

_REVISION = re.compile(r"(?!.*(\.\.|//|/$))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEPT = re.compile(r"models--(?P<owner>.+?)--(?P<name>.+)")
"""How the Hub's library names the folder of a repository in its cache."""


@dataclass(frozen=True)
class HubAddress:
    """A model on the Hub.

    Attributes
    ----------
    name
        ``OWNER/NAME`` of its repository.
    revision
        A commit, branch or tag; ``None`` for the newest.

    Examples
    --------
    >>> address = HubAddress.parse("hf://owner/stomach@v1")
    >>> address.name, address.revision
    ('owner/stomach', 'v1')
    >>> str(address)
    'hf://owner/stomach@v1'
    """

    name: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Read an address.

        Raises
        ------
        UnknownSetting
            If it is none.
        """
        found = _ADDRESS.fullmatch(text)
        revision = found["revision"] if found else None
        if not found or not _NAME.fullmatch(found["name"]) or not (revision is None or _REVISION.fullmatch(revision)):
            raise UnknownSetting(
                f"is {text!r}; expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION", parameter="model"
            )
        return cls(found["name"], revision)

    @property
    def is_pinned(self) -> bool:
        """Whether it names a commit, and so always the same files."""
        return bool(self.revision and _COMMIT.fullmatch(self.revision))

    def at(self, commit: str) -> HubAddress:
        """Return the address of one commit."""
        return HubAddress(self.name, commit)

    def __str__(self) -> str:
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_hub_address(model: str | os.PathLike[str]) -> bool:
    """Tell whether a model is named by its place on the Hub."""
    return os.fspath(model).startswith("hf:/")


def source_of(folder: Path) -> str:
    """Return the address on the Hub, its commit included, of a folder in the Hub's cache; else an empty text.

    Examples
    --------
    >>> commit = "0123456789" * 4
    >>> source_of(Path("hub/models--owner--stomach/snapshots") / commit)
    'hf://owner/stomach@0123456789012345678901234567890123456789'
    >>> source_of(Path("run"))
    ''
    """
    place = folder.absolute()
    found = _KEPT.fullmatch(place.parent.parent.name)
    if not found or place.parent.name != "snapshots" or not _COMMIT.fullmatch(place.name):
        return ""
    return str(HubAddress(f"{found['owner']}/{found['name']}", place.name))


def check_name(name: str, parameter: str = "name") -> None:
    """Check the name of a repository, which was given as that parameter.

    Raises
    ------
    UnknownSetting
        If it is none.
    """
    if not _NAME.fullmatch(name):
        what = f"is {name!r}; expected OWNER/NAME, of letters, digits and single - _ ."
        raise UnknownSetting(what, parameter=parameter)
