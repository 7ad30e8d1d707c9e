"""JSON documents with a format version: checked when made and when read; older ones are brought up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from os import PathLike
from typing import Any, ClassVar, NoReturn, Self

from pydantic import ValidationError

from gastropath.errors import CannotReadTable
from gastropath.results.interval import Part

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns a document of one format version into one of the next."""


_MOST_LEVELS, _MOST_DIGITS = 40, 20


class Document(Part):
    """A document that is a file of its own; its class has a field ``format_version`` with the version it writes."""

    upgrades: ClassVar[tuple[Upgrade, ...]] = ()
    """From version 1 to 2, from 2 to 3, and so on. A document without a version is of version 1."""

    @classmethod
    def parse(cls, data: bytes | str, where: str | PathLike[str]) -> Self:
        """Read a document of this or an earlier version.

        Parameters
        ----------
        data
            JSON.
        where
            Its file, for the message.

        Raises
        ------
        CannotReadTable
            If it is not JSON, has a number that is not finite, is of a later version, or is not such a document.
        """
        found = _json(data, where)
        newest = len(cls.upgrades) + 1
        version = found.get("format_version", 1)
        if type(version) is not int or not 1 <= version <= newest:
            raise CannotReadTable(
                f"has format_version {version!r}; this GastroPath reads up to {newest}",
                where=where,
                remedy="install the GastroPath that wrote it, or make the file again",
            )
        try:
            for upgrade in cls.upgrades[version - 1 :]:
                found = upgrade(found)
            return cls.model_validate_json(json.dumps(found))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise CannotReadTable(f"{place}: {first['msg']}".removeprefix(": "), where=where) from None
        except Exception as error:  # an older document that never was valid, or one that nobody foresaw
            what = f"is not a document of format version {version}: {type(error).__name__} {error}"
            raise CannotReadTable(what, where=where) from None

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _json(data: bytes | str, where: str | PathLike[str]) -> dict[str, Any]:
    try:
        found = json.loads(data, parse_constant=_not_finite, parse_float=_finite, parse_int=_short)
        _check_depth(found)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise CannotReadTable(f"is not valid JSON: {error}", where=where) from None
    if not isinstance(found, dict):
        raise CannotReadTable("is not a JSON object", where=where)
    return found


def _check_depth(found: object) -> None:
    level, depth = [found], 0
    while level:
        if depth > _MOST_LEVELS:
            raise ValueError(f"it is nested more than {_MOST_LEVELS} levels deep")
        depth += 1
        level = [
            item
            for part in level
            if isinstance(part, dict | list)
            for item in (part.values() if isinstance(part, dict) else part)
        ]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _not_finite(text[:_MOST_DIGITS])
    return number


def _short(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(text):,} digits; at most {_MOST_DIGITS} are read")
    return int(text)


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")
