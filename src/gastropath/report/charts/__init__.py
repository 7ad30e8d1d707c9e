"""Charts by our own few lines: drawn once, written as SVG and as PNG."""
