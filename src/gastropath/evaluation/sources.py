"""How good a model is on the tiles of each source, where a column of their table names one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gastropath.data.index import TileIndex
from gastropath.evaluation.estimates import Resampling, abstention, accuracies
from gastropath.results.card import Card
from gastropath.results.metrics import SourceMetrics
from gastropath.results.predictions import Predictions

_COLUMNS = ("source", "set")
_MOST = 20
"""Sources told apart: a column with more values names tiles or patients, or where each came from."""


def named_sources(index: TileIndex) -> tuple[str, ...]:
    """Return the source of each tile; empty where no column names some for all of them.

    The columns are ``source`` and ``set``, in any case; the first counts that has a cell for every tile and 2 to 20
    different ones.
    """
    by_name = {name.casefold(): cells for name, cells in index.extra.items()}
    for name in _COLUMNS:
        cells = by_name.get(name, ())
        if all(cells) and 2 <= len(set(cells)) <= _MOST:
            return cells
    return ()


def by_source(
    card: Card, named: Sequence[str], true: np.ndarray, answers: Predictions, resampling: Resampling
) -> dict[str, SourceMetrics]:
    """Judge the tiles of each source apart.

    Parameters
    ----------
    card
        Of the model.
    named
        Source of each judged tile; none for no sources.
    true, answers, resampling
        Class number of each, the answer to it, and what intervals resample.
    """
    found = {}
    for name in sorted(set(named)):
        rows = np.flatnonzero(np.array(named) == name)
        of_source = answers[rows], resampling.take(rows)
        overall = accuracies(card.codes, true[rows], of_source[0].probabilities, of_source[1])
        abstained = abstention(card, true[rows], *of_source)
        found[name] = SourceMetrics(
            n=len(rows),
            accuracy=overall.accuracy,
            macro_f1=overall.macro_f1,
            coverage=abstained.coverage,
            selective_accuracy=abstained.selective_accuracy,
            unlike_training=abstained.unlike_training,
        )
    return found
