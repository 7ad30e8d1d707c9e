"""Where a table names the source of each tile, each source has figures of its own."""

import csv

import pytest

import gastropath
from gastropath.data.index import find_tiles
from gastropath.evaluation.sources import named_sources


def table(tiles, **columns):
    """Write a table of the tiles with further columns, each a function of the number of a tile."""
    files = sorted(tiles.glob("*/*.png"))
    with (tiles / "tiles.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", *columns])
        for number, path in enumerate(files):
            cells = (column(number) for column in columns.values())
            writer.writerow([path.relative_to(tiles), path.parent.name, *cells])
    return tiles / "tiles.csv"


def test_an_evaluation_tells_sources_apart(noise_tiles, tmp_path):
    data = table(noise_tiles({"TUM": 4, "STR": 4}), Set=lambda n: ("old", "new")[n % 4 == 0])
    found = gastropath.evaluate(data=data, out=tmp_path / "out", checks="none").metrics
    assert {name: row.n for name, row in found.by_source.items()} == {"new": 2, "old": 6}
    right = sum(row.n * (row.accuracy.value or 0) for row in found.by_source.values())
    assert right / found.n == pytest.approx(found.accuracy.value)
    assert "Tiles by source" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_column_that_names_each_tile_or_leaves_some_out_tells_no_sources(noise_tiles):
    tiles = noise_tiles({"TUM": 11, "STR": 11})
    for column in (lambda n: f"https://example.org/{n}", lambda n: "a" if n else "", lambda n: "the same"):
        assert named_sources(find_tiles([table(tiles, source=column)])) == ()
    index = find_tiles([table(tiles, source=lambda n: f"https://example.org/{n}", set=lambda n: n % 2)])
    assert set(named_sources(index)) == {"0", "1"}
