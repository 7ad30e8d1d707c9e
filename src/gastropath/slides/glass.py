"""What glass looks like on a slide: how much stain, colour and light the empty places have."""

from __future__ import annotations

import numpy as np

_BRIGHT = 190
_GLASS_STAIN, _GLASS_TINT = 8, 20  # at most, of glass
_SCANNED_STAIN = 12  # more than of glass that nothing pure lies beside: one grey stands for it
_NEAR_PX, _SMOOTH = 7, 2.4  # greys by which glass differs from place to place, at most
_LEAST_FILLED, _GREYS, _PEAK_SHARE = 0.02, 3, 0.4  # glass has one grey, give or take so many


def scanned_glass(
    mean: np.ndarray, stain: np.ndarray, colour: np.ndarray, filler: np.ndarray, ndimage
) -> tuple[float, float, float] | None:
    """Return stain, colour and grey of glass beside the pure white that a scanner fills what it did not scan with.

    Mean, stain and colour are ``int16`` in 27ths, 18ths and ninths of a grey value; all shapes are (h, w). ``None``
    where nothing is filled, or no smooth grey stands out among the other bright pixels: then the white may be glass.
    """
    if filler.mean() < _LEAST_FILLED:
        return None
    scanned = ~ndimage.binary_dilation(filler, iterations=2) & (mean > 27 * _BRIGHT)
    if scanned.mean() <= 0.01:
        return None
    values = mean[scanned] / np.float32(27)
    counts = np.convolve(np.bincount(np.rint(values).astype(int), minlength=256), np.ones(2 * _GREYS + 1), "same")
    peak = int(counts.argmax())
    if counts[peak] < _PEAK_SHARE * len(values):
        return None
    there = np.abs(values - peak) <= _GREYS
    spread = ndimage.maximum_filter(mean, _NEAR_PX)
    spread -= ndimage.minimum_filter(mean, _NEAR_PX)
    if np.median(spread[scanned][there]) > 27 * _SMOOTH:  # tissue, however pale, has structure
        return None
    of_glass, tint = float(np.median(stain[scanned][there])) / 18, float(np.median(colour[scanned][there])) / 9
    return (of_glass, tint, float(peak)) if abs(of_glass) <= _SCANNED_STAIN and tint <= _GLASS_TINT else None


def brightest(mean: np.ndarray, stain: np.ndarray, colour: np.ndarray) -> tuple[float, float]:
    """Return stain and colour of the brightest pixels of a slide, limited to what glass can have.

    Parameters
    ----------
    mean, stain, colour
        ``int16`` in 27ths, 18ths and ninths of a grey value, all shapes (n,).
    """
    bright = mean > 27 * _BRIGHT
    if bright.sum() <= 0.01 * bright.size:
        return 0.0, 3.0
    most = bright & (mean >= np.percentile(mean[bright], 60))
    return (
        float(np.clip(np.median(stain[most]) / 18, -_GLASS_STAIN, _GLASS_STAIN)),
        float(min(np.median(colour[most]) / 9, _GLASS_TINT)),
    )
