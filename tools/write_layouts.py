"""Write the lists of docs/tiles.md from what the tests try: the folders and tables of tiles that are understood.

python -m tools.write_layouts
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from tests.data.understood import FOLDERS, TABLES, Folders, Table

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "tiles.md"
_PLACES = {"folders": FOLDERS, "tables": TABLES}


def guide(text: str) -> str:
    """Return the guide with its tables as they are to be."""
    for name, cases in _PLACES.items():
        rows = "\n".join(_rows(cases))
        pattern = rf"(<!-- {name}, written by tools/write_layouts.py -->\n).*?(<!-- end of {name} -->)"
        text, n = re.subn(pattern, lambda found, rows=rows: f"{found[1]}{rows}\n{found[2]}", text, flags=re.DOTALL)
        if n != 1:
            raise ValueError(f"the guide has no place for {name}")
    return text


def _rows(cases: tuple[Folders, ...] | tuple[Table, ...]) -> Iterator[str]:
    for case in cases:
        text = f"- **{case.name}**, such as `{case.sketch}`: {case.read_as}"
        yield "\n".join(wrap(text, 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))


def main() -> None:
    """Write them."""
    GUIDE.write_text(guide(GUIDE.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
