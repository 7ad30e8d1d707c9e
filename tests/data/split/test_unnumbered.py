"""What the terminal says to write into a table of groups is what a table of groups must hold."""

from __future__ import annotations

import re
from pathlib import Path

from gastropath.data.index import TileIndex
from gastropath.data.split.blocks import unnumbered
from gastropath.data.split.groups import with_groups
from gastropath.report.sections.split import split_in_words
from gastropath.results.split import SplitDocument


def test_the_line_of_the_table_that_is_missing_is_said_as_it_must_stand_there(tmp_path: Path):
    index = TileIndex(tmp_path, ('odd, "name"/x.png', "TUM/1.png"), ("TUM", "TUM"), ("", ""))
    document = SplitDocument.model_construct(
        method="block", block=None, purged={}, folds=None, groups={}, identical_pairs_across_parts=None,
        duplicate_pairs_across_parts=None, kept_together=None, grouped_by="",
    )  # fmt: skip
    (line,) = [line for line in split_in_words(document, unnumbered=unnumbered(index)) if "neither" in line]
    said = re.search(r"first line (\S+) and then a line a tile, such as (.*), and give it with --groups", line)
    assert said
    (tmp_path / "groups.csv").write_text(f"{said[1]}\n{said[2]}\n")
    assert with_groups(index, tmp_path / "groups.csv").groups == ("PATIENT", "")
