"""Whole slides and large pictures: opened, divided into tiles, classified, written as maps."""
