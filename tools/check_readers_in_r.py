"""Show that R reads what ``gastropath slide`` writes, with the right places, sizes and labels.

    python tools/check_readers_in_r.py READER MAP [PREDICTIONS]

READER is r, anndatar or zellkonverter; MAP the folder of a slide's result, written with --features --stamp --anndata;
PREDICTIONS a predictions.csv, for r. Rscript runs check_readers_in_r.R: for r the passage of docs/slides.md as it
stands there (jsonlite, rhdf5 and sf; the check also wants hdf5r), else the reader's own code. What R made of the files
is held against tiles.csv, summary.json and what h5py reads. It prints versions and what was read, and ends with status
1 where that is wrong.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from check_readers import Checks, Truth, plain, table_of

HERE = Path(__file__).resolve().parent

NUMBERS = re.compile(r".*_px|prob_.*|tissue_fraction|confidence|distance")


def found_in_r(reader: str, folder: Path, predictions: Path | None) -> dict[str, Any]:
    """Return what ``check_readers_in_r.R`` found, and print its warnings and the versions it used."""
    page = HERE.parent / "docs" / "slides.md"
    command = ["Rscript", str(HERE / "check_readers_in_r.R"), reader, str(folder), str(page), str(predictions or "")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    if "Warning" in done.stderr:
        print(done.stderr)
    found = json.loads(done.stdout)
    print(f"{reader}: {', '.join(found['versions'])}")
    return found


def cell(row: dict[str, str], column: str) -> str | float | None:
    """Return what R should make of a cell: a text, a number, or nothing."""
    return (float if NUMBERS.fullmatch(column) else plain)(row[column]) if row[column] else None


def passage(truth: Truth, check: Checks, found: dict[str, Any], predictions: Path | None) -> None:
    """R code of the documentation: tables, summary, features and polygons."""
    rows = table_of(truth.folder / "tiles.csv")
    tables = {"tiles": rows, "predictions": table_of(predictions)} if predictions else {"tiles": rows}
    for name, expected in tables.items():
        check.equal(f"read.csv of {name}.csv: columns", list(found[name]), list(expected[0]))
        wrong = [column for column in expected[0] if found[name][column] != [cell(row, column) for row in expected]]
        check.equal(f"read.csv of {name}.csv: columns that differ", wrong, [])
    check.equal("read_json: µm per pixel", found["summary_mpp"], truth.mpp)
    with h5py.File(truth.folder / "stamp.h5") as file:
        stamp, stamp_corners = np.asarray(file["feats"]), np.asarray(file["coords"])
    check.equal("h5read: features", np.float32(found["features"]), truth.features())
    check.equal("h5read: places", found["corners"], truth.corners)
    check.equal("h5readAttributes: µm per pixel", found["mpp"], truth.mpp)
    check.equal("h5read of stamp.h5: features", np.float32(found["stamp"]), stamp)
    check.equal("h5read of stamp.h5: places in µm", found["stamp_corners_um"], stamp_corners)
    check.equal("hdf5r: features", np.float32(found["hdf5r_features"]), truth.features())
    check.equal("hdf5r: places", found["hdf5r_corners"], truth.corners)
    classified = [row for row in rows if row["decision"] != "refused"]
    labels = [truth.labels[i] if row["decision"] == "accepted" else "not sure" for i, row in enumerate(classified)]
    check.equal("st_read: corners", found["map_corners"], truth.corners)
    check.equal("st_read: sizes", found["map_sizes"], truth.sizes)
    check.equal("st_area: pixels", found["map_areas"], truth.sizes.prod(axis=1))
    check.equal("st_read: classes", found["map_label"], labels)
    confidence = [float(row["confidence"]) for row in classified]
    check.equal("stream_in: confidence", found["map_measurements"]["confidence"], confidence, within=5.1e-5)


def h5ad(truth: Truth, check: Checks, found: dict[str, Any]) -> None:
    """The table that a reader in R made of ``tiles.h5ad``."""
    check.equal("X", np.float32(found["X"]), truth.features())
    check.equal("middles", found["middles"], truth.corners + truth.tile_level0_px / 2, within=0.501)
    check.equal("labels", found["label"], truth.labels)
    print(f"         columns of obs: {', '.join(found['obs'])}")


def main(reader: str, folder: str, predictions: str | None = None) -> int:
    """Check one reader, and return the exit status."""
    table = Path(predictions) if predictions else None
    truth, check = Truth.read(Path(folder), Path()), Checks()
    found = found_in_r(reader, truth.folder, table)
    if reader == "r":
        passage(truth, check, found, table)
    else:
        h5ad(truth, check, found)
    print(f"  {f'{check.failed} wrong' if check.failed else 'all right'}")
    return 1 if check.failed else 0


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4 or sys.argv[1] not in ("r", "anndatar", "zellkonverter"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
