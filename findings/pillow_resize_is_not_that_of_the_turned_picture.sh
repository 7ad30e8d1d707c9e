#!/usr/bin/env bash
# Pillow 13.0.0, numpy 2.4.6, CPython 3.11 on Linux; seen 2026-11-29.
#
# A picture that is turned by a quarter, resized and turned back is not the picture resized: with the default filter of
# Image.resize (BICUBIC) pixels differ by up to 15 grey values, with LANCZOS by up to 30, over dark dots on a light ground
# as nuclei are. Mirrored instead of turned, none differs. Pillow resizes along the rows first and cuts what overshoots to
# 0 to 255 before it resizes along the columns; in mode "F" nothing is cut, and the two agree. So the answers of a model
# over the turns of a tile depend on whether tiles are turned before or after they are resized. An expert expects a
# filter that is the same along both axes to differ by rounding alone.
#
# Prints the largest differences, and fails where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6 2>"$work/warnings" ||
  { cat "$work/warnings"; exit 1; }
cat > "$work/program.py" <<'PY'
import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
y, x = np.mgrid[:300, :300]
picture = np.full((300, 300), 245, np.uint8)
for column, row, radius in rng.uniform((0, 0, 3), (300, 300, 9), (150, 3)):
    picture[(x - column) ** 2 + (y - row) ** 2 < radius**2] = 30


def resized(pixels, resample, mode):
    found = Image.fromarray(np.ascontiguousarray(pixels)).convert(mode).resize((512, 512), resample)
    return np.rint(np.clip(np.asarray(found, float), 0, 255))


for resample in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
    for mode in ("L", "F"):
        plain = resized(picture, resample, mode)
        turned = np.rot90(resized(np.rot90(picture), resample, mode), -1)
        mirrored = resized(picture[:, ::-1], resample, mode)[:, ::-1]
        away = [int(np.abs(plain - other).max()) for other in (turned, mirrored)]
        print(f"{resample.name} in mode {mode}: turned {away[0]}, mirrored {away[1]}")
PY
seen=$("$work/venv/bin/python" "$work/program.py" 2>"$work/warnings") || { cat "$work/warnings"; exit 1; }
printf '%s\n' "$seen"
expected="BICUBIC in mode L: turned 15, mirrored 0
BICUBIC in mode F: turned 0, mirrored 0
LANCZOS in mode L: turned 30, mirrored 0
LANCZOS in mode F: turned 0, mirrored 0"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
