"""Tiles divided into parts and folds."""
