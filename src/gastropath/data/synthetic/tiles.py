"""Synthetic tissue tiles: eight H&E-like textures in varying stains, for demonstrations and tests.

No pixel comes from a patient. A tile is drawn as stain concentrations (:mod:`gastropath.data.synthetic.textures`) and
turned into colour by the Beer-Lambert law with its own stains, glass, magnification, blur and sensor noise. Everything
learned from such tiles must say so: :mod:`gastropath.data.marker` marks the folders that hold them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from gastropath.data.marker import MARKER, read_marker
from gastropath.data.synthetic.appearance import Appearance, draw_appearance, stained
from gastropath.data.synthetic.canvas import Canvas
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.errors import OutputExists
from gastropath.outputs import replacing, write_json, writing
from gastropath.parallel import each
from gastropath.progress import Progress, silent

GENERATOR = "gastropath.data.synthetic.tiles"
VERSION = 1
MPP = 0.5
TILE_PX = 224


def draw_tile(
    code: str, rng: np.random.Generator, *, appearance: Appearance, tile_px: int = TILE_PX
) -> NDArray[np.uint8]:
    """Draw one tile of a tissue class.

    Parameters
    ----------
    code
        Class code, one of :data:`gastropath.data.synthetic.textures.DRAWINGS`.
    rng
        Decides everything but the appearance.
    appearance
        Stains, glass, magnification, blur and noise.
    tile_px
        Side in pixels; a larger tile shows more tissue, not larger cells.

    Returns
    -------
    numpy.ndarray
        RGB, ``uint8``, shape (tile_px, tile_px, 3).

    Raises
    ------
    ValueError
        If the code is not one of the eight.
    """
    if code not in DRAWINGS:
        raise ValueError(f"there is no texture for class {code!r}; expected one of {', '.join(DRAWINGS)}")
    canvas = Canvas(rng, tile_px, MPP / appearance.scale)
    DRAWINGS[code](canvas)
    return stained(canvas.haematoxylin, canvas.eosin, appearance, rng)


def _tile_rng(seed: int, code: str, number: int, shifted: bool) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(code.encode(), "big"), number, int(shifted)])


def write_tiles(
    out: Path, *, tiles_per_class: int, seed: int, shifted: bool = False, progress: Progress = silent
) -> Path:
    """Write a synthetic tile set: ``out/CODE/CODE_<n>.png`` for the eight classes, and its marker.

    A tile depends on nothing but the seed, its code, its number and the domain: a larger set begins with the smaller
    one, and an interrupted one continues where it stopped.

    Parameters
    ----------
    out
        Folder, made if missing. It must be empty or hold an earlier part of the same tile set.
    tiles_per_class
        Tiles of each class, at least 1.
    seed
        Not negative.
    shifted
        Draw stains and scales that the training domain (``False``) does not have.

    Returns
    -------
    pathlib.Path
        ``out``.

    Raises
    ------
    ValueError
        If the count is below 1 or the seed negative.
    OutputExists
        If the folder holds anything but an earlier part of this tile set.
    CannotWrite
        If the tiles cannot be written.
    """
    if tiles_per_class < 1 or seed < 0:
        raise ValueError(
            f"expected tiles_per_class of at least 1 and a seed of at least 0; found {tiles_per_class} and {seed}"
        )
    marker = {
        "synthetic": True,
        "generator": GENERATOR,
        "version": VERSION,
        "seed": seed,
        "tiles_per_class": tiles_per_class,
        "shifted": shifted,
    }
    _check_folder(out, marker)
    # The marker comes first: no tile ever lies in an unmarked folder.
    write_json(out / MARKER, marker)
    for code in DRAWINGS:
        (out / code).mkdir(exist_ok=True)
    tiles = [(code, number) for code in DRAWINGS for number in range(1, tiles_per_class + 1)]
    draw = partial(_write_tile, out, seed=seed, shifted=shifted)
    for done, _ in enumerate(each(draw, tiles, prefer="processes"), start=1):
        progress("drawing synthetic tiles", done, len(tiles))
    return out


def _write_tile(out: Path, tile: tuple[str, int], *, seed: int, shifted: bool) -> None:
    """Draw one tile of a set, given as class and number, unless an earlier run has."""
    code, number = tile
    path = out / code / f"{code}_{number}.png"
    if path.exists():
        return
    rng = _tile_rng(seed, code, number, shifted)
    appearance = draw_appearance(rng, shifted=shifted)
    image = Image.fromarray(draw_tile(code, rng, appearance=appearance))
    note = PngImagePlugin.PngInfo()
    note.add_text("Synthetic", "GastroPath")
    with replacing(path) as unfinished:
        image.save(unfinished, format="PNG", pnginfo=note, compress_level=1)


def _check_folder(out: Path, marker: dict[str, object]) -> None:
    """Refuse a folder whose contents would end up under a marker that does not describe them."""
    with writing(out):
        if not out.exists() or not any(out.iterdir()):
            return
    earlier = read_marker(out)
    if earlier is None:
        remedy = "choose a new folder for `out`"
        raise OutputExists("is not empty and does not hold synthetic tiles", where=out, remedy=remedy)
    same = all(earlier.get(key) == marker[key] for key in ("generator", "version", "seed", "shifted"))
    if not same or earlier.get("tiles_per_class", 0) > marker["tiles_per_class"]:
        raise OutputExists(
            f"holds another synthetic tile set ({earlier}; expected {marker})",
            where=out,
            remedy="choose a new folder for `out`, or the same settings with at least as many tiles",
        )
