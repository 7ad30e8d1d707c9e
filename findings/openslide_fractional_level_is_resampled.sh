#!/usr/bin/env bash
# OpenSlide 4.0.1 (openslide-bin 4.0.1.2, openslide-python 1.4.7), a file written by tifffile 2026.3.3, CPython 3.11 on
# Linux; seen 2026-11-29.
#
# A pyramid whose second level is not a whole fraction of the first (2,002 x 1,502 px and 500 x 375 px: a downsample of
# 4.0047) is read by read_region at that level as something else than what is stored there, though the region asked for is
# of that level's own pixels: they come back shifted by a part of a pixel and averaged with their neighbours. Read from
# (0, 0) the pixels are those stored; read from a place in the middle, given in pixels of level 0 as the function wants it,
# 97 % of them are not. Over noise the difference is up to 28 grey values, where an expert expects the stored pixels, as a
# whole fraction (2,000 x 1,500 px) gives them.
#
# Prints what was seen, and fails where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openslide-python==1.4.7 openslide-bin==4.0.1.2 \
  tifffile==2026.3.3 numpy==2.4.6 2>"$work/warnings" || { cat "$work/warnings"; exit 1; }
cat > "$work/program.py" <<'PY'
import warnings

import numpy as np
import openslide
import tifffile

warnings.simplefilter("ignore")
for width, height in ((2000, 1500), (2002, 1502)):
    noise = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    with tifffile.TiffWriter("slide.tif") as tiff:
        whole = np.full((height, width, 3), 200, np.uint8)
        tiff.write(whole, photometric="rgb", tile=(256, 256), metadata=None)
        tiff.write(noise, subfiletype=1, photometric="rgb", tile=(256, 256), metadata=None)
    slide = openslide.OpenSlide("slide.tif")
    scale = slide.level_downsamples[1]
    for x, y in ((0, 0), (301, 203)):
        at = (round(x * scale), round(y * scale))
        read = np.asarray(slide.read_region(at, 1, (64, 64)).convert("RGB"), int)
        away = np.abs(read - noise[y : y + 64, x : x + 64])
        print((width, height), f"downsample {scale:.4f}, at {(x, y)}: {(away > 0).mean():.0%} differ, up to {away.max()}")
PY
cd "$work"
seen=$("$work/venv/bin/python" program.py 2>"$work/warnings") || { cat "$work/warnings"; exit 1; }
printf '%s\n' "$seen"
expected="(2000, 1500) downsample 4.0000, at (0, 0): 0% differ, up to 0
(2000, 1500) downsample 4.0000, at (301, 203): 0% differ, up to 0
(2002, 1502) downsample 4.0047, at (0, 0): 0% differ, up to 0
(2002, 1502) downsample 4.0047, at (301, 203): 97% differ, up to 28"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
