"""Example tiles for a visitor with nothing at hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from gastropath.errors import CannotReadTable
from gastropath.report.parts import Tile

TABLE = "examples.json"

DRAWN = Path(__file__).with_name("drawn")
"""Synthetic tiles of the eight classes, for pages without tiles of their own."""


@dataclass(frozen=True)
class Example:
    """A tile to try.

    Attributes
    ----------
    name
        Of its file.
    label
        Class code it carries.
    source
        Where all examples of the page come from.
    data
        Content of the file.
    """

    name: str
    label: str
    source: str
    data: bytes

    @property
    def told(self) -> str:
        """What the page says of it."""
        return f"labelled {self.label}"

    @cached_property
    def html(self) -> str:
        """The picture, as HTML."""
        address = Tile(self.data, self.label, self.told).source
        return f'<img class="gp-example" src="{address}" alt="Example tile, {escape(self.told)}">'

    def _repr_html_(self) -> str:
        return self.html


def read_examples(folder: Path, classes: Iterable[str]) -> list[Example]:
    """Read the examples of a folder that are of classes the model has.

    Parameters
    ----------
    folder
        With the tiles and ``examples.json``: ``source``, and ``tiles`` with ``file`` and ``label`` each.
    classes
        Codes of the model.

    Raises
    ------
    CannotReadTable
        If the table is not there, or names a file that is not.
    """
    known = set(classes)
    try:
        document = json.loads((folder / TABLE).read_text("utf-8"))
        source, listed = str(document["source"]), [(str(t["file"]), str(t["label"])) for t in document["tiles"]]
        return [
            Example(file, label, source, (folder / Path(file).name).read_bytes())
            for file, label in listed
            if label in known
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotReadTable(
            f"cannot be read as a list of examples: {type(error).__name__} {error}",
            where=folder / TABLE,
            remedy="give the folder `examples` of a Space that was written with example tiles",
        ) from None
