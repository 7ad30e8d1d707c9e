"""Tiles that show the same picture: found, verified, listed."""
