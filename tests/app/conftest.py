"""Fixtures of the page's tests."""

import page_driver

browser = page_driver.browser
visit = page_driver.visit
coloured_tiles = page_driver.coloured_tiles
coloured_run = page_driver.coloured_run
uploads = page_driver.uploads
