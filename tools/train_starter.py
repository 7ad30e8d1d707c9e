"""Train the model that comes with GastroPath, on all real tiles of some tables, and write it into the package.

    python tools/train_starter.py ../shared/data/tiles.csv ../shared/data/more.csv

Seeded: the same tiles and versions give the same graph. The recipe is the one that `benchmarks/starter.py` chose. The
figures in its card are those of gastric tiles, each judged by a model that was trained, and calibrated, without the
tile's source; the model itself is trained on all tiles, and calibrated on gastric sources that were left out one at a
time. The tables need the columns ``path,label,group,set`` (columns of `../shared/data/tiles.csv`).
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

import gastropath
from gastropath.bundle.files import Bundle, seal
from gastropath.data.audit.audit import with_pixels
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.split.split import Split
from gastropath.data.split.units import kept_together
from gastropath.evaluation.assessment import assess_out_of_fold
from gastropath.inference.calibration import NEIGHBOURS, HeldOut
from gastropath.inference.grouped_folds import grouped_folds
from gastropath.inference.head_strength import choose_strength, fit_views
from gastropath.inference.linear_head import Head
from gastropath.inference.ood import distances
from gastropath.parallel import one_thread_each
from gastropath.results.card import LIMITATIONS, Card
from gastropath.results.metrics import Metrics, SourceMetrics
from gastropath.results.predictions import Predictions
from gastropath.training.draft_card import draft_card
from gastropath.training.features import FeatureStore, extract
from gastropath.training.network import Backbone, frozen_backbone
from gastropath.training.recipe import TransferRecipe, read_recipe
from gastropath.training.start import Start
from gastropath.training.tile_source import sources
from gastropath.training.trained import References, Trained
from gastropath.workflows.arguments import cache_folder

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
SETTINGS = ("views=8",)
HMU = "HMU-GC-HE-30K (Lou et al., Scientific Data 2025, doi 10.6084/m9.figshare.25954813)"
GASTRIC = {"hmu_gc_he_30k": HMU, "hmu_gc_he_30k_nb": HMU}
SETS = GASTRIC | {
    "crc_val_he_7k": "CRC-VAL-HE-7K (Kather et al., doi 10.5281/zenodo.1214456)",
    "nct_crc_he_100k": "NCT-CRC-HE-100K (Kather et al., doi 10.5281/zenodo.1214456)",
    "kather2016": "Kather texture 2016 (doi 10.5281/zenodo.53169)",
}


def main() -> None:
    """Train, let models that have not seen a source judge it, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+", help="CSV with path,label,group,set")
    parser.add_argument("--out", type=Path, default=Path(gastropath.__file__).parent / "starter")
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    recipe = read_recipe("transfer", SETTINGS)
    assert isinstance(recipe, TransferRecipe)
    index = _joined([find_tiles([table], CLASSES) for table in arguments.tables])
    whole = Split(index, ("train",) * len(index), "file", recipe.seed)
    start, new = Start(whole, recipe), arguments.out.with_name("starter.new")
    draft = _described(draft_card(whole, recipe, name="", created=datetime.now(UTC).date().isoformat()), index)
    shutil.rmtree(new, ignore_errors=True)
    with one_thread_each():
        models = SourcesLeftOut.of(index, recipe, FeatureStore(cache_folder(arguments.cache)))
        metrics = _metrics(models, start, draft)
        trained = models.trained()
    card = start.calibrated(trained, draft.model_copy(update={"precision": "float16"}))
    bundle = seal(trained.write(card, new), metrics)
    shutil.rmtree(arguments.out, ignore_errors=True)
    new.rename(arguments.out)
    _tell(Bundle(arguments.out, bundle.card), metrics)


@dataclass(frozen=True)
class SourcesLeftOut:
    """Models that have not seen one or two sources of gastric tiles.

    Attributes
    ----------
    index
        The tiles.
    recipe
        How a head is fitted.
    backbone
        What gives the features.
    features
        Of the tiles: ``float32``, shape (n, views, f).
    """

    index: TileIndex
    recipe: TransferRecipe
    backbone: Backbone
    features: np.ndarray
    heads: dict[frozenset[str], Head] = field(default_factory=dict)

    @classmethod
    def of(cls, index: TileIndex, recipe: TransferRecipe, store: FeatureStore) -> SourcesLeftOut:
        """Compute the features."""
        backbone = frozen_backbone(recipe.backbone, recipe.weights, recipe.maps, recipe.tile_px)
        features = extract(sources(index, recipe.mpp), backbone.frozen, store, views=recipe.views)
        return cls(index, recipe, backbone, features)

    @cached_property
    def labels(self) -> np.ndarray:
        """Class numbers, shape (n,)."""
        return self.index.numbers(CLASSES)

    @cached_property
    def units(self) -> np.ndarray:
        """What stays together where a strength is chosen, shape (n,)."""
        return kept_together(self.index)

    @cached_property
    def source(self) -> np.ndarray:
        """Where each gastric tile comes from; empty for another, which is always trained on and never judged."""
        both = zip(self.index.groups, self.index.extra["set"], strict=True)
        return np.array([group if name in GASTRIC else "" for group, name in both])

    @cached_property
    def names(self) -> list[str]:
        """Of the gastric sources."""
        return sorted(set(self.source[self.source != ""]))

    def rows_of(self, name: str) -> np.ndarray:
        """Rows of a source."""
        return np.flatnonzero(self.source == name)

    def rows_without(self, left: tuple[str, ...]) -> np.ndarray:
        """Rows that a model without some sources learns from."""
        return np.flatnonzero(~np.isin(self.source, left))

    def head(self, left: tuple[str, ...]) -> Head:
        """Fit a head without some sources, its strength chosen without them too."""
        if (key := frozenset(left)) not in self.heads:
            rows, weighting = self.rows_without(left), self.recipe.class_weights
            folds = grouped_folds(self.labels[rows], self.units[rows], len(CLASSES), seed=self.recipe.seed)
            known = self.features[rows], self.labels[rows]
            strength, _ = choose_strength(*known, folds, len(CLASSES), weighting=weighting, seed=self.recipe.seed)
            self.heads[key] = fit_views(*known, len(CLASSES), strength, weighting)
        return self.heads[key]

    def held_out(self, left: tuple[str, ...]) -> HeldOut:
        """Let models answer for the other sources, each without the source it answers for."""
        parts = []
        for number, name in enumerate(self.names):
            if name not in left:
                rows, known = self.rows_of(name), self.rows_without((*left, name))
                own = self.features[rows, 0]
                away = distances(own, self.features[known, 0], NEIGHBOURS)
                unit = np.full(len(rows), number)
                logits = self.head((*left, name)).logits(own)
                parts.append(HeldOut(logits, self.labels[rows], away, unit, "out-of-fold"))
        return HeldOut.together(parts)

    def trained(self, *left: str) -> Trained:
        """Return the model without some sources, with what it is to be calibrated on."""
        rows = self.rows_without(left)
        network = self.backbone.with_head(self.head(left))
        references = References(self.features[rows, 0], self.labels[rows], self.units[rows])
        return Trained(network, network.graph(), self.held_out(left), references)


def _metrics(models: SourcesLeftOut, start: Start, draft: Card) -> Metrics:
    """Judge gastric tiles by models that have not seen their source, all together and each source apart."""
    parts, judged = {}, {}
    for name in models.names:
        trained = models.trained(name)
        parts[name] = models.index.take(models.rows_of(name))
        classifier = trained.classifier(start.calibrated(trained, draft))
        judged[name] = classifier.predict(parts[name].files(), mpp=parts[name].mpp(), shown=parts[name].pixels)
        print(f"without {name}: {classifier.card.abstention}")
    answers = Predictions.joined(list(judged.values()), CLASSES)
    metrics = assess_out_of_fold(draft, _joined(list(parts.values())), answers, seed=start.recipe.seed).metrics
    by_source = {
        name.replace("hmu:", "HMU-GC-HE-30K, "): _of_source(draft, parts[name], judged[name], start.recipe.seed)
        for name in models.names
    }
    return metrics.model_copy(update={"by_source": by_source})


def _of_source(draft: Card, index: TileIndex, answers: Predictions, seed: int) -> SourceMetrics:
    found = assess_out_of_fold(draft, index, answers, seed=seed).metrics
    return SourceMetrics(
        n=found.n,
        accuracy=found.accuracy,
        macro_f1=found.macro_f1,
        coverage=found.abstention.coverage,
        selective_accuracy=found.abstention.selective_accuracy,
        unlike_training=found.abstention.unlike_training,
    )


def _joined(parts: list[TileIndex]) -> TileIndex:
    """Put tiles of one folder together that stand in several tables."""

    def column(name: str) -> tuple[str, ...]:
        return tuple(cell for part in parts for cell in getattr(part, name))

    sets = tuple(name for part in parts for name in part.extra["set"])
    whole = TileIndex(parts[0].root, column("paths"), column("labels"), column("groups"), extra={"set": sets})
    return with_pixels(whole)


def _described(card: Card, index: TileIndex) -> Card:
    """Return the card with the words that only the maker of the tables knows."""
    counts: Mapping[str, int] = Counter(SETS[name] for name in index.extra["set"])
    named = "; ".join(f"{counts[name]} tiles of {name}" for name in dict.fromkeys(SETS.values()) if counts[name])
    cited = ". ".join(dict.fromkeys(SETS.values())) + ". All under CC BY 4.0."
    data = card.training_data.model_copy(update={"name": named, "licence": "CC BY 4.0", "citation": cited})
    limits = (
        f"This is a starting point, not a classifier to rely on: it learned from {len(index)} tiles, of which "
        f"{counts[HMU]} are gastric (most resampled by public notebooks, with noisy labels) and the others colorectal. "
        "Train on your own tiles before you believe a map.",
        "Its figures, and its threshold, are of gastric tiles alone, each source of which was judged by a model that "
        "had not seen it. Patients are unknown, so its intervals are too narrow.",
        *LIMITATIONS,
    )
    return card.model_copy(update={"name": "GastroPath starter", "training_data": data, "limitations": limits})


def _tell(bundle: Bundle, metrics: Metrics) -> None:
    print(f"gastric: n {metrics.n}, accuracy {metrics.accuracy}, macro-F1 {metrics.macro_f1}")
    for name, found in metrics.by_source.items():
        print(f"{name}: n {found.n}, accuracy {found.accuracy}, macro-F1 {found.macro_f1}")
    print(f"answered {metrics.abstention.coverage}, right of these {metrics.abstention.selective_accuracy}")
    for code, row in metrics.abstention.per_class.items():
        print(f"  {code}: n {row.n}, answered {row.coverage:.2f}, unlike {row.unlike_training:.2f}")
    print(f"wrote {bundle.folder}: {bundle.card.abstention}")


if __name__ == "__main__":
    main()
