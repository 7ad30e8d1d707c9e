"""How laboratories and scanners render drawn tissue: stains, light, magnification, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gastropath.data.synthetic.canvas import Map


@dataclass(frozen=True)
class Appearance:
    """How a laboratory and a scanner render tissue.

    Attributes
    ----------
    haematoxylin, eosin
        Optical density per unit of concentration in red, green and blue; the three add up to 1.5.
    haematoxylin_strength, eosin_strength
        Factors on the concentrations.
    glass
        Colour of empty glass in red, green and blue, 0 to 1.
    scale
        Magnification relative to the nominal 0.5 micrometres per pixel; 1.2 shows everything 1.2 times as large.
    blur_px
        Standard deviation of the optical blur in pixels.
    noise
        Standard deviation of the sensor noise in grey levels, 0 to 255.
    """

    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    haematoxylin_strength: float
    eosin_strength: float
    glass: tuple[float, float, float]
    scale: float
    blur_px: float
    noise: float


# Each axis runs from 0 to 1. The training domain draws from the middle of it, the shifted one from its two ends.
# Colour changes more between laboratories than darkness does: a histogram is misled where structure still holds.
_HUE_TRAINED, _HUE_SHIFTED = (0.18, 0.82), ((0.0, 0.08), (0.92, 1.0))
_TRAINED, _SHIFTED = (0.10, 0.90), ((0.0, 0.07), (0.93, 1.0))
# Optical densities at the two ends of each stain's axis: blue to violet, orange-red to magenta.
_HAEMATOXYLIN = np.array([(0.84, 0.52, 0.16), (0.44, 0.80, 0.42)])
_EOSIN = np.array([(0.03, 0.70, 0.76), (0.27, 0.95, 0.13)])
_STRENGTH = (0.67, 1.5)
_SCALE = (0.84, 1.19)
_GLASS = (0.84, 1.0)  # brightness
_BLUR_PX, _NOISE = (0.3, 0.9), (1.0, 4.0)
_CAST = 0.09  # the light's red over and blue under that, or the reverse


def _hue(rng: np.random.Generator, shifted: bool) -> float:
    return float(rng.uniform(*(_HUE_SHIFTED[int(rng.integers(2))] if shifted else _HUE_TRAINED)))


def _position(rng: np.random.Generator, shifted: bool) -> float:
    return float(rng.uniform(*(_SHIFTED[int(rng.integers(2))] if shifted else _TRAINED)))


def _between(ends: tuple[float, float], position: float) -> float:
    """Point on a logarithmic axis."""
    return float(ends[0] * (ends[1] / ends[0]) ** position)


def _stain(
    ends: NDArray[np.float64], position: float, deviation: NDArray[np.float64] | float = 0.0
) -> tuple[float, float, float]:
    # A fixed sum of densities changes the hue of a stain without changing how dark it is.
    vector = ends[0] * (1 - position) + ends[1] * position + deviation
    red, green, blue = 1.5 * np.clip(vector, 0.01, None) / vector.sum()
    return float(red), float(green), float(blue)


def _drawn_stain(rng: np.random.Generator, ends: NDArray[np.float64], shifted: bool) -> tuple[float, float, float]:
    return _stain(ends, _hue(rng, shifted), rng.uniform(-0.008, 0.008, 3))


def middle_appearance() -> Appearance:
    """Return the look in the middle of the training domain, at its nominal magnification."""
    brightness = _between(_GLASS, 0.5)
    return Appearance(
        haematoxylin=_stain(_HAEMATOXYLIN, 0.5),
        eosin=_stain(_EOSIN, 0.5),
        haematoxylin_strength=_between(_STRENGTH, 0.5),
        eosin_strength=_between(_STRENGTH, 0.5),
        glass=(brightness, brightness, brightness),
        scale=1.0,
        blur_px=sum(_BLUR_PX) / 2,
        noise=sum(_NOISE) / 2,
    )


def draw_appearance(rng: np.random.Generator, *, shifted: bool) -> Appearance:
    """Draw one laboratory's and scanner's look.

    Parameters
    ----------
    rng
        Source of randomness.
    shifted
        ``False`` draws from the training domain; ``True`` draws stain hues, stain strengths, glass and scale from
        ranges that do not overlap those of the training domain.
    """
    brightness = _between(_GLASS, _position(rng, shifted))
    cast = _CAST * (2 * _hue(rng, shifted) - 1)  # warm above 0, cool below
    red, green, blue = np.minimum(brightness * np.array([1 + cast, 1 + rng.uniform(-0.02, 0.02), 1 - cast]), 1)
    return Appearance(
        haematoxylin=_drawn_stain(rng, _HAEMATOXYLIN, shifted),
        eosin=_drawn_stain(rng, _EOSIN, shifted),
        haematoxylin_strength=_between(_STRENGTH, _position(rng, shifted)),
        eosin_strength=_between(_STRENGTH, _position(rng, shifted)),
        glass=(float(red), float(green), float(blue)),
        scale=_between(_SCALE, _position(rng, shifted)),
        blur_px=float(rng.uniform(*_BLUR_PX)),
        noise=float(rng.uniform(*_NOISE)),
    )


def stained(haematoxylin: Map, eosin: Map, appearance: Appearance, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn concentrations into what a scanner sees: stain, light, blur and noise.

    Parameters
    ----------
    haematoxylin, eosin
        Concentrations, ``float32``, shape (height, width); negative ones count as 0.
    appearance
        Stains, glass, blur and noise.
    rng
        Draws the noise.

    Returns
    -------
    numpy.ndarray
        RGB, ``uint8``, shape (height, width, 3).
    """
    haematoxylin = np.float32(appearance.haematoxylin_strength) * np.maximum(haematoxylin, 0)
    eosin = np.float32(appearance.eosin_strength) * np.maximum(eosin, 0)
    pixels = np.empty((*eosin.shape, 3), np.float32)
    for channel in range(3):
        # Beer-Lambert: each stain's optical density adds up, light falls off exponentially.
        density = haematoxylin * np.float32(appearance.haematoxylin[channel])
        density += eosin * np.float32(appearance.eosin[channel])
        pixels[..., channel] = np.float32(255 * appearance.glass[channel]) * np.exp(-density)
    image = Image.fromarray(np.rint(pixels).astype(np.uint8)).filter(ImageFilter.GaussianBlur(appearance.blur_px))
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(appearance.noise)
    return np.clip(np.rint(np.asarray(image) + noise), 0, 255).astype(np.uint8)
