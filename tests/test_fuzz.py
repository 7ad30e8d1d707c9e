"""Whatever is turned in a file that is read, the answer is a result or an error of ours.

Each kind of file gets 500 variants by a fixed seed. Pictures are read where predict reads them; a variant that ends the
process there is a refusal, too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.arrays import read_arrays
from gastropath.data.index import find_tiles
from gastropath.data.review import read_review
from gastropath.data.split.split import read_split
from gastropath.errors import GastroPathError
from gastropath.evaluation.predictions_table import read_answers
from gastropath.inference.field_of_view import read_tile
from gastropath.inference.ood import OodCheck
from gastropath.kept_process import in_kept_process
from gastropath.results.card import Card, CardInput
from gastropath.results.metrics import Metrics
from gastropath.results.summary import SlideSummary
from gastropath.slides.roi import read_regions
from gastropath.slides.source.header import read_header
from gastropath.training.recipe import read_recipe

VARIANTS = 500
OLD = Path(__file__).parent / "results" / "written_in_version_2"
INPUT = CardInput(tile_px=64, mpp=0.5)


def variant(content: bytes, dice: np.random.Generator) -> bytes:
    """Turn a few bytes, cut, double or leave out a piece, or put a word in that parsers stumble over."""
    data = bytearray(content)
    for _ in range(dice.integers(1, 6)):
        place = int(dice.integers(0, max(1, len(data))))
        match dice.integers(0, 5):
            case 0 if data:
                data[place % len(data)] = int(dice.integers(0, 256))
            case 1:
                del data[place : place + int(dice.integers(1, 20))]
            case 2:
                data[place:place] = data[place : place + int(dice.integers(1, 60))]
            case 3:
                words = (b"NaN", b"1e999", b"-1", b"null", b"[[", b'"', b"\x00", b"\xff\xfe", b"9" * 400, b"\n", b"{}")
                data[place:place] = words[int(dice.integers(0, len(words)))]
            case _:
                del data[max(place, len(data) // 2) :]
    return bytes(data)


def picture(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, features=np.ones((8, 4), np.float16), labels=np.zeros(8, np.int32))
    return buffer.getvalue()


def table(*rows: str) -> bytes:
    return "\n".join([*rows, ""]).encode()


NAMES = [f"{code}/{code}_{number}.png" for code in ("STR", "TUM") for number in (1, 2, 3)]
REGIONS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [90, 0], [90, 90], [0, 90], [0, 0]]]},
            "properties": {"classification": {"name": "Tumor"}},
        }
    ],
}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture("PNG"))
    return folder


def read_picture(file: Path, tiles: Path) -> None:
    tile = in_kept_process(read_tile, file.read_bytes(), INPUT, None, 10**6)
    assert (tile.pixels is None) == (tile.refusal is not None)


def read_references(file: Path, tiles: Path) -> None:
    read_arrays(file, 10**6)
    OodCheck.from_bytes(file.read_bytes(), 3, 0.5, file)


KINDS: dict[str, tuple[str, Callable[[], bytes], Callable[[Path, Path], object]]] = {
    "tiff": (".tif", lambda: picture("TIFF"), read_picture),
    "tiff of strips": (".tif", lambda: picture("TIFF", compression="tiff_lzw"), read_picture),
    "jpeg": (".jpg", lambda: picture("JPEG"), read_picture),
    "png": (".png", lambda: picture("PNG"), read_picture),
    "header of a slide": (".tif", lambda: picture("TIFF")[:400], lambda file, _: read_header(file)),
    "card": (".json", (OLD / "card.json").read_bytes, lambda file, _: Card.parse(file.read_bytes(), file)),
    "metrics": (".json", (OLD / "metrics.json").read_bytes, lambda file, _: Metrics.parse(file.read_bytes(), file)),
    "summary": (
        ".json",
        (OLD.parent / "written_by_0_1_0" / "summary.json").read_bytes,
        lambda file, _: SlideSummary.parse(file.read_bytes(), file),
    ),
    "references": (".npz", arrays, read_references),
    "index": (
        ".csv",
        lambda: table("path,label,group", *(f"{name},{name[:3]},g{i}" for i, name in enumerate(NAMES))),
        lambda file, _: find_tiles([file]),
    ),
    "split": (
        ".csv",
        lambda: table(
            "path,label,group,part,fold",
            *(f"{name},{name[:3]},g{i},{('train', 'val', 'test')[i % 3]}," for i, name in enumerate(NAMES)),
        ),
        lambda file, tiles: read_split(file, find_tiles([tiles])),
    ),
    "review": (
        ".csv",
        lambda: table("path,label,decision", *(f"{name},{name[:3]},keep" for name in NAMES)),
        lambda file, tiles: read_review(file, find_tiles([tiles])),
    ),
    "recipe": (
        ".toml",
        lambda: b'method = "cnn"\nepochs = 3\nlearning_rate = 1e-3\nbatch_size = 16\n',
        lambda file, _: read_recipe(str(file)),
    ),
    "regions": (".geojson", lambda: json.dumps(REGIONS).encode(), lambda file, _: read_regions(file)),
    "predictions": (
        ".csv",
        lambda: table(
            "path,true_label,predicted_label,confidence,decision,reason,prob_STR,prob_TUM",
            *(f"{name},{name[:3]},TUM,0.75,accepted,,0.25,0.75" for name in NAMES),
        ),
        lambda file, _: read_answers(file),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_any_kind_is_a_result_or_an_error_of_ours(kind: str, tiles: Path, tmp_path: Path):
    suffix, make, read = KINDS[kind]
    content, dice = make(), np.random.default_rng(list(KINDS).index(kind))
    refused = 0
    for number in range(VARIANTS):
        damaged = variant(content, dice)
        where = tiles if kind == "index" else tmp_path  # paths of a table are seen from its folder
        file = where / f"{number}{suffix}"
        file.write_bytes(damaged)
        try:
            read(file, tiles)
        except GastroPathError as error:
            refused += bool(str(error).strip())
        except Exception as error:
            error.add_note(f"variant {number}: {damaged[:400]!r}")
            raise
        file.unlink()
    assert refused > 0 or suffix in (".tif", ".jpg", ".png")
