"""Computer-drawn tissue tiles."""
