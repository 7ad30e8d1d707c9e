"""Draw the example tiles that the app shows where it has no others: `python tools/draw_examples.py`."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from gastropath.app.examples import DRAWN, TABLE
from gastropath.data.synthetic.tiles import write_tiles
from gastropath.tissue_classes import TISSUE_CLASSES

SEED = 2026


def main() -> None:
    """Draw one tile a class."""
    shutil.rmtree(DRAWN, ignore_errors=True)
    DRAWN.mkdir()
    tiles = []
    with tempfile.TemporaryDirectory() as scratch:
        drawn = write_tiles(Path(scratch) / "tiles", tiles_per_class=1, seed=SEED)
        for tissue in TISSUE_CLASSES:
            name = f"drawn_{tissue.code}.jpg"
            with Image.open(drawn / tissue.code / f"{tissue.code}_1.png") as tile:
                tile.convert("RGB").save(DRAWN / name, quality=90)
            tiles.append({"file": name, "label": tissue.code})
    source = "Synthetic: drawn by a computer, no tissue. They show how the page works, not how good the model is."
    (DRAWN / TABLE).write_text(json.dumps({"source": source, "tiles": tiles}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
