"""Example tiles for a public page: picked at random, of the validation part, and nothing of the files but pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gastropath.app.examples import DRAWN, read_examples
from gastropath.data.examples import choose_examples
from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.decoding import decode
from gastropath.errors import CannotReadTable, NoTilesFound
from gastropath.tissue_classes import TISSUE_CLASSES


def written(index, split, codes, folder: Path) -> list[dict[str, str]]:
    folder.mkdir()
    choose_examples(index, split, codes).write(folder)
    return json.loads((folder / "examples.json").read_text())["tiles"]


def test_only_validation_tiles_of_the_models_classes_are_shown_with_their_labels(noise_tiles, tmp_path):
    index = find_tiles([noise_tiles({"TUM": 9, "STR": 9, "BACK": 9})])
    parts = tuple("val" if row % 3 == 0 else "train" for row in range(len(index)))
    tiles = written(index, Split(index, parts, "file", None), ("STR", "TUM"), tmp_path / "out")
    assert [tile["label"] for tile in tiles] == ["STR", "TUM"]
    files = list(index.files())
    allowed = {
        label: [decode(files[i]) for i, part in enumerate(parts) if part == "val" and index.labels[i] == label]
        for label in ("STR", "TUM")
    }
    for tile in tiles:
        shown = decode(tmp_path / "out" / tile["file"])
        assert any(np.array_equal(shown, pixels) for pixels in allowed[tile["label"]])


def test_names_and_metadata_of_the_files_are_left_behind(tmp_path):
    folder = tmp_path / "tiles" / "TUM"
    folder.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe, born 1961"
    Image.new("RGB", (64, 64), "pink").save(folder / "Jane_Doe_1.jpg", exif=exif)
    (tmp_path / "tiles" / "STR").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "tiles" / "STR" / "Jane_Doe_2.png")
    written(find_tiles([tmp_path / "tiles"]), None, ("STR", "TUM"), tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        assert b"Jane" not in file.read_bytes()
        assert "Jane" not in file.name


def test_a_tile_that_cannot_be_read_is_passed_over_and_none_at_all_is_an_error(noise_tiles, tmp_path):
    root = noise_tiles({"TUM": 2, "STR": 1})
    for number in (1, 2):
        (root / "TUM" / f"TUM_{number}.png").write_bytes(b"torn")
    tiles = written(find_tiles([root]), None, ("STR", "TUM"), tmp_path / "out")
    assert [tile["label"] for tile in tiles] == ["STR"]
    with pytest.raises(NoTilesFound, match="no tile of the model's classes that can be read"):
        choose_examples(find_tiles([root]), None, ("TUM",))


def test_what_is_written_is_what_the_page_reads(noise_tiles, tmp_path):
    tiles = written(find_tiles([noise_tiles({"TUM": 2, "STR": 2})]), None, ("STR", "TUM"), tmp_path / "out")
    read = read_examples(tmp_path / "out", ("STR", "TUM"))
    assert [(example.name, example.label) for example in read] == [(tile["file"], tile["label"]) for tile in tiles]
    assert all("may have learned from them" in example.source for example in read)
    assert [example.label for example in read_examples(tmp_path / "out", ("TUM",))] == ["TUM"]


def test_the_drawn_examples_are_one_a_class_and_say_that_they_are_synthetic():
    codes = [tissue.code for tissue in TISSUE_CLASSES]
    read = read_examples(DRAWN, codes)
    assert [example.label for example in read] == codes
    assert all(example.source.startswith("Synthetic") for example in read)
    assert all(decode(example.data).shape == (224, 224, 3) for example in read)


@pytest.mark.parametrize("text", ["", "[]", '{"source": "a", "tiles": [{"file": "../secret.png", "label": "TUM"}]}'])
def test_a_table_that_is_none_or_names_a_file_elsewhere_is_refused(tmp_path, text):
    Image.new("RGB", (64, 64)).save(tmp_path / "secret.png")
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "examples.json").write_text(text)
    with pytest.raises(CannotReadTable, match="list of examples"):
        read_examples(folder, ("TUM",))
