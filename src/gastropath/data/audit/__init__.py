"""Every tile read once, and what that shows."""
