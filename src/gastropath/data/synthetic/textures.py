"""The eight drawings behind the synthetic tiles: an H&E-like texture for each tissue class.

A drawing fills two maps, the concentration of haematoxylin (nuclei, mucus) and of eosin (cytoplasm, fibres), and
knows nothing of colour. All lengths are micrometres on the tissue; concentration 1 is a well stained normal nucleus.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gastropath.data.synthetic.canvas import Canvas


def adipose(c: Canvas) -> None:
    """ADI: large empty cells with thin walls and a few flattened nuclei in them."""
    rng = c.rng
    border, angle = c.compartments(rng.uniform(52, 82), 0.14, warp_um=1.5, rounding_um=rng.uniform(1.5, 4))
    wall = rng.uniform(0.5, 1.4) * np.maximum(1 + 0.5 * c.noise(18), 0.4)
    membrane = np.clip((wall - border) / (1.5 * c.mpp) + 0.5, 0, 1)
    c.eosin += membrane * (rng.uniform(0.45, 0.9) + 0.15 * c.noise(4))
    c.haematoxylin += membrane * rng.uniform(0.05, 0.35)
    c.eosin += rng.uniform(0, 0.06)
    rows, columns = np.nonzero(border < 0.5)
    if len(rows):
        picked = rng.integers(len(rows), size=rng.integers(2, 9))
        x, y = (columns[picked] + 0.5) * c.mpp, (rows[picked] + 0.5) * c.mpp
        k = len(picked)
        c.stamp(
            c.haematoxylin,
            x,
            y,
            long_um=rng.uniform(3.5, 6, k),
            short_um=rng.uniform(1.0, 1.7, k),
            angle=angle[rows[picked], columns[picked]],
            amount=rng.uniform(0.9, 1.3, k),
        )


def debris(c: Canvas) -> None:
    """DEB: granular, cracked eosinophilic material with ghosts of cells and dark nuclear dust."""
    rng = c.rng
    border, _ = c.compartments(rng.uniform(11, 20), 0.3, warp_um=2.5, rounding_um=1.0)
    cracks = np.clip((rng.uniform(0.2, 1.2) + 0.7 * c.noise(14) - border) / 0.8, 0, 1)
    grain = 0.2 * c.noise(1.1) + 0.22 * c.noise(2.4) + 0.08 * c.noise(25)
    c.eosin += np.clip(rng.uniform(0.45, 0.7) + grain, 0.1, 1.5) * (1 - 0.85 * cracks)
    c.haematoxylin += np.clip(rng.uniform(0.05, 0.25) + 0.7 * grain, 0, 1) * (1 - 0.85 * cracks)
    x, y = c.scatter(18, 0.35)
    k = len(x)
    ghosts = np.zeros_like(c.eosin)
    c.stamp(ghosts, x, y, long_um=rng.uniform(4, 7, k), short_um=rng.uniform(3.5, 5, k), hollow=0.9, wobble=0.08)
    c.eosin += 0.3 * ghosts
    x, y = c.scatter(rng.uniform(3.2, 4.6), 0.45)
    kept = c.at(c.noise(22), x, y) + 0.6 * rng.standard_normal(len(x)) > rng.uniform(0.3, 0.9)
    x, y = x[kept], y[kept]
    size = rng.uniform(0.45, 1.3, len(x))
    size[rng.random(len(x)) < 0.08] *= 1.8
    amount = rng.uniform(0.7, 1.6, len(x))
    c.stamp(c.haematoxylin, x, y, long_um=size * rng.uniform(1, 1.6, len(x)), short_um=size, amount=amount, wobble=0.2)


def lymphocytes(c: Canvas) -> None:
    """LYM: a dense crowd of small, round, dark nuclei with hardly any cytoplasm."""
    rng = c.rng
    c.eosin += np.clip(rng.uniform(0.0, 0.3) + 0.1 * c.noise(9) + 0.06 * c.noise(2.5), 0, 1)
    x, y = c.scatter(rng.uniform(7.6, 9.6), 0.16)
    kept = c.at(c.noise(35), x, y) * 0.5 + rng.standard_normal(len(x)) * 0.4 < rng.uniform(0.5, 1.6)
    x, y = x[kept], y[kept]
    k = len(x)
    radius, angle = rng.normal(3.35, 0.3, k), rng.uniform(0, np.pi, k)
    c.stamp(c.eosin, x, y, long_um=radius * 1.3, short_um=radius * 1.2, angle=angle, amount=0.3)
    amount = rng.normal(1.5, 0.15, k)
    c.stamp(
        c.haematoxylin, x, y, long_um=radius * 1.08, short_um=radius * 0.95, angle=angle, amount=amount, wobble=0.03
    )
    c.haematoxylin *= 1 + 0.13 * c.noise(1.3)


def mucus(c: Canvas) -> None:
    """MUC: pale bluish mucus in wispy strands, a few cells afloat."""
    rng = c.rng
    u, v, _ = c.flow(rng.uniform(4, 10), rng.uniform(70, 120), warp_um=9)
    base = rng.uniform(0.34, 0.58)
    c.haematoxylin += base * np.clip(1 + 0.25 * c.noise(28) + 0.1 * c.noise(5), 0, 3)
    for width, strength in ((rng.uniform(8, 13), 1.0), (rng.uniform(2.5, 4.5), 0.8)):
        ridge = np.exp(-((c.streaks(u, v, 7 * width, width) / rng.uniform(0.1, 0.25)) ** 2))
        c.haematoxylin += strength * rng.uniform(0.35, 0.6) * ridge * np.clip(0.7 + 0.5 * c.noise(20), 0, 2)
        c.eosin += strength * rng.uniform(0, 0.2) * ridge
    c.eosin += rng.uniform(0, 0.12)
    k = int(rng.integers(1, 7))
    x, y = rng.uniform(0, c.field_um, (2, k))
    turn = rng.uniform(0, np.pi, k)
    body, nucleus = rng.uniform(4, 7.5, k), rng.uniform(2.6, 4.2, k)
    c.stamp(c.eosin, x, y, long_um=body, short_um=0.75 * body, angle=turn, amount=0.4, wobble=0.12)
    x, y = x + rng.normal(0, 1, k), y + rng.normal(0, 1, k)
    c.stamp(c.haematoxylin, x, y, long_um=nucleus, short_um=0.75 * nucleus, angle=turn, amount=1.1, wobble=0.06)


def muscle(c: Canvas) -> None:
    """MUS: parallel, gently waving smooth-muscle fibres with blunt, cigar-shaped nuclei along them."""
    rng = c.rng
    u, v, angle = c.flow(rng.uniform(1.5, 5), rng.uniform(60, 110), warp_um=2.5)
    width = rng.uniform(4.5, 6.5)
    fibre = c.streaks(u, v, 90, width)
    seam = np.exp(-((fibre / 0.22) ** 2))
    c.eosin += np.clip(rng.uniform(0.6, 0.95) + 0.07 * fibre + 0.08 * c.streaks(u, v, 12, 1.3), 0, 2)
    c.eosin *= 1 - rng.uniform(0.25, 0.5) * seam
    c.haematoxylin += rng.uniform(0.04, 0.16)
    x, y = c.scatter(rng.uniform(12, 16), 0.3)
    kept = rng.random(len(x)) < 0.8
    x, y = x[kept], y[kept]
    k = len(x)
    tilt = c.at(angle, x, y) + rng.normal(0, 0.06, k)
    long_um = rng.uniform(5, 8, k)
    amount = rng.uniform(0.8, 1.25, k)
    c.stamp(
        c.haematoxylin, x, y, long_um=long_um, short_um=rng.uniform(1.4, 2.1, k), angle=tilt, amount=amount, hollow=0.2
    )


def normal_mucosa(c: Canvas) -> None:
    """NOR: glands cut across: rings of columnar cells with basal nuclei round a pale lumen, in lamina propria."""
    rng = c.rng
    c.eosin += np.clip(rng.uniform(0.3, 0.5) + 0.1 * c.noise(8) + 0.04 * c.noise(2), 0, 1)
    c.haematoxylin += 0.06
    spacing = rng.uniform(48, 64)
    gx, gy = c.scatter(spacing, 0.06, margin_um=0.7 * spacing)
    glands = len(gx)
    outer = spacing * rng.uniform(0.40, 0.46, glands)
    squeeze, tilt = rng.uniform(0.72, 1.0, glands), rng.uniform(0, np.pi, glands)
    inside, nuclei, lumen = (np.zeros_like(c.eosin) for _ in range(3))
    c.stamp(inside, gx, gy, long_um=outer, short_um=outer * squeeze, angle=tilt, wobble=0.0)
    hole = rng.uniform(0.25, 0.42, glands)
    c.stamp(lumen, gx, gy, long_um=outer * hole, short_um=outer * hole * squeeze, angle=tilt, wobble=0.15)

    x, y = c.scatter(rng.uniform(8.5, 12), 0.3)
    kept = (c.at(inside, x, y) == 0) & (rng.random(len(x)) < 0.7)
    x, y = x[kept], y[kept]
    k = len(x)
    c.stamp(
        c.haematoxylin,
        x,
        y,
        long_um=rng.uniform(2.4, 3.8, k),
        short_um=rng.uniform(1.2, 2.6, k),
        angle=rng.uniform(0, np.pi, k),
        amount=rng.uniform(0.8, 1.3, k),
    )
    cytoplasm = np.clip(rng.uniform(0.06, 0.22) + 0.08 * c.noise(3), 0, 1)
    c.eosin += inside * (cytoplasm - c.eosin)
    c.haematoxylin *= 1 - inside
    c.haematoxylin += inside * rng.uniform(0.06, 0.2)
    cells = np.maximum(8, (2 * np.pi * outer * (1 + squeeze) / 2 / rng.uniform(4.6, 5.6)).astype(int))
    owner = np.repeat(np.arange(glands), cells)
    turn = np.concatenate([np.arange(n) / n for n in cells]) * 2 * np.pi + rng.normal(0, 0.03, len(owner))
    # Nuclei and cell borders live on the unit circle and are carried to each gland's ellipse.
    basal = 1 - rng.uniform(3.2, 4.4, len(owner)) / outer[owner]
    for radius, turns in ((basal, turn), ((1 + hole[owner]) / 2, turn + np.pi / cells[owner])):
        along, across = outer[owner] * radius * np.cos(turns), (outer * squeeze)[owner] * radius * np.sin(turns)
        cos, sin = np.cos(tilt[owner]), np.sin(tilt[owner])
        x, y = gx[owner] + along * cos - across * sin, gy[owner] + along * sin + across * cos
        radial = np.arctan2(y - gy[owner], x - gx[owner])
        k = len(owner)
        if radius is basal:
            c.stamp(
                nuclei,
                x,
                y,
                long_um=rng.uniform(2.8, 3.8, k),
                short_um=rng.uniform(1.7, 2.3, k),
                angle=radial,
                amount=rng.uniform(1.2, 1.6, k),
                hollow=0.15,
            )
        else:
            length = outer[owner] * (1 - hole[owner]) / 2.4
            c.stamp(c.eosin, x, y, long_um=length, short_um=0.45, angle=radial, amount=0.7)
    c.haematoxylin = np.maximum(c.haematoxylin, nuclei)
    c.eosin *= 1 - 0.95 * lumen
    c.haematoxylin *= 1 - 0.95 * lumen


def stroma(c: Canvas) -> None:
    """STR: loose, wavy bundles of collagen with a few thin spindle nuclei."""
    rng = c.rng
    u, v, angle = c.flow(rng.uniform(2.5, 6), rng.uniform(35, 60), warp_um=7)
    bundle = c.streaks(u, v, 45, rng.uniform(6, 10))
    fibril = c.streaks(u, v, 22, 1.7)
    c.eosin += rng.uniform(0.3, 0.6) * np.clip(0.8 + 0.6 * bundle + 0.5 * fibril, 0, 2.5)
    c.haematoxylin += rng.uniform(0.02, 0.1)
    x, y = c.scatter(rng.uniform(17, 26), 0.35)
    k = len(x)
    c.stamp(
        c.haematoxylin,
        x,
        y,
        long_um=rng.uniform(4.5, 8.5, k),
        short_um=rng.uniform(0.7, 1.15, k),
        angle=c.at(angle, x, y) + rng.normal(0, 0.1, k),
        amount=rng.uniform(0.9, 1.4, k),
    )


def tumour(c: Canvas) -> None:
    """TUM: irregular nests of crowded, large, uneven nuclei with nucleoli."""
    rng = c.rng
    gap = np.clip((np.abs(c.noise(48)) - rng.uniform(0.02, 0.2)) * 6, 0, 1)
    c.eosin += np.clip(rng.uniform(0.35, 0.6) + 0.1 * c.noise(6) + 0.04 * c.noise(2), 0, 1) * (0.45 + 0.55 * gap)
    c.haematoxylin += rng.uniform(0.2, 0.4) * gap
    x, y = c.scatter(rng.uniform(14, 17.5), 0.12, margin_um=12)
    kept = c.at(gap, x, y) > 0.35
    x, y = x[kept], y[kept]
    k = len(x)
    long_um = np.clip(rng.normal(7.8, 1.2, k), 6, 10)
    short_um = long_um * rng.uniform(0.65, 0.95, k)
    turn = rng.uniform(0, np.pi, k)
    amount = rng.normal(1.7, 0.2, k)
    c.stamp(
        c.haematoxylin,
        x,
        y,
        long_um=long_um,
        short_um=short_um,
        angle=turn,
        amount=amount,
        hollow=rng.uniform(0.35, 0.55),
        wobble=0.07,
    )
    c.haematoxylin *= 1 + 0.1 * c.noise(1.8)
    for _ in range(2):
        seen = rng.random(k) < 0.7
        dx, dy = rng.normal(0, 1.6, (2, k))
        c.stamp(
            c.haematoxylin,
            (x + dx)[seen],
            (y + dy)[seen],
            long_um=rng.uniform(0.9, 1.5, k)[seen],
            short_um=rng.uniform(0.8, 1.2, k)[seen],
            amount=2.0,
        )


DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "ADI": adipose,
    "DEB": debris,
    "LYM": lymphocytes,
    "MUC": mucus,
    "MUS": muscle,
    "NOR": normal_mucosa,
    "STR": stroma,
    "TUM": tumour,
}
