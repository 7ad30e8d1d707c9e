"""The page of a Space is looked at with the same driver as the page of ``gastropath app``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

import page_driver  # pyright: ignore[reportMissingImports]  (on the path by the line above)

browser = page_driver.browser
visit = page_driver.visit
coloured_tiles = page_driver.coloured_tiles
coloured_run = page_driver.coloured_run
uploads = page_driver.uploads
