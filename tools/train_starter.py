"""Train the model that comes with GastroPath, on all real tiles of a table, and write it into the package.

    python tools/train_starter.py ../shared/data/tiles.csv

Seeded: the same tiles and versions give the same graph. The figures in its card are cross-validated: each tile is
judged by a model that was trained, and calibrated, without the tile's fold, and folds part no group. The model itself
is trained on all tiles. The table needs the columns ``path,label,group,set`` (columns of `../shared/data/tiles.csv`).
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gastropath
from gastropath.bundle.files import seal
from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.division import make_split
from gastropath.evaluation.assessment import assess_out_of_fold
from gastropath.results.card import LIMITATIONS
from gastropath.training.cross_validation import cross_validate
from gastropath.training.draft import draft_card
from gastropath.training.features import FeatureStore
from gastropath.training.recipe import CnnRecipe, read_recipe
from gastropath.training.transfer import train_transfer

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
FOLDS = 5
SOURCES = {
    "hmu_gc_he_30k_nb": "HMU-GC-HE-30K (Lou et al., Scientific Data 2025, doi 10.6084/m9.figshare.25954813)",
    "crc_val_he_7k": "CRC-VAL-HE-7K (Kather et al., doi 10.5281/zenodo.1214456)",
    "nct_crc_he_100k": "NCT-CRC-HE-100K (Kather et al., doi 10.5281/zenodo.1214456)",
    "kather2016": "Kather texture 2016 (doi 10.5281/zenodo.53169)",
}


def main() -> None:
    """Train, cross-validate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV with path,label,group,set")
    parser.add_argument("--out", type=Path, default=Path(gastropath.__file__).parent / "starter")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "gastropath")
    arguments = parser.parse_args()
    recipe = read_recipe("transfer", ["views=8"])
    assert not isinstance(recipe, CnnRecipe)
    audit = audit_tiles(find_tiles([arguments.table], CLASSES))
    dealt = make_split(audit, "group", folds=FOLDS, seed=recipe.seed)
    split = replace(dealt, parts=("train",) * len(dealt.index))
    draft = draft_card(split, recipe, name="real tiles", created=datetime.now(UTC).date().isoformat())
    store = FeatureStore(arguments.cache)
    folder = arguments.out.with_name("starter.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def fold(_: int, part):
        return train_transfer(part, recipe, store, folder / "history.csv").classifier(draft, recipe)

    answers = cross_validate(split, fold, with_validation=False)
    metrics = assess_out_of_fold(draft, answers.index, answers.predictions).metrics
    sets = answers.index.extra["set"]
    by_source = {}
    for name in sorted(set(sets)):
        rows = [i for i, own in enumerate(sets) if own == name]
        found = assess_out_of_fold(draft, answers.index.take(rows), answers.predictions.take(rows)).metrics
        by_source[SOURCES[name].partition(" (")[0]] = {
            "n": found.n, "accuracy": found.accuracy.model_dump(), "macro_f1": found.macro_f1.model_dump(),
            "coverage": found.abstention.coverage.model_dump(),
            "selective_accuracy": found.abstention.selective_accuracy.model_dump(),
            "unlike_training": found.abstention.unlike_training,
        }  # fmt: skip
        print(f"{name}: n {found.n}, accuracy {found.accuracy.estimate()}, macro-F1 {found.macro_f1.estimate()}")
    trained = train_transfer(split, recipe, store, folder / "history.csv")
    shutil.rmtree(folder)
    counts = {name: sum(own == name for own in split.index.extra["set"]) for name in SOURCES}
    named = "; ".join(f"{n} tiles of {SOURCES[name]}" for name, n in counts.items() if n)
    data = draft.training_data.model_copy(update={"name": named, "licence": "CC BY 4.0"})
    card = draft.model_copy(
        update={
            "name": "GastroPath starter",
            "training_data": data,
            "limitations": (*_plain_words(counts), *LIMITATIONS),
        }
    )
    bundle = trained.write(card, recipe, folder, keras_file=None, precision="float16")
    seal(bundle, {**metrics.model_dump(), "by_source": by_source})
    shutil.rmtree(arguments.out, ignore_errors=True)
    folder.rename(arguments.out)
    print(f"all: n {metrics.n}, accuracy {metrics.accuracy.estimate()}, macro-F1 {metrics.macro_f1.estimate()}")
    answered, right = metrics.abstention.coverage, metrics.abstention.selective_accuracy
    print(f"answered {answered.estimate()}, right of these {right.estimate()}")
    for code, row in metrics.abstention.per_class.items():
        print(f"  {code}: n {row.n}, answered {row.coverage:.2f}, unlike {row.unlike_training:.2f}")
    print(f"wrote {arguments.out}")


def _plain_words(counts: dict[str, int]) -> tuple[str, ...]:
    total = sum(counts.values())
    return (
        f"This is a starting point, not a classifier to rely on: it learned from {total} tiles, of which "
        f"{counts['hmu_gc_he_30k_nb']} are gastric (resampled from figures of public notebooks) and the others "
        "colorectal. Train on your own tiles before you believe a map.",
        "Patients are unknown, so its intervals are too narrow; tiles of one notebook stayed together in its "
        "cross-validation, which leaves three gastric groups.",
    )


if __name__ == "__main__":
    main()
