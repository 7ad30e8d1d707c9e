"""Whole slides and large images: read, divided into tiles, answered, written as maps."""
