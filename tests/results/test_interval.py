"""An interval as it is written."""

from __future__ import annotations

from gastropath.results.interval import Interval


def test_what_rounds_to_nothing_has_no_sign():
    assert str(Interval(value=-0.0, low=-0.0001, high=-0.0)) == "0.000 (0.000 to 0.000)"
    assert str(Interval(value=-0.0002, low=None, high=None)) == "0.000"
    assert str(Interval(value=-0.2, low=-0.3, high=-0.1)) == "−0.200 (−0.300 to −0.100)"
