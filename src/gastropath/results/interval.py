"""A value with its 95 % interval."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypeAliasType

Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of a document: checked when made, unknown keys and numbers that are not finite forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Part):
    """A value with its 95 % interval.

    ``value`` is ``None`` where it is not defined (a class without tiles, say), ``low`` and ``high`` where no interval
    could be computed.

    Examples
    --------
    >>> print(Interval.of(0.8123, 0.75, 0.871))
    0.812 (0.750–0.871)
    >>> print(Interval.of(float("nan")))
    –
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float = math.nan, high: float = math.nan) -> Interval:
        """Make one of computed numbers; NaN becomes ``None``."""
        return cls(value=_known(value), low=_known(low), high=_known(high))

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Value, low and high for arithmetic and charts, NaN for what is missing."""
        value, low, high = (math.nan if number is None else number for number in (self.value, self.low, self.high))
        return value, low, high

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high is not None and self.high < 0

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:z.3f}".replace("-", "−")
        dash = " to " if self.low < 0 else "–"
        return f"{self.value:z.3f} ({self.low:z.3f}{dash}{self.high:z.3f})".replace("-", "−")

    def percent(self) -> str:
        """Write it in percent: ``81.2% (75.0% to 87.1%)``."""
        if self.value is None:
            return "–"
        if self.low is None or self.high is None:
            return f"{self.value:.1%}"
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


def _of_share(interval: Interval) -> Interval:
    for number in (interval.value, interval.low, interval.high):
        if number is not None and not 0 <= number <= 1:
            raise ValueError(f"a share lies between 0 and 1, found {number:g}")
    return interval


_SHARE_OR_NOTHING = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}

_SCHEMA = WithJsonSchema(
    {
        "type": "object",
        "description": "A share with its 95 % interval.",
        "properties": dict.fromkeys(("value", "low", "high"), _SHARE_OR_NOTHING),
        "required": ["value", "low", "high"],
        "additionalProperties": False,
    }
)
ShareInterval = TypeAliasType("ShareInterval", Annotated[Interval, AfterValidator(_of_share), _SCHEMA])
"""An interval of a share: all its numbers lie between 0 and 1."""


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
