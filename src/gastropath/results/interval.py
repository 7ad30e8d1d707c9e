"""Single values of ``metrics.json``, each with its 95 % interval."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gastropath.formulas import Estimate

Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of the document: checked when made, and unknown keys forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Part):
    """A value with its 95 % interval; ``None`` where it is not defined (a class without tiles, say)."""

    value: Share | None
    low: Share | None = None
    high: Share | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Figure:
        """Turn NaN into ``None``."""
        return cls(value=_known(estimate.value), low=_known(estimate.low), high=_known(estimate.high))

    def estimate(self) -> Estimate:
        """Turn ``None`` into NaN."""
        return Estimate(*(math.nan if v is None else v for v in (self.value, self.low, self.high)))


class Score(Part):
    """A value that is no share, with its 95 % interval: a likelihood, a score, a difference."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Score:
        """Turn NaN into ``None``."""
        return cls(value=float(estimate.value), low=_known(estimate.low), high=_known(estimate.high))

    def estimate(self) -> Estimate:
        """Turn ``None`` into NaN."""
        return Estimate(*(math.nan if v is None else v for v in (self.value, self.low, self.high)))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
