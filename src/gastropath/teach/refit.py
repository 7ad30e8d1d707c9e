"""Fitting a head anew on what a model learned from and on new examples, and what that is worth.

The new examples weigh together as much as the model's own, or three times more or less where leaving out some of them
shows that to be better: with a weight of one a label, five labels drown in thousands of tiles, and with much more the
model forgets what it knew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gastropath import formulas
from gastropath.errors import TooFewTiles
from gastropath.inference.calibration import NEIGHBOURS, HeldOut
from gastropath.inference.head_strength import STRENGTHS, USUAL_STRENGTH
from gastropath.inference.linear_head import Head, class_weights, fit_head
from gastropath.inference.ood import distances
from gastropath.parallel import each
from gastropath.progress import Progress, silent
from gastropath.teach.examples import Examples

SHARES = (1.0, 0.3, 3.0)
"""What the new examples weigh together, tried in this order; the model's own weigh 1."""

FEW_CLASSES = 4
"""The first labels weigh less, the fewer there are than two of each labelled class, and of so many classes at least:
else the first two, of one class, would have nearly every tile called that."""

FOLDS = 10
"""Folds at most; each unit of new examples is one where there are no more."""

ENOUGH_UNITS, ENOUGH = 4, 20
"""Units and examples from which weight and strength are chosen; with fewer they are 1 and 10."""

_CHOOSING_TILES, _CHOOSING_FOLDS = 1000, 5
_HELD_OUT = 200
_ABSENT = 20.0
"""How far a class that a fold left no example of lies behind the others, in logits."""


@dataclass(frozen=True)
class Base:
    """What a model says of the tiles it learned from.

    Attributes
    ----------
    head
        Of the model, on its own classes.
    codes
        Its classes.
    features
        Of training tiles that stand for all: ``float32``, shape (r, f).
    labels
        Class number of each, shape (r,).
    units
        What is not independent of each other, shape (r,); each tile is one where nobody knows.
    """

    head: Head
    codes: tuple[str, ...]
    features: np.ndarray
    labels: np.ndarray
    units: np.ndarray

    def of(self, codes: Sequence[str]) -> Base:
        """Return what is left of it where the classes are others."""
        number = np.array([codes.index(code) if code in codes else -1 for code in self.codes])
        kept = number[self.labels] >= 0
        features, labels, units = self.features[kept], number[self.labels[kept]], self.units[kept]
        return Base(self.head, tuple(codes), features, labels, units)  # the head keeps its own classes


@dataclass(frozen=True)
class Refitted:
    """A head fitted anew, and its answers where it did not learn.

    Attributes
    ----------
    head
        On all examples and all of the model's own tiles.
    share
        What the new examples weigh together, beside the model's own.
    strength
        Inverse of the penalty.
    held_out
        Answers of heads that were fitted without a tile's unit, for calibration; both kinds of tiles.
    new
        Class numbers that these heads answer the new examples with, shape (n,); -1 where every example was needed.
    own
        The same for the model's own tiles, and of heads that learned from no new example: shapes (r,) and (r,).
    """

    head: Head
    share: float
    strength: float
    held_out: HeldOut
    new: np.ndarray
    own: tuple[np.ndarray, np.ndarray]


def refit(
    base: Base,
    examples: Examples,
    codes: Sequence[str],
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Refitted:
    """Fit a head on a model's own tiles and on new examples.

    Parameters
    ----------
    base
        Of the model, from :meth:`Base.of` for these classes.
    examples
        New ones, none of them for checking.
    codes
        Classes of the new head.
    seed
        Of folds and draws.

    Raises
    ------
    TooFewTiles
        If a class has no tile at all.
    """
    problem = _Problem.of(base, examples, codes, seed)
    share, strength = usual_share(examples), USUAL_STRENGTH
    if len(problem.folds) >= ENOUGH_UNITS and len(examples) >= ENOUGH:
        share, strength = problem.best(SHARES, STRENGTHS, progress)
    progress("judging what was learned", 0, 1)
    held_out, new, own = problem.out_of_fold(share, strength)
    progress("judging what was learned", 1, 1)
    return Refitted(problem.unscaled(problem.fit(share, strength)), share, strength, held_out, new, own)


def quick_fit(base: Base, examples: Examples, codes: Sequence[str], start: Head | None = None) -> Head:
    """Fit a head at the usual weight and strength, from where the last one was: what is wanted after each label."""
    problem = _Problem.of(base, examples, codes, 0)
    begin = Head(start.kernel * np.float32(problem.scale), start.bias) if start else None
    return problem.unscaled(problem.fit(usual_share(examples), USUAL_STRENGTH, start=begin))


def usual_share(examples: Examples) -> float:
    """Return what new examples weigh together where nothing better is known: as much as the model's own tiles.

    The first ones weigh less; see :data:`FEW_CLASSES`.
    """
    return SHARES[0] * min(1.0, len(examples) / (2 * max(len(set(examples.labels)), FEW_CLASSES)))


def answered(head: Head, features: np.ndarray, codes: Sequence[str]) -> np.ndarray:
    """Return which class a head answers each tile with, as text: shape (n,)."""
    return np.array(codes)[head.logits(features).argmax(axis=1)]


@dataclass(frozen=True)
class _Problem:
    """The model's own tiles and the new ones, one below the other."""

    features: np.ndarray
    labels: np.ndarray
    n_own: int
    n_classes: int
    units: np.ndarray
    folds: list[np.ndarray]
    seed: int
    scale: float  # length of a row of features, to which the penalty is fitted

    @classmethod
    def of(cls, base: Base, examples: Examples, codes: Sequence[str], seed: int) -> _Problem:
        number = {code: place for place, code in enumerate(codes)}
        new = np.array([number[label] for label in examples.labels], np.int64)
        labels = np.concatenate([base.labels, new])
        if missing := [code for code, place in number.items() if place not in labels]:
            raise TooFewTiles(
                f"no tile of class {missing[0]}", remedy="label some, or leave the class out by `classes`"
            )
        units = np.unique(np.array(examples.units, str), return_inverse=True)[1].ravel()
        own_units = np.unique(base.units, return_inverse=True)[1].ravel()
        n_folds, folds = min(FOLDS, int(units.max(initial=-1)) + 1), []
        if n_folds > 1:
            rng = np.random.default_rng(seed)
            of_new, of_own = _dealt(units, n_folds, rng), _dealt(own_units, n_folds, rng)
            fold = np.concatenate([of_own, of_new])
            folds = [np.flatnonzero(fold == one) for one in range(n_folds)]
        scale = float(np.linalg.norm(base.features, axis=1).mean()) if len(base.labels) else 1.0
        both = np.concatenate([base.features, examples.features]).astype(np.float32) / np.float32(scale or 1.0)
        all_units = np.concatenate([own_units, units + own_units.max(initial=0) + 1])
        return cls(both, labels, len(base.labels), len(codes), all_units, folds, seed, scale or 1.0)

    def fit(self, share: float, strength: float, rows: np.ndarray | None = None, start: Head | None = None) -> Head:
        """Fit a head on some rows; a class of which none is there lies far behind the others."""
        rows = np.arange(len(self.labels)) if rows is None else rows
        labels = self.labels[rows]
        present = np.unique(labels)
        place = np.full(self.n_classes, -1)
        place[present] = np.arange(len(present))
        head = fit_head(
            self.features[rows],
            place[labels],
            len(present),
            strength,
            weights=self._weights(rows, share),
            start=start if len(present) == self.n_classes else None,
        )
        if len(present) == self.n_classes:
            return head
        kernel = np.zeros((len(head.kernel), self.n_classes), np.float32)
        bias = np.full(self.n_classes, head.bias.min() - _ABSENT, np.float32)
        kernel[:, present], bias[present] = head.kernel, head.bias
        return Head(kernel, bias)

    def unscaled(self, head: Head) -> Head:
        """Return a head for features as they are."""
        return Head(head.kernel / np.float32(self.scale), head.bias)

    def best(self, shares: Sequence[float], strengths: Sequence[float], progress: Progress) -> tuple[float, float]:
        """Choose weight and strength by held-out answers; of equals, the weight of 1, which is tried first.

        New tiles and the model's own count the same, whatever their numbers. Another weight has to be better by more
        than one standard error of the new tiles' surprise.
        """
        own = _some(self.n_own, _CHOOSING_TILES, self.seed)
        used = np.concatenate([own, np.arange(self.n_own, len(self.labels))])
        found: dict[tuple[float, float], tuple[float, float]] = {}
        n_folds = min(_CHOOSING_FOLDS, len(self.folds))
        folds = [np.concatenate(self.folds[first::n_folds]) for first in range(n_folds)]
        for number, share in enumerate(shares):
            logits = np.zeros((len(strengths), len(self.labels), self.n_classes), np.float32)
            answers = each(partial(self._held_logits, share, strengths, used), folds)
            for held, answer in zip(folds, answers, strict=True):
                logits[:, np.intersect1d(held, used)] = answer
            for place, strength in enumerate(strengths):
                found[share, strength] = self._surprise(logits[place], used)
            progress("choosing weight and strength", number + 1, len(shares))
        best = {share: min(strengths, key=lambda strength: found[share, strength][0]) for share in shares}
        usual = shares[0]
        chosen = min(shares, key=lambda share: found[share, best[share]][0])
        surprise, error = found[usual, best[usual]]
        if found[chosen, best[chosen]][0] > surprise - error:
            chosen = usual
        return chosen, best[chosen]

    def _held_logits(self, share: float, strengths: Sequence[float], used: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Answer for the used tiles of a fold by heads that were fitted without it, one for each strength."""
        train, asked = np.setdiff1d(used, held), self.features[np.intersect1d(held, used)]
        start, logits = None, []
        for strength in strengths:
            start = self.fit(share, strength, train, start)
            logits.append(start.logits(asked))
        return np.stack(logits)

    def out_of_fold(self, share: float, strength: float) -> tuple[HeldOut, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Answer for every tile by heads that were fitted without its unit."""
        n = len(self.labels)
        logits, without = np.zeros((n, self.n_classes), np.float32), np.zeros((n, self.n_classes), np.float32)
        away = np.zeros(n)
        is_own = np.arange(n) < self.n_own
        folds = self.folds or self._own_folds()

        def answer(held: np.ndarray) -> None:
            train = np.setdiff1d(np.arange(n), held)
            logits[held] = self.fit(share, strength, train).logits(self.features[held])
            only_own = train[is_own[train]]
            own_held = held[is_own[held]]
            if len(np.unique(self.labels[only_own])) > 1 and len(own_held):
                without[own_held] = self.fit(share, strength, only_own).logits(self.features[own_held])
            away[held] = distances(self.features[held], self.features[train], min(NEIGHBOURS, len(train)))

        for _ in each(answer, folds):
            pass
        new = logits[self.n_own :].argmax(axis=1) if self.folds else np.full(n - self.n_own, -1)
        own = (without[: self.n_own].argmax(axis=1), logits[: self.n_own].argmax(axis=1))
        judged = np.intersect1d(np.concatenate(folds), np.concatenate([self._held_out_own(), np.flatnonzero(~is_own)]))
        held_out = HeldOut(logits[judged], self.labels[judged], away[judged], self.units[judged], "out-of-fold")
        return held_out, new, own

    def _held_out_own(self) -> np.ndarray:
        """Return the rows of the model's own tiles that count in calibration: not many more than there are new ones."""
        return _some(self.n_own, max(_HELD_OUT, len(self.labels) - self.n_own), self.seed)

    def _own_folds(self) -> list[np.ndarray]:
        """Return folds of the model's own tiles alone, where all new ones are needed for learning."""
        dealt = _dealt(self.units[: self.n_own], FOLDS, np.random.default_rng(self.seed))
        return [rows for fold in range(FOLDS) if len(rows := np.flatnonzero(dealt == fold))]

    def _weights(self, rows: np.ndarray, share: float) -> np.ndarray:
        """Return what each row weighs: of the own tiles all classes alike, the new ones ``share`` of that together."""
        own, new = rows < self.n_own, rows >= self.n_own
        weights = np.ones(len(rows))
        if own.any():
            labels = self.labels[rows[own]]
            weights[own] = class_weights(labels, self.n_classes, "balanced")[labels]
        if new.any() and own.any():
            labels = self.labels[rows[new]]
            weights[new] = class_weights(labels, self.n_classes, "balanced")[labels] * share * own.sum() / new.sum()
        return weights

    def _surprise(self, logits: np.ndarray, used: np.ndarray) -> tuple[float, float]:
        """Return −ln p(label) after temperature scaling, own and new tiles alike, and the standard error of the new."""
        temperature = formulas.fit_temperature(logits[used], self.labels[used])
        chances = formulas.softmax(logits / temperature)[np.arange(len(logits)), self.labels]
        surprise = -np.log(np.maximum(chances, 1e-12))
        own, new = surprise[used[used < self.n_own]], surprise[self.n_own :]
        parts = [part.mean() for part in (own, new) if len(part)]
        return float(np.mean(parts)), float(new.std() / max(len(new), 1) ** 0.5) / len(parts)


def _dealt(units: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each row; units, which are numbered from 0, are dealt out at random."""
    return rng.permutation(np.arange(int(units.max(initial=-1)) + 1) % folds)[units]


def _some(n: int, most: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])
