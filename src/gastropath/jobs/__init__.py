"""Work that may be interrupted: a folder that remembers what it is part of, and goes on there."""
