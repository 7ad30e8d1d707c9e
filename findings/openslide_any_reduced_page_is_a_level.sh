#!/usr/bin/env bash
# OpenSlide 4.0.1 (openslide-bin 4.0.1.2, openslide-python 1.4.7), files written by tifffile 2026.3.3, CPython 3.11 on
# Linux; seen 2026-11-28.
#
# In a generic tiled TIFF, every tiled picture marked as reduced resolution is taken for a level of the pyramid, whatever
# it shows and whatever its shape: a macro of 400 x 300 px beside a slide of 500 x 420 px is listed as the level between the
# two of the slide, and a reader who asks for the level of that downsample gets the macro. With a macro of 400 x 90 px,
# whose two sides would give different downsamples, the whole file is refused, though detect_format has just said that
# it is a generic TIFF. An expert expects pages of another aspect ratio to be left out.
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
for macro in ((300, 400), (90, 400)):
    with tifffile.TiffWriter("slide.tif") as tiff:
        for number, (height, width, grey) in enumerate([(420, 500, 200), (210, 250, 200), (*macro, 20)]):
            page = np.full((height, width, 3), grey, np.uint8)
            tiff.write(page, subfiletype=int(number > 0), photometric="rgb", tile=(128, 128), metadata=None)
    print("macro", macro[::-1], openslide.OpenSlide.detect_format("slide.tif"), end=": ")
    try:
        slide = openslide.OpenSlide("slide.tif")
    except openslide.OpenSlideError as error:
        print(f"{type(error).__name__} {error}")
    else:
        greys = [slide.read_region((0, 0), level, (1, 1)).getpixel((0, 0))[0] for level in range(slide.level_count)]
        print(slide.level_dimensions, "grey", greys)
PY
cd "$work"
seen=$("$work/venv/bin/python" program.py 2>"$work/warnings") || { cat "$work/warnings"; exit 1; }
printf '%s\n' "$seen"
expected="macro (400, 300) generic-tiff: ((500, 420), (400, 300), (250, 210)) grey [200, 20, 200]
macro (400, 90) generic-tiff: OpenSlideUnsupportedFormatError Unsupported or missing image file"
if [ "$seen" != "$expected" ]; then
  printf 'CHANGED; expected:\n%s\n' "$expected"
  exit 1
fi
echo "as described"
