"""Training on all tiles: a model to publish, whose figures are cross-validated for want of tiles it has not seen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.errors import UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, changes, codes, now, paths
from gastropath.workflows.extras import need
from gastropath.workflows.train import RECIPE

if TYPE_CHECKING:
    from gastropath.evaluation.assessment import Assessment
    from gastropath.results.card import Card
    from gastropath.results.metrics import Metrics, SourceMetrics

_READING, _FOLDS, _TRAINING = "auditing tiles", "cross-validating", "training"


@dataclass(frozen=True)
class PublishedModel:
    """A bundle that learned from all tiles.

    Attributes
    ----------
    folder
        The sealed bundle.
    metrics
        Each tile judged by a model that was trained, and calibrated, without the tile's fold.
    """

    folder: Path
    metrics: Metrics


def train_on_all(
    data: Paths,
    out: StrPath,
    *,
    folds: int = 5,
    by: str = "group",
    recipe: str = RECIPE,
    settings: Mapping[str, object] | Sequence[str] = (),
    classes: Sequence[str] | None = None,
    precision: Literal["float32", "float16"] = "float32",
    source_column: str = "",
    source_names: Mapping[str, str] | None = None,
    described: Callable[[Card], Card] | None = None,
    cache: StrPath | None = None,
    created: str | None = None,
    progress: Progress | None = None,
) -> PublishedModel:
    """Cross-validate a recipe, train a last model on all tiles, and seal it with the cross-validated figures.

    Parameters
    ----------
    data, classes, settings, cache, created, progress
        As for :func:`gastropath.train`.
    out
        Folder of the bundle.
    folds, by
        How many folds, and what stays in one, as for :func:`gastropath.split`.
    recipe
        Name or TOML file of one that needs no validation part, by the method ``transfer``.
    precision
        Of the bundle's graph.
    source_column
        Column of the table of tiles; the figures are also told for each of its values.
    source_names
        What its values are called in the card; one that is not named keeps its own.
    described
        Given the card before it is written, returns it with the words that only its maker knows.

    Returns
    -------
    PublishedModel
        The bundle and its figures.

    Raises
    ------
    MissingExtra, NoTilesFound, TooFewTiles, UnknownSetting, CannotWrite
        See :func:`gastropath.train`.
    """
    need("train")
    from gastropath.bundle.files import seal
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.index import find_tiles
    from gastropath.data.split.division import make_split
    from gastropath.data.split.units import method_named
    from gastropath.evaluation.assessment import assess_out_of_fold
    from gastropath.inference.classifier import Classifier
    from gastropath.training.context import TrainingContext
    from gastropath.training.cross_validation import cross_validate
    from gastropath.training.draft_card import draft_card
    from gastropath.training.features import FeatureStore
    from gastropath.training.recipe import read_recipe
    from gastropath.training.start import Start

    stages, store, sources = (
        Stages([_READING, _FOLDS, _TRAINING], progress),
        FeatureStore(cache_folder(cache)),
        paths(data),
    )
    used = read_recipe(recipe, changes(settings))
    if used.watches_validation:
        raise UnknownSetting("needs a validation part, and all tiles are trained on", parameter="recipe")
    audited = audit_tiles(find_tiles(sources, codes(classes)), cache=store.folder, progress=stages[_READING])
    dealt = make_split(audited, method_named(by), folds=folds, seed=used.seed)
    whole = replace(dealt, parts=("train",) * len(dealt.index))
    name = " + ".join(path.resolve().name for path in sources)
    start, draft = Start(whole, used), draft_card(whole, used, name=name, created=created or now())
    with tempfile.TemporaryDirectory() as work:

        def of_fold(_: int, part) -> Classifier:
            trained = used.train(TrainingContext(part, Path(work), store, stages[_FOLDS]))
            return trained.classifier(start.calibrated(trained, draft))

        answers = cross_validate(dealt, of_fold, with_validation=False, progress=stages[_FOLDS])
        trained = used.train(TrainingContext(whole, Path(work), store, stages[_TRAINING]))
    judged = assess_out_of_fold(draft, answers.index, answers.predictions, seed=used.seed)
    names, by_source = source_names or {}, _by_source(draft, judged, source_column, used.seed)
    named = {names.get(source, source): found for source, found in by_source.items()}
    metrics = judged.metrics.model_copy(update={"by_source": named})
    card = described(draft) if described else draft
    card = start.calibrated(trained, card.model_copy(update={"precision": precision}))
    bundle = seal(trained.write(card, Path(out)), metrics)
    return PublishedModel(bundle.folder, metrics)


def _by_source(draft: Card, judged: Assessment, column: str, seed: int) -> dict[str, SourceMetrics]:
    """Judge the tiles of each source apart."""
    from gastropath.evaluation.assessment import assess_out_of_fold
    from gastropath.results.metrics import SourceMetrics

    cells = judged.index.extra.get(column, ())
    found = {}
    for name in sorted(set(cells)):
        rows = [row for row, cell in enumerate(cells) if cell == name]
        of_source = assess_out_of_fold(draft, judged.index.take(rows), judged.predictions[rows], seed=seed).metrics
        found[name] = SourceMetrics(
            n=of_source.n,
            accuracy=of_source.accuracy,
            macro_f1=of_source.macro_f1,
            coverage=of_source.abstention.coverage,
            selective_accuracy=of_source.abstention.selective_accuracy,
            unlike_training=of_source.abstention.unlike_training,
        )
    return found
