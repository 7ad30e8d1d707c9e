"""Maps of slides, looked at and corrected by their user."""
