"""An upload whose decoder never ends, dies or takes all memory costs the other visitors no more than a time."""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gastropath.app import decoders
from gastropath.app.answer import Upload, answers
from gastropath.app.region import _mapped, _stated
from gastropath.images import encode_png
from gastropath.inference import bounded
from gastropath.inference.classifier import Classifier
from gastropath.inference.field_of_view import read_tile
from gastropath.slides.source import picture

HANGING, DYING, GREEDY = b"never ends", b"ends its process", b"takes all memory"
TILE = encode_png(np.full((64, 64, 3), 200, np.uint8))


def misbehave(data: object) -> None:
    if data == HANGING:
        time.sleep(600)
    if data == DYING:
        os._exit(9)
    if data == GREEDY:
        bytearray(2**33)


def read_tile_of(source, *arguments):
    """Stands in for a parser that meets the file it was not made for."""
    misbehave(source)
    return read_tile(source, *arguments)


def open_picture_of(data, name, mpp, max_pixels):
    misbehave(data)
    return picture.open_picture(data, name, mpp, max_pixels=max_pixels)


def spacing_of(data):
    misbehave(data)
    return picture.picture_spacing(data)


@pytest.fixture
def quick(monkeypatch):
    """Files that misbehave, and a bound that a test can wait for."""
    monkeypatch.setattr(decoders, "DECODE_SECONDS", 0.3)
    monkeypatch.setattr(bounded, "read_tile", read_tile_of)
    monkeypatch.setattr(decoders, "_open", open_picture_of)
    monkeypatch.setattr(decoders, "picture_spacing", spacing_of)
    yield
    decoders.OF_TILES.stop()
    decoders.OF_REGIONS.stop()


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load()


def children() -> int:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return sum(len(file.read_text().split()) for file in listed)


@pytest.mark.parametrize("times", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_the_second_visitor_is_answered_and_no_process_is_left(quick, model, times):
    answers(model, [Upload("tile.png", TILE)])
    before = children()
    for _ in range(times):
        hanging = threading.Thread(target=answers, args=(model, [Upload("hanging.tif", HANGING)]))
        hanging.start()
        (found,) = answers(model, [Upload("tile.png", TILE)])
        hanging.join()
        assert found.prediction[0].decision != "refused"
    (told,) = answers(model, [Upload("hanging.tif", HANGING)])
    assert "could not be read within" in told.html
    answers(model, [Upload("tile.png", TILE)])
    assert children() == before


def test_a_visitor_with_many_such_files_does_not_overtake_one_who_waits(quick, model):
    many = [Upload(f"{i}.tif", HANGING) for i in range(3)]
    answered: list[str] = []

    def ask(uploads):
        answers(model, uploads)
        answered.append(uploads[0].name)

    hostile = threading.Thread(target=ask, args=(many,))
    hostile.start()
    time.sleep(0.1)
    ask([Upload("tile.png", TILE)])
    hostile.join()
    assert answered == ["tile.png", "0.tif"]


@pytest.mark.parametrize(
    ("data", "said"),
    [(HANGING, "could not be read within"), (DYING, "ends the software that reads it"), (GREEDY, "MB of memory")],
)
def test_an_upload_that_keeps_its_decoder_is_refused_beside_those_that_do_not(quick, model, data, said):
    bad, good = answers(model, [Upload("bad.tif", data), Upload("tile.png", TILE)])
    assert said in bad.html
    assert bad.prediction[0].decision == "refused"
    assert good.prediction[0].decision != "refused"


@pytest.mark.parametrize("data", [HANGING, DYING, GREEDY])
def test_a_region_that_keeps_its_decoder_is_refused_and_the_next_one_mapped(quick, model, data, rng):
    assert "may be damaged" in str(_stated(data))
    assert "may be damaged" in str(_mapped(model, "bad.tif", data, 0.5, False, lambda *_: None))
    tissue = encode_png(rng.integers(100, 200, (256, 256, 3), dtype=np.uint8))
    found = _mapped(model, "tissue.png", tissue, 0.5, False, lambda *_: None)
    assert not isinstance(found, str)
    assert found.summary.tiles.classified > 0


def test_no_file_of_a_visitor_is_opened_in_the_server_itself(model, monkeypatch, rng):
    """Where a parser is called at all, it is in a kept process, which knows nothing of what is replaced here."""
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened in the server"))
    (found,) = answers(model, [Upload("tile.png", TILE)])
    assert found.prediction[0].decision != "refused"
    tissue = encode_png(rng.integers(100, 200, (256, 256, 3), dtype=np.uint8))
    assert _stated(tissue) is None
    assert not isinstance(_mapped(model, "tissue.png", tissue, 0.5, False, lambda *_: None), str)


def test_a_tiff_is_read_in_the_kept_process_by_predict(monkeypatch, tmp_path):
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(tmp_path / "tile.tif")
    (tmp_path / "tile.png").write_bytes(TILE)
    seen = []

    def instead(function, *arguments, seconds):
        seen.append(Path(arguments[0]).name)
        raise bounded.CannotParse("could not be read within 30 seconds", code="time")

    monkeypatch.setattr(bounded, "in_kept_process", instead)
    model = SimpleNamespace(tile_px=64, mpp=0.5)
    refused = bounded.read_bounded(tmp_path / "tile.tif", model, None, 10**6)  # pyright: ignore[reportArgumentType]
    answered = bounded.read_bounded(tmp_path / "tile.png", model, None, 10**6)  # pyright: ignore[reportArgumentType]
    assert refused.refusal is not None
    assert refused.refusal.sentence == "could not be read within 30 seconds; it may be damaged"
    assert refused.source == str(tmp_path / "tile.tif")
    assert answered.pixels is not None
    assert seen == ["tile.tif"]
