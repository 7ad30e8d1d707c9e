"""What a result means: sections, charts, pages and terminal text."""
