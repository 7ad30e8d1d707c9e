"""Synthetic tissue tiles: eight H&E-like textures in ever changing stains, for demonstrations and tests.

No pixel comes from a patient. A tile is drawn as stain concentrations (`textures`) and turned into colour by the
Beer-Lambert law with its own stains, glass, magnification, blur and sensor noise. Everything learnt from such tiles
must say so; `synthetic_marker` tells whether a folder holds them.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from gastropath.data.synthetic.appearance import Appearance, draw_appearance, stained
from gastropath.data.synthetic.canvas import Canvas
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.errors import OutputExists
from gastropath.outputs import replacing, write_json, writing
from gastropath.parallel import each
from gastropath.progress import Progress, silent

GENERATOR = "gastropath.data.synthetic.tiles"
VERSION = 1
MARKER = "SYNTHETIC.json"
MPP = 0.5
TILE_PX = 224


def draw_tile(
    code: str, rng: np.random.Generator, *, appearance: Appearance, tile_px: int = TILE_PX
) -> NDArray[np.uint8]:
    """Draw one tile of a tissue class.

    Parameters
    ----------
    code : str
        Class code, one of `DRAWINGS`.
    rng : numpy.random.Generator
        Decides everything but the appearance.
    appearance : Appearance
        Stains, glass, magnification, blur and noise.
    tile_px : int
        Side in pixels; a larger tile shows more tissue, not larger cells.

    Returns
    -------
    uint8 [tile_px, tile_px, 3]
        RGB.

    Raises
    ------
    ValueError
        The code is none of the eight.
    """
    if code not in DRAWINGS:
        raise ValueError(f"No texture for class {code!r}. Expected one of {', '.join(DRAWINGS)}.")
    canvas = Canvas(rng, tile_px, MPP / appearance.scale)
    DRAWINGS[code](canvas)
    return stained(canvas.haematoxylin, canvas.eosin, appearance, rng)


def _tile_rng(seed: int, code: str, number: int, shifted: bool) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(code.encode(), "big"), number, int(shifted)])


def write_tiles(
    out: Path, *, tiles_per_class: int, seed: int, shifted: bool = False, progress: Progress = silent
) -> Path:
    """Write a synthetic tile set: `out/CODE/CODE_<n>.png` for the eight classes, and its marker.

    A tile depends on nothing but the seed, its code, its number and the domain: a larger set begins with the smaller
    one, and an interrupted one continues where it stopped.

    Parameters
    ----------
    out : Path
        Folder, made if missing. It must be empty or hold an earlier part of the same tile set.
    tiles_per_class : int
        Tiles of each class, at least 1.
    seed : int
        Not negative.
    shifted : bool
        Draw stains and scales that the training domain (False) does not have.
    progress : callable
        Called as `progress(label, done, total)` after each tile.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ValueError
        A count below 1 or a negative seed.
    OutputExists
        The folder holds something else than an earlier part of this tile set.
    CannotWrite
        The folder or the disk does not take the tiles.
    """
    if tiles_per_class < 1 or seed < 0:
        raise ValueError(
            f"Expected tiles_per_class of at least 1 and a seed of at least 0, found {tiles_per_class} and {seed}."
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
    found = _read_marker(out / MARKER)
    if found is None:
        raise OutputExists(f"{out}: is not empty and holds no synthetic tiles; choose a new folder")
    same = all(found.get(key) == marker[key] for key in ("generator", "version", "seed", "shifted"))
    if not same or found.get("tiles_per_class", 0) > marker["tiles_per_class"]:
        raise OutputExists(
            f"{out}: holds another synthetic tile set ({found}; asked for was {marker}); "
            "choose a new folder, or the same settings with at least as many tiles"
        )


def synthetic_marker(folder: Path) -> dict | None:
    """Read the marker of a synthetic tile set.

    Parameters
    ----------
    folder : Path
        The tile set, one of its class folders, or a folder two levels below it.

    Returns
    -------
    dict or None
        Contents of the nearest `SYNTHETIC.json` in the folder or up to two parents above it; None where there is
        none. A marker that cannot be read still marks: it gives `{"synthetic": True}`.
    """
    folder = Path(folder).absolute()
    for place in (folder, *folder.parents[:2]):
        found = _read_marker(place / MARKER)
        if found is not None:
            return found
    return None


def _read_marker(path: Path) -> dict | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"synthetic": True}
