"""Tiles on disk: finding, auditing, splitting and drawing them."""
