"""Pictures from strangers, read where a decoder that never ends can be ended: in a kept process, within bounds."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from gastropath.decoding import Source
from gastropath.errors import CannotParse
from gastropath.inference.field_of_view import Reader, Tile, read_tile
from gastropath.kept_process import SECONDS, KeptProcess, in_kept_process
from gastropath.results.card import CardInput
from gastropath.results.prediction import Refusal
from gastropath.tiff_samples import TIFF_STARTS


def refusal(error: CannotParse) -> Refusal:
    """Return why a picture has no answer whose decoder did not end, took too much memory, or died."""
    if error.code == "damaged":
        return Refusal("damaged", f"is damaged: {error.what}")
    return Refusal("damaged", f"{error.what}; it may be damaged")


def bounded_by(process: KeptProcess, seconds: float) -> Reader:
    """Return what reads every picture in a process, each within a time."""
    return partial(_read_in, process, seconds)


def read_bounded(source: Source, model: CardInput, mpp: float | None, max_pixels: int, shown: str = "") -> Tile:
    """Read a picture as :func:`gastropath.inference.field_of_view.read_tile` does, a TIFF in the kept process.

    The tags of a TIFF point to each other, and can lead a parser in circles; other formats are read here.
    """
    if isinstance(source, str | os.PathLike) and _is_tiff(Path(source)):
        arguments = (os.path.abspath(source), model, mpp, max_pixels, shown)
        try:
            found = in_kept_process(read_tile, *arguments, seconds=SECONDS)
        except CannotParse as error:
            found = Tile(None, "", refusal(error))
        return Tile(found.pixels, os.fspath(source), found.refusal, found.is_field_of_view_assumed, found.size_px)
    return read_tile(source, model, mpp, max_pixels, shown)


def _read_in(
    process: KeptProcess,
    seconds: float,
    source: Source,
    model: CardInput,
    mpp: float | None,
    max_pixels: int,
    shown: str = "",
) -> Tile:
    try:
        return process.call(read_tile, source, model, mpp, max_pixels, shown, seconds=seconds)
    except CannotParse as error:
        return Tile(None, "", refusal(error))


def _is_tiff(file: Path) -> bool:
    try:
        if not file.is_file():  # reading a pipe or a device may never end
            return False
        with file.open("rb") as opened:
            return opened.read(4) in TIFF_STARTS
    except (OSError, ValueError):
        return False
