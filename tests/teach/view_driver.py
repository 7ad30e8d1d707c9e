"""Maps to look at, and the command that shows them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from drawing import ByColour, Squares  # pyright: ignore[reportMissingImports]

from gastropath.slides.mapping import map_slide
from gastropath.slides.task import SlideSettings

SIDE = 128
"""Of a square, and of a tile of the classifier by colour, in pixels of level 0."""

WIDTH, HEIGHT = 3000, 2200
_PATIENCE_S = 120


@dataclass(frozen=True)
class Looked:
    """A slide, and the folder with its map."""

    slide: Path
    folder: Path


@pytest.fixture(scope="session")
def squares() -> Squares:
    """Squares of one colour each, under a tile each; the slide ends within the last ones."""
    return Squares(WIDTH, HEIGHT, SIDE)


@pytest.fixture(scope="session")
def squares_map(squares: Squares, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Looked:
    """The map of these squares, of which no label is wrong; there is no bundle of its model."""

    def make(folder: Path) -> None:
        folder.mkdir()
        slide = squares.write(folder / "squares.tiff", 0.25, (1.0, 4.0))
        map_slide(slide, folder / "maps" / "squares", ByColour(), SlideSettings(mask=False))  # pyright: ignore[reportArgumentType]

    made = made_once("squares", make)
    return Looked(made / "squares.tiff", made / "maps" / "squares")


@pytest.fixture(scope="session")
def starter_map(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Looked:
    """A map that the starter model has made, beside the table that says where its slide lies."""

    def make(folder: Path) -> None:
        from gastropath.workflows.slides import map_slides

        folder.mkdir()
        slide = Squares(600, 500, 100, seed=3).write(folder / "few.tiff", 0.5)
        map_slides(slide, folder / "maps", mask=False)

    made = made_once("starter-map", make)
    return Looked(made / "few.tiff", made / "maps" / "few")


@dataclass(frozen=True)
class Shown:
    """A page that can be opened."""

    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port it listens on."""
        found = re.search(r":(\d+)/", self.address)
        assert found
        return int(found[1])

    @property
    def token(self) -> str:
        """What the address must hold."""
        return self.address.partition("token=")[2]


@contextmanager
def shown(*arguments: object, log: Path, command: str = "view") -> Iterator[Shown]:
    """Run ``gastropath view``, or another command with a page, on a free port while the block lasts."""
    words = [sys.executable, "-m", "gastropath", command, *map(str, arguments), "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := re.search(r"open (http://\S+) in", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Shown(found[1], process)
    except BaseException as error:
        error.add_note(f"the command said:\n{log.read_text()}")
        raise
    finally:
        process.terminate()
        process.wait(20)
