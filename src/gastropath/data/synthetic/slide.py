"""A synthetic slide with known truth: a pyramid as scanners write it, drawn from a plan of the tissue in it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gastropath.data.marker import MARKER
from gastropath.data.synthetic.anatomy import CODES, divide, draw_plan
from gastropath.data.synthetic.appearance import Appearance, draw_appearance, middle_appearance, stained
from gastropath.data.synthetic.canvas import Canvas
from gastropath.data.synthetic.textures import DRAWINGS
from gastropath.data.synthetic.tiles import MPP
from gastropath.data.synthetic.truth import TRUTH_PX, write_truth_picture, write_truth_regions
from gastropath.errors import MissingExtra
from gastropath.outputs import replacing_folder, write_json
from gastropath.parallel import cores, each
from gastropath.progress import Progress, silent

GENERATOR = "gastropath.data.synthetic.slide"
VERSION = 1
SLIDE, PICTURE, REGIONS = "drawn.tif", "truth.png", "truth.geojson"
SIZE_PX = (5632, 4864)

_CHUNK_PX = 256
_STEP = 4  # from one level of the pyramid to the next
_LEVELS = 3
_QUALITY = 85
_BLUR_PX = 8  # as far as the blur of any appearance reaches
_JPEG = 7
_FIELD_PX = 960  # memory grows with its square
_OVER = 2  # pixels of the plan that a field may reach over its border
_SHARPNESS = 2.5
_LEAST_PX = 512


def write_slide(
    out: Path,
    *,
    seed: int,
    size_px: tuple[int, int] = SIZE_PX,
    shifted: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Draw a slide into a folder: ``drawn.tif``, its truth ``truth.png`` and ``truth.geojson``, and the marker.

    Stain and scanner are the middle of the domain that training tiles are drawn from, at 0.5 micrometres per pixel.
    Tissue is drawn in fields of about half a millimetre with irregular borders.

    Parameters
    ----------
    out
        Folder, made if missing.
    seed
        Not negative; with the size it decides everything.
    size_px
        Width and height, each a multiple of 16 and at least 512, the width not below the height. A smaller slide shows
        the same anatomy in fewer cells.
    shifted
        Whether stain and scanner lie outside that domain instead, where the seed says.
    overwrite
        Whether an old slide may be replaced.

    Returns
    -------
    pathlib.Path
        The slide.

    Raises
    ------
    ValueError
        If the size is another, or the seed is negative.
    MissingExtra
        If tifffile or SciPy is not installed.
    OutputExists, CannotWrite
        See :func:`gastropath.outputs.replacing_folder`.
    """
    width, height = size_px
    grain = _STEP ** (_LEVELS - 1)
    if seed < 0 or not _LEAST_PX <= height <= width or width % grain or height % grain:
        raise ValueError(
            f"expected a seed of at least 0 and a slide at least as wide as high, with sides of {_LEAST_PX} px or more "
            f"in steps of {grain}; found seed {seed} and {width} x {height} px"
        )
    for module in ("scipy", "tifffile"):
        if find_spec(module) is None:
            raise MissingExtra("drawing a synthetic slide", "slides", module)
    rng = np.random.default_rng([seed, 0])
    plan = draw_plan(rng, width // TRUTH_PX, height // TRUTH_PX)
    fields = divide(rng, plan, _FIELD_PX / TRUTH_PX)
    with replacing_folder(out, (MARKER, SLIDE, PICTURE, REGIONS), overwrite=overwrite) as folder:
        write_json(folder / MARKER, _marker(seed, size_px, shifted))
        write_truth_picture(plan, folder / PICTURE)
        write_truth_regions(plan, folder / REGIONS)
        stains = _draw(plan, fields, seed, progress)
        look = draw_appearance(np.random.default_rng([seed, 3]), shifted=True) if shifted else middle_appearance()
        _write_pyramid(folder / SLIDE, stains, seed, look)
    return out / SLIDE


def _marker(seed: int, size_px: tuple[int, int], shifted: bool) -> dict[str, object]:
    return {
        "synthetic": True,
        "generator": GENERATOR,
        "version": VERSION,
        "seed": seed,
        "size_px": list(size_px),
        "mpp": MPP,
        **({"shifted": True} if shifted else {}),
        "truth": {"pixel_level0_px": TRUTH_PX, "indices": ["glass", *CODES]},
    }


def _draw(plan: NDArray[np.uint8], fields: NDArray[np.int32], seed: int, progress: Progress) -> NDArray[np.float16]:
    """Draw all fields: concentrations of haematoxylin and eosin, ``float16``, shape (2, height, width)."""
    stains = np.zeros((2, *(TRUTH_PX * side for side in plan.shape)), np.float16)
    numbers = range(1, int(fields.max()) + 1)
    drawings = each(partial(_field, plan, fields, seed), numbers, workers=cores())
    for done, (rows, columns, drawn) in enumerate(drawings, start=1):
        stains[:, rows, columns] += drawn
        progress("drawing a synthetic slide", done, len(numbers))
    return stains


def _field(
    plan: NDArray[np.uint8], fields: NDArray[np.int32], seed: int, number: int
) -> tuple[slice, slice, NDArray[np.float16]]:
    """Draw a field and the little of it that reaches over its border: rows, columns, and stains as in :func:`_draw`."""
    own = fields == number
    rows, columns = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
    top, left = max(0, rows[0] - _OVER), max(0, columns[0] - _OVER)
    part = own[top : rows[-1] + _OVER + 1, left : columns[-1] + _OVER + 1]
    code = CODES[plan[rows[0], np.flatnonzero(own[rows[0]])[0]] - 1]
    height, width = (TRUTH_PX * side for side in part.shape)
    canvas = Canvas(np.random.default_rng([seed, 1, number]), max(height, width), MPP)
    DRAWINGS[code](canvas)
    stains = np.stack([canvas.haematoxylin[:height, :width], canvas.eosin[:height, :width]])
    drawn = np.maximum(stains, 0) * _share(part)
    place = slice(TRUTH_PX * top, TRUTH_PX * top + height), slice(TRUTH_PX * left, TRUTH_PX * left + width)
    return *place, drawn.astype(np.float16)


def _share(part: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return which share of each level-0 pixel a field has: its outline without the steps of the plan, a little soft.

    Where two fields meet, their shares add up to 1.
    """
    height, width = part.shape
    padded = np.pad(part.astype(np.float32), 1, mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    smooth = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    image = Image.fromarray(smooth).resize((TRUTH_PX * width, TRUTH_PX * height), Image.Resampling.BICUBIC)
    return np.clip(_SHARPNESS * (np.asarray(image) - np.float32(0.5)) + np.float32(0.5), 0, 1)


def _write_pyramid(path: Path, stains: NDArray[np.float16], seed: int, look: Appearance) -> None:
    """Write a tiled TIFF of three levels, each shrunken from the one before; level 0 is coloured band by band."""
    import tifffile

    tops = range(0, stains.shape[1], _CHUNK_PX)
    bands = each(partial(_band, stains, seed, look), tops)
    shape = stains.shape[1:]
    with tifffile.TiffWriter(path) as tiff:
        for level in range(_LEVELS):
            smaller: list[NDArray[np.uint8]] = []
            tiff.write(
                _chunks(bands, smaller),
                shape=(*shape, 3),
                dtype=np.uint8,
                tile=(_CHUNK_PX, _CHUNK_PX),
                photometric="ycbcr",
                compression="zlib",
                subfiletype=1 if level else 0,
                resolution=(10_000 / MPP / _STEP**level,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
                description=f"GastroPath synthetic slide, computer-drawn, seed {seed}",
            )
            picture = np.concatenate(smaller)
            shape = picture.shape[:2]
            bands = iter([picture[top : top + _CHUNK_PX] for top in range(0, shape[0], _CHUNK_PX)])
    # tifffile writes JPEG only with a package that nothing else here needs: Pillow has encoded the chunks, and the
    # tag is set to what they are.
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            page.aspage().tags["Compression"].overwrite(_JPEG)


def _band(stains: NDArray[np.float16], seed: int, look: Appearance, top: int) -> NDArray[np.uint8]:
    """Colour a row of chunks: ``uint8``, shape (height, width, 3)."""
    above = min(top, _BLUR_PX)
    haematoxylin, eosin = stains[:, top - above : top + _CHUNK_PX + _BLUR_PX].astype(np.float32)
    pixels = stained(haematoxylin, eosin, look, np.random.default_rng([seed, 2, top]))
    return pixels[above : above + _CHUNK_PX]


def _chunks(bands: Iterator[NDArray[np.uint8]], smaller: list[NDArray[np.uint8]]) -> Iterator[bytes]:
    """Yield the chunks of bands as JPEG, and collect the bands shrunken for the next level."""
    for band in bands:
        height, width = (side // _STEP for side in band.shape[:2])
        fitting = band[: height * _STEP, : width * _STEP].reshape(height, _STEP, width, _STEP, 3)
        smaller.append(np.rint(fitting.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8))
        for left in range(0, band.shape[1], _CHUNK_PX):
            chunk = band[:, left : left + _CHUNK_PX]
            lacking = [(0, _CHUNK_PX - chunk.shape[0]), (0, _CHUNK_PX - chunk.shape[1]), (0, 0)]
            buffer = io.BytesIO()
            Image.fromarray(np.pad(chunk, lacking, mode="edge")).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
            yield buffer.getvalue()
