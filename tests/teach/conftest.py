"""Fixtures of the pages' tests; slides are drawn, and browsers driven, as in other rooms."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))
sys.path.insert(0, str(Path(__file__).parents[1] / "slides"))

import page_driver  # pyright: ignore[reportMissingImports]  (on the path by the lines above)
import view_driver

browser = page_driver.browser
visit = page_driver.visit
squares = view_driver.squares
squares_map = view_driver.squares_map
starter_map = view_driver.starter_map
