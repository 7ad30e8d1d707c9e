#!/usr/bin/env bash
# OpenSlide 4.0.1 (openslide-bin 4.0.1.2, openslide-python 1.4.7), files written by tifffile 2026.3.3, CPython 3.11 on
# Linux; seen 2026-11-29.
#
# A tile of level 0 that was not stored (offset and byte count 0, as writers leave out glass) is transparent, in levels 1
# and 2 too, though the tiles of these levels are stored whole; and the rest of each tile above the missing one is not read
# from the tile either, but drawn from finer levels. So one missing tile of 64 changes a quarter of level 2 (below, each
# level has a grey of its own: 200, 150, 100), and a hole, black after convert("RGB"), appears in what was stored as
# glass. This happens only where the description of the first page begins with "Aperio": of the same file with another
# description, levels 1 and 2 are read as they are stored. An expert expects each level to be read from its own tiles.
#
# Prints what was seen, and fails where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openslide-python==1.4.7 openslide-bin==4.0.1.2 \
  tifffile==2026.3.3 numpy==2.4.6 2>"$work/warnings" || { cat "$work/warnings"; exit 1; }
cat > "$work/program.py" <<'PY'
import numpy as np
import openslide
import tifffile

APERIO = "Aperio Image Library v12.0.15\n1024x1024 (128x128)|AppMag = 20|MPP = 0.5"
for description in (APERIO, "another writer"):
    with tifffile.TiffWriter("slide.tif") as tiff:
        for side, grey in ((1024, 200), (512, 150), (256, 100)):
            page = np.full((side, side, 3), grey, np.uint8)
            tiff.write(page, photometric="rgb", tile=(128, 128), subfiletype=int(side < 1024), description=description,
                       metadata=None, software=False)
    with tifffile.TiffFile("slide.tif", mode="r+b") as tiff:
        for name in ("TileOffsets", "TileByteCounts"):
            tag = tiff.pages[0].tags[name]
            tag.overwrite((0, *tag.value[1:]))
    slide = openslide.OpenSlide("slide.tif")
    print(slide.detect_format("slide.tif"))
    for level, size in enumerate(slide.level_dimensions):
        greys, alpha = np.moveaxis(np.asarray(slide.read_region((0, 0), level, size)), -1, 0)[[0, 3]]
        values, counts = np.unique(np.where(alpha, greys.astype(int), -1), return_counts=True)
        shares = {"transparent" if value < 0 else f"grey {value}": count for value, count in zip(values, counts)}
        print(f"  level {level}:", ", ".join(f"{name} {count / greys.size:.1%}" for name, count in shares.items()))
PY
cd "$work"
seen=$("$work/venv/bin/python" program.py 2>"$work/warnings") || { cat "$work/warnings"; exit 1; }
printf '%s\n' "$seen"
expected="aperio
  level 0: transparent 1.6%, grey 200 98.4%
  level 1: transparent 1.6%, grey 150 93.8%, grey 200 4.7%
  level 2: transparent 1.6%, grey 100 75.0%, grey 150 18.8%, grey 200 4.7%
generic-tiff
  level 0: transparent 1.6%, grey 200 98.4%
  level 1: grey 150 100.0%
  level 2: grey 100 100.0%"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
