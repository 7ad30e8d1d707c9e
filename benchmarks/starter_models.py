"""The models that ``starter.py`` compares: recipes, tiles with their features, heads that have not seen a source."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from gastropath import formulas
from gastropath.data.colour.stains import restained
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split.units import kept_together
from gastropath.images import to_tile
from gastropath.inference.calibration import NEIGHBOURS, HeldOut, calibrate
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.head_strength import choose_strength
from gastropath.inference.linear_head import Head, fit_head
from gastropath.inference.ood import distances
from gastropath.inference.views import VIEWS, dihedral
from gastropath.parallel import each
from gastropath.results.card import Abstention
from gastropath.training.features import FeatureStore, FrozenNetwork, extract
from gastropath.training.network import frozen_backbone
from gastropath.training.tile_source import TileSource, sources

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
MAPS = ("block_05", "block_11", "last")
GASTRIC = "hmu_gc_he_30k"
SIDE, MPP = 224, 0.5
TARGET = 0.8


@dataclass(frozen=True)
class Recipe:
    """What a head is fitted on: which views of a tile, what each tile weighs, and whether doubtful labels count."""

    name: str
    views: tuple[str, ...] = ("own",)
    weighing: str = "tiles"
    is_clean: bool = False


RECIPES = (
    Recipe("1. as the old starter"),
    Recipe("2. sources weigh the same", weighing="sources"),
    Recipe("3. a colorectal tile weighs a third", weighing="gastric"),
    Recipe("4. as 1, resampled", views=("own", "resampled")),
    Recipe("5. as 4, restained", views=("own", "resampled", "restained")),
    Recipe("6. as 5 and 3, doubtful labels left out", ("own", "resampled", "restained"), "gastric", is_clean=True),
)


def frozen() -> FrozenNetwork:
    """Return the network that all of them share."""
    return frozen_backbone("efficientnet-lite0", "", MAPS, SIDE).frozen


@dataclass(frozen=True)
class ChangedTile(TileSource):
    """A tile turned, resampled to a share of the model's side before it is read, and stained more or less."""

    view: int = 0
    scale: float = 1.0
    haematoxylin: float = 1.0
    eosin: float = 1.0

    def load(self, tile_px: int) -> np.ndarray:
        """Decode and change it."""
        pixels = super().load(tile_px)
        if self.scale < 1:
            side = round(tile_px * self.scale)
            shrunk = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
            pixels = to_tile(np.asarray(shrunk), tile_px)
        if (self.haematoxylin, self.eosin) != (1.0, 1.0):
            pixels = restained(pixels, self.haematoxylin, self.eosin)
        return np.ascontiguousarray(dihedral(pixels, self.view))


@dataclass(frozen=True)
class Tiles:
    """Tiles, where they come from, and their features.

    Attributes
    ----------
    index
        The tiles.
    is_old
        Which of them the old starter learned from.
    features
        By kind of view: ``float32``, shape (n, views, f).
    """

    index: TileIndex
    is_old: np.ndarray
    features: dict[str, np.ndarray]
    strengths: dict[bytes, float] = field(default_factory=dict)
    """Chosen so far, by the training rows."""

    @cached_property
    def labels(self) -> np.ndarray:
        """Class numbers."""
        return self.index.numbers(CLASSES)

    @cached_property
    def units(self) -> np.ndarray:
        """What stays together."""
        return kept_together(self.index)

    @cached_property
    def is_gastric(self) -> np.ndarray:
        """Which tiles are of the stomach."""
        return np.array([name.startswith(GASTRIC) for name in self.index.extra["set"]])

    @cached_property
    def sources(self) -> np.ndarray:
        """The notebook of a gastric tile, the set of another."""
        both = zip(self.is_gastric, self.index.groups, self.index.extra["set"], strict=True)
        return np.array([group if gastric else name for gastric, group, name in both])

    @cached_property
    def gastric_sources(self) -> list[str]:
        """Of the old tiles first."""
        old, new = (set(self.sources[self.is_gastric & (self.is_old == is_old)]) for is_old in (True, False))
        return [*sorted(old), *sorted(new)]

    def without(self, *names: str) -> np.ndarray:
        """Rows of all other sources."""
        return np.flatnonzero(~np.isin(self.sources, names))

    def of(self, name: str) -> np.ndarray:
        """Rows of a source."""
        return np.flatnonzero(self.sources == name)

    def strength(self, rows: np.ndarray) -> float:
        """Choose the strength on training rows, as recipe ``transfer`` does."""
        key = rows.tobytes()
        if key not in self.strengths:
            folds = grouped_folds(self.labels[rows], self.units[rows], len(CLASSES))
            own = self.features["own"][rows, :1]
            chosen, _ = choose_strength(own, self.labels[rows], folds, len(CLASSES), weighting="balanced")
            self.strengths[key] = chosen
        return self.strengths[key]

    @classmethod
    def read(cls, tables: Sequence[Path], cache: Path) -> Tiles:
        """List the tiles of the eight classes, and compute the features of all their views."""
        parts = [find_tiles([table], CLASSES) for table in tables]
        store, features, network = FeatureStore(cache), {}, frozen()
        plain = [tile for part in parts for tile in sources(part, MPP)]
        features["own"] = extract(plain, network, store, views=VIEWS)
        for kind, change in (("resampled", _resampled), ("restained", _restained)):
            changed = [change(tile, np.random.default_rng([row, len(kind)])) for row, tile in enumerate(plain)]
            flat = extract([view for tile in changed for view in tile], network, store)
            features[kind] = flat.reshape(len(plain), VIEWS, -1)

        def column(name: str) -> tuple[str, ...]:
            return tuple(cell for part in parts for cell in getattr(part, name))

        sets = tuple(name for part in parts for name in part.extra["set"])
        index = TileIndex(parts[0].root, column("paths"), column("labels"), column("groups"), extra={"set": sets})
        return cls(index, np.repeat([number == 0 for number in range(len(parts))], [len(p) for p in parts]), features)


def _resampled(tile: TileSource, rng: np.random.Generator) -> list[ChangedTile]:
    scales = rng.uniform(0.7, 1.0, VIEWS)
    return [ChangedTile(tile.file, tile.zoom, view=view, scale=scale) for view, scale in enumerate(scales)]


def _restained(tile: TileSource, rng: np.random.Generator) -> list[ChangedTile]:
    factors = rng.uniform(0.8, 1.2, (VIEWS, 2))
    return [
        ChangedTile(tile.file, tile.zoom, view=view, haematoxylin=float(h), eosin=float(e))
        for view, (h, e) in enumerate(factors)
    ]


@dataclass(frozen=True)
class Answers:
    """What models said of tiles they had not seen: class numbers, and whether they answered, for some rows.

    ``states`` tells for each model (by what it had not seen) whether its target was met, and its threshold.
    """

    rows: np.ndarray
    numbers: np.ndarray
    is_answered: np.ndarray
    states: dict[str, str]

    @classmethod
    def joined(cls, parts: Iterable[Answers]) -> Answers:
        """Put answers for different tiles together."""
        parts = list(parts)
        states = {name: state for part in parts for name, state in part.states.items()}
        rows, numbers, is_answered = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "numbers", "is_answered")
        )
        order = np.argsort(rows)
        return cls(rows[order], numbers[order], is_answered[order], states)


def fitted(tiles: Tiles, recipe: Recipe, rows: np.ndarray, start: Head | None = None) -> Head:
    """Fit a head on some tiles."""
    strength = tiles.strength(rows)
    if recipe.is_clean:
        rows = rows[~_is_doubtful(tiles, rows)]
    features = np.concatenate([tiles.features[kind][rows] for kind in recipe.views], axis=1)
    _, views, width = features.shape
    weights = np.repeat(_weights(tiles, recipe.weighing, rows) / views, views)
    labels = np.repeat(tiles.labels[rows], views)
    return fit_head(features.reshape(-1, width), labels, len(CLASSES), strength, weights=weights, start=start)


def _weights(tiles: Tiles, weighing: str, rows: np.ndarray) -> np.ndarray:
    """Return the weight of each tile: as many in all as there are tiles, and of each class the same."""
    labels, names = tiles.labels[rows], tiles.sources[rows]
    weights = np.ones(len(rows))
    if weighing == "gastric":
        weights[~tiles.is_gastric[rows]] = 1 / 3
    if weighing == "sources":
        counts = {name: (names == name).sum() for name in names}
        weights = np.array([1 / counts[name] for name in names])
        weights = np.minimum(weights / weights.mean(), 3)
    of_class = np.bincount(labels, weights, minlength=len(CLASSES))
    return weights / of_class[labels] * len(rows) / len(CLASSES)


def _is_doubtful(tiles: Tiles, rows: np.ndarray) -> np.ndarray:
    """Say whose label has a probability below 0.1 for a head that was fitted without its fold."""
    labels, own = tiles.labels[rows], tiles.features["own"][rows, 0]
    logits, strength = np.zeros((len(rows), len(CLASSES)), np.float32), tiles.strength(rows)
    for train, held in grouped_folds(labels, tiles.units[rows], len(CLASSES)):
        weights = _weights(tiles, "tiles", rows[train])
        logits[held] = fit_head(own[train], labels[train], len(CLASSES), strength, weights=weights).logits(own[held])
    chances = formulas.softmax(logits / formulas.fit_temperature(logits, labels))
    return chances[np.arange(len(rows)), labels] < 0.1


class LeftOut:
    """Heads of a recipe that were fitted without one or two gastric sources, each fitted when it is first needed."""

    def __init__(self, tiles: Tiles, recipe: Recipe, near: LeftOut | None = None) -> None:
        """Fit from the heads of another recipe, which are near."""
        self.tiles, self.recipe, self.near = tiles, recipe, near
        self._heads: dict[frozenset[str], Head] = {}

    def fit(self) -> None:
        """Fit them all: without each source, and without each two."""
        names = self.tiles.gastric_sources
        sets = [(), *((name,) for name in names), *itertools.combinations(names, 2)]
        for _ in each(lambda left: self.head(*left), sets):
            pass

    def head(self, *names: str) -> Head:
        """Return the head that has not seen these sources."""
        key = frozenset(names)
        if key not in self._heads:
            start = self.near.head(*names) if self.near else None
            self._heads[key] = fitted(self.tiles, self.recipe, self.tiles.without(*names), start)
        return self._heads[key]

    def held_out(self, *left: str) -> HeldOut:
        """Let heads answer for gastric sources left out one at a time, none of them having seen ``left`` either."""
        others = [name for name in self.tiles.gastric_sources if name not in left]
        return HeldOut.together(
            [_asked(self.tiles, self.head(*left, name), self.tiles.without(*left, name), name) for name in others]
        )

    def answers(self, name: str) -> Answers:
        """Answer for a source with a model that is trained, and calibrated, without it."""
        held = _asked(self.tiles, self.head(name), self.tiles.without(name), name)
        return _answered(held, self.held_out(name), self.tiles.of(name), name)


def _asked(tiles: Tiles, head: Head, train: np.ndarray, name: str) -> HeldOut:
    rows = tiles.of(name)
    own = tiles.features["own"]
    away = distances(own[rows, 0], own[train, 0], NEIGHBOURS)
    unit = np.full(len(rows), sorted(set(tiles.sources)).index(name))
    return HeldOut(head.logits(own[rows, 0]), tiles.labels[rows], away, unit, "out-of-fold")


def _answered(asked: HeldOut, held_out: HeldOut, rows: np.ndarray, name: str) -> Answers:
    """Calibrate on what was held out, and answer or abstain."""
    calibration, rule, domain = calibrate(held_out, len(rows), by="accuracy", at=TARGET, in_domain=0.95)
    assert rule
    assert domain
    chances = formulas.softmax(asked.logits / calibration.temperature)
    is_answered = (chances.max(axis=1) >= rule.answers_from) & (asked.distances <= domain.threshold)
    return Answers(rows, chances.argmax(axis=1), is_answered, {name: state_of(rule)})


def state_of(rule: Abstention) -> str:
    """Say what is known of the target, and the threshold."""
    return f"{rule.state.replace('_', ' ')} ({rule.threshold:.2f})"


def by_group(tiles: Tiles, recipe: Recipe, rows: np.ndarray, strength: float | None = None) -> HeldOut:
    """Let heads answer for five grouped folds of some tiles, each fitted without the fold."""
    own, parts = tiles.features["own"], []
    for train, held in grouped_folds(tiles.labels[rows], tiles.units[rows], len(CLASSES)):
        if strength:
            tiles.strengths.setdefault(rows[train].tobytes(), strength)
        head = fitted(tiles, recipe, rows[train])
        asked, away = own[rows[held], 0], distances(own[rows[held], 0], own[rows[train], 0], NEIGHBOURS)
        answers = head.logits(asked), tiles.labels[rows[held]], away, tiles.units[rows[held]]
        parts.append((held, HeldOut(*answers, "out-of-fold")))
    order = np.argsort(np.concatenate([held for held, _ in parts]))
    found = HeldOut.together([part for _, part in parts])
    return HeldOut(found.logits[order], found.labels[order], found.distances[order], found.units[order], "out-of-fold")


def calibrated_by_group(tiles: Tiles, name: str, rows: np.ndarray) -> Answers:
    """Answer for a source as the old starter would: recipe 1 on some rows, calibrated on all of them by group."""
    head = fitted(tiles, RECIPES[0], rows)
    held_out = by_group(tiles, RECIPES[0], rows, tiles.strength(rows))
    return _answered(_asked(tiles, head, rows, name), held_out, tiles.of(name), name)
