"""What tiles are called and coloured in maps."""

from __future__ import annotations

from collections.abc import Collection

ABSTAINED_COLOUR = "#999999"


def abstained_name(codes: Collection[str]) -> str:
    """Return what maps call tiles on which the model abstains: ``"not sure"``, unless a class is called so.

    Examples
    --------
    >>> abstained_name(["TUM", "STR"])
    'not sure'
    >>> abstained_name(["TUM", "not sure"])
    'not sure (abstained)'
    """
    name = "not sure"
    while name in codes:
        name += " (abstained)"
    return name


def rgb(color: str) -> tuple[int, int, int]:
    """Turn ``#rrggbb`` into three numbers."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue
