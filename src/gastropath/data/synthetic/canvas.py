"""The canvas that synthetic tissue is drawn on: two stain concentration maps and the pencils for them.

All lengths are micrometres on the tissue; concentration 1 is a well stained normal nucleus.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float32]
Values = NDArray[np.floating]


class Canvas:
    """Two stain concentration maps of one square field of view, and the pencils that draw on them.

    Parameters
    ----------
    rng
        Source of everything random on this canvas.
    tile_px
        Side of the field in pixels.
    mpp
        Micrometres per pixel.

    Attributes
    ----------
    haematoxylin, eosin
        Concentrations, ``float32``, shape (tile_px, tile_px); 0 where there is only glass.
    x, y
        Position of each pixel's centre in micrometres, ``float32``, shape (tile_px, tile_px).
    """

    def __init__(self, rng: np.random.Generator, tile_px: int, mpp: float):
        self.rng = rng
        self.tile_px = tile_px
        self.mpp = mpp
        self.field_um = tile_px * mpp
        self.haematoxylin: Map = np.zeros((tile_px, tile_px), np.float32)
        self.eosin: Map = np.zeros((tile_px, tile_px), np.float32)
        self.y, self.x = np.meshgrid(
            *[(np.arange(tile_px, dtype=np.float32) + 0.5) * np.float32(mpp)] * 2, indexing="ij"
        )

    def noise(self, wavelength_um: float) -> Map:
        """Return smooth noise of about unit variance, ``float32``, shape (tile_px, tile_px)."""
        span = self.field_um / wavelength_um
        knots = self.rng.standard_normal((int(span) + 5,) * 2, dtype=np.float32) * 1.5
        left, top = self.rng.uniform(1, 2, 2)
        box, size = (left, top, left + span, top + span), (self.tile_px, self.tile_px)
        return np.asarray(Image.fromarray(knots).resize(size, Image.Resampling.BICUBIC, box=box))

    def streaks(self, u: Map, v: Map, length_um: float, width_um: float) -> Map:
        """Return noise stretched along ``u``: streaks of this length and width in the curved coordinates ``u, v``."""
        rows, columns = u / np.float32(length_um), v / np.float32(width_um)
        rows, columns = rows - rows.min(), columns - columns.min()
        table = self.rng.standard_normal((int(rows.max()) + 2, int(columns.max()) + 2), dtype=np.float32) * 1.5
        row, column = rows.astype(np.intp), columns.astype(np.intp)
        down, right = rows - row, columns - column
        down, right = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
        flat, corner = table.ravel(), row * table.shape[1] + column
        above = flat[corner] * (1 - right) + flat[corner + 1] * right
        corner += table.shape[1]
        return above * (1 - down) + (flat[corner] * (1 - right) + flat[corner + 1] * right) * down

    def flow(self, wave_um: float, wavelength_um: float, warp_um: float) -> tuple[Map, Map, Values]:
        """Return coordinates along (u) and across (v) a wavy field of fibres, and their local angle in radians."""
        angle = self.rng.uniform(0, np.pi)
        u = (self.x * np.cos(angle) + self.y * np.sin(angle)).astype(np.float32)
        v = self.y * np.cos(angle) - self.x * np.sin(angle)
        phase = self.rng.uniform(0, 2 * np.pi)
        bend = 2 * np.pi * u / wavelength_um + phase + 0.8 * self.noise(2 * wavelength_um)
        v = (v + wave_um * np.sin(bend) + warp_um * self.noise(45)).astype(np.float32)
        down, right = np.gradient(v)
        return u, v, np.arctan2(-right, down)

    def scatter(self, spacing_um: float, jitter: float = 0.25, margin_um: float = 8.0) -> tuple[Values, Values]:
        """Return positions on a hexagonal grid of this spacing, each moved at random by the share ``jitter`` of it."""
        step = spacing_um * np.sqrt(3) / 2
        rows = np.arange(-margin_um, self.field_um + margin_um + step, step)
        columns = np.arange(-margin_um, self.field_um + margin_um + spacing_um, spacing_um)
        y, x = np.meshgrid(rows, columns, indexing="ij")
        x[1::2] += spacing_um / 2
        start = self.rng.uniform(-0.5, 0.5, 2) * spacing_um
        moves = self.rng.normal(0, jitter * spacing_um, (2, x.size))
        return x.ravel() + start[0] + moves[0], y.ravel() + start[1] + moves[1]

    def at(self, values: Values, x: Values, y: Values) -> Values:
        """Return the values of a map at positions in micrometres (the nearest pixel on the canvas)."""
        column, row = (np.clip(p / self.mpp, 0, self.tile_px - 1).astype(np.intp) for p in (x, y))
        return values[row, column]

    def stamp(
        self,
        layer: Map,
        x: Values,
        y: Values,
        *,
        long_um: Values | float,
        short_um: Values | float,
        angle: Values | float = 0.0,
        amount: Values | float = 1.0,
        hollow: float = 0.0,
        wobble: float = 0.0,
    ) -> None:
        """Draw anti-aliased ellipses into a layer; where they overlap the stronger one shows.

        Parameters
        ----------
        layer
            ``float32``, shape (tile_px, tile_px); changed in place.
        x, y
            Centres in micrometres, shape (k,).
        long_um, short_um
            Half axes, of all or of each, shape (k,).
        angle
            Direction of the long axis in radians, of all or of each.
        amount
            Concentration, of all or of each.
        hollow
            How much paler the middle is than the rim, 0 to 1.
        wobble
            Irregularity of the outline, as a share of the radius.
        """
        if len(x) == 0:
            return
        x, y, long_um, short_um, angle, amount = (
            np.broadcast_to(np.asarray(p, np.float32), len(x))[:, None, None]
            for p in (x, y, long_um, short_um, angle, amount)
        )
        half = int(np.ceil(np.maximum(long_um, short_um).max() * (1 + 2 * wobble) / self.mpp)) + 1
        window = np.arange(-half, half + 1)
        column = np.floor(x / self.mpp).astype(np.intp) + window[None, None, :]
        row = np.floor(y / self.mpp).astype(np.intp) + window[None, :, None]
        right = ((column + 0.5) * self.mpp - x).astype(np.float32)
        down = ((row + 0.5) * self.mpp - y).astype(np.float32)
        cos, sin = np.cos(angle), np.sin(angle)
        u, v = (right * cos + down * sin) / long_um, (down * cos - right * sin) / short_um
        distance = np.sqrt(u * u + v * v)
        if wobble:
            around = np.arctan2(v, u)
            for lobes in (2, 3, 5):
                phase = self.rng.uniform(0, 2 * np.pi, x.shape).astype(np.float32)
                distance *= 1 + np.float32(wobble / np.sqrt(lobes)) * np.cos(lobes * around + phase)
        value = amount * np.clip((1 - distance) * short_um / self.mpp + 0.5, 0, 1)
        if hollow:
            value *= 1 - hollow * np.clip(1.25 * (1 - distance), 0, 1)
        drawn = (value > 0) & (column >= 0) & (column < self.tile_px) & (row >= 0) & (row < self.tile_px)
        np.maximum.at(layer.reshape(-1), (row * self.tile_px + column)[drawn], value[drawn])

    def compartments(self, spacing_um: float, jitter: float, warp_um: float, rounding_um: float) -> tuple[Map, Map]:
        """Divide the field into cells of about this spacing with rounded corners (a softened Voronoi diagram).

        Returns
        -------
        border_um : numpy.ndarray
            Distance to the nearest border, ``float32``, shape (tile_px, tile_px); below 0 in the corners where several
            cells meet.
        angle : numpy.ndarray
            Direction of that border in radians, ``float32``, shape (tile_px, tile_px).
        """
        reach = 2.3 * spacing_um
        seeds = np.stack(self.scatter(spacing_um, jitter, 1.2 * spacing_um), axis=1).astype(np.float32)
        x, y = (axis + np.float32(warp_um) * self.noise(0.4 * spacing_um) for axis in (self.x, self.y))
        shape, far = x.shape, np.float32(1e9)
        nearest, own_x, own_y = np.full(shape, far), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        windows = []
        for seed_x, seed_y in seeds:
            columns, rows = (
                slice(max(0, int((s - reach) / self.mpp)), max(0, int((s + reach) / self.mpp)))
                for s in (seed_x, seed_y)
            )
            window = (rows, columns)
            squared = (x[window] - seed_x) ** 2 + (y[window] - seed_y) ** 2
            windows.append((seed_x, seed_y, window, squared))
            closer = squared < nearest[window]
            nearest[window][closer] = squared[closer]
            own_x[window][closer], own_y[window][closer] = seed_x, seed_y
        crowd, border, angle = np.zeros(shape, np.float32), np.full(shape, far), np.zeros(shape, np.float32)
        for seed_x, seed_y, window, squared in windows:
            right, down = own_x[window] - seed_x, own_y[window] - seed_y
            apart = np.sqrt(right * right + down * down)
            other = apart > 0
            to_border = np.where(other, (squared - nearest[window]) / (2 * np.maximum(apart, 1e-3)), far)
            crowd[window] += np.exp(-to_border / np.float32(rounding_um))
            closer = to_border < border[window]
            border[window][closer] = to_border[closer]
            angle[window][closer] = np.arctan2(-right[closer], down[closer])
        return -np.float32(rounding_um) * np.log(np.maximum(crowd, 1e-9)), angle
