#!/usr/bin/env bash
# Pillow 13.0.0, files written by tifffile 2026.3.3, CPython 3.11 on Linux; seen 2026-11-28.
#
# A 16-bit RGB TIFF whose colour planes are stored one after the other (PlanarConfiguration 2) is opened by Pillow and
# converted to 8 bits. Compressed (LZW) it is decoded rightly. Uncompressed, the same picture is decoded wrongly, without
# an error or a warning. tifffile reads both alike. An expert expects the compression to make no difference.
#
# Prints the mean difference from the source picture (0 to 255), and fails where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 imagecodecs==2026.3.6 \
  2>"$work/warnings" || { cat "$work/warnings"; exit 1; }
cat > "$work/program.py" <<'PY'
import io

import numpy as np
import tifffile
from PIL import Image

row, column = np.mgrid[0:40, 0:48]
picture = np.stack([column * 5 % 256, row * 6 % 256, (row + column) * 3 % 256], axis=-1)
planes = np.moveaxis(picture.astype(np.uint16) * 257, -1, 0)
for compression in (None, "lzw"):
    file = io.BytesIO()
    tifffile.imwrite(file, planes, photometric="rgb", planarconfig="separate", compression=compression)
    file.seek(0)
    again = np.moveaxis(tifffile.imread(file), 0, -1) // 257
    opened = Image.open(file)
    wrong = np.abs(np.asarray(opened).astype(int) - picture).mean()
    right = np.abs(again.astype(int) - picture).mean()
    print(f"{compression or 'uncompressed'}: mode {opened.mode}, Pillow {wrong:.1f}, tifffile {right:.1f}")
PY
seen=$("$work/venv/bin/python" "$work/program.py")
printf '%s\n' "$seen"
expected="uncompressed: mode RGB, Pillow 54.5, tifffile 0.0
lzw: mode RGB, Pillow 0.0, tifffile 0.0"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
