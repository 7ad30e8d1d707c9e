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
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gastropath
from gastropath.results.card import LIMITATIONS, Card
from gastropath.tables import read_table
from gastropath.workflows.train_on_all import train_on_all

CLASSES = ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
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
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    _, rows = read_table(arguments.table, required=("path", "label", "group", "set"))
    counts = Counter(row["set"] for row in rows if row["label"] in CLASSES)
    new = arguments.out.with_name("starter.new")
    shutil.rmtree(new, ignore_errors=True)
    published = train_on_all(
        arguments.table,
        new,
        settings={"views": 8},
        classes=CLASSES,
        precision="float16",
        source_column="set",
        source_names={name: source.partition(" (")[0] for name, source in SOURCES.items()},
        described=lambda card: _described(card, counts),
        cache=arguments.cache,
        created=datetime.now(UTC).date().isoformat(),
    )
    shutil.rmtree(arguments.out, ignore_errors=True)
    new.rename(arguments.out)
    metrics = published.metrics
    print(f"all: n {metrics.n}, accuracy {metrics.accuracy}, macro-F1 {metrics.macro_f1}")
    for name, found in metrics.by_source.items():
        print(f"{name}: n {found.n}, accuracy {found.accuracy}, macro-F1 {found.macro_f1}")
    print(f"answered {metrics.abstention.coverage}, right of these {metrics.abstention.selective_accuracy}")
    for code, row in metrics.abstention.per_class.items():
        print(f"  {code}: n {row.n}, answered {row.coverage:.2f}, unlike {row.unlike_training:.2f}")
    print(f"wrote {arguments.out}")


def _described(card: Card, counts: Mapping[str, int]) -> Card:
    """Return the card with the words that only the maker of the table knows."""
    named = "; ".join(f"{counts[name]} tiles of {source}" for name, source in SOURCES.items() if counts[name])
    data = card.training_data.model_copy(update={"name": named, "licence": "CC BY 4.0"})
    limits = (
        f"This is a starting point, not a classifier to rely on: it learned from {sum(counts.values())} tiles, of "
        f"which {counts['hmu_gc_he_30k_nb']} are gastric (resampled from figures of public notebooks) and the others "
        "colorectal. Train on your own tiles before you believe a map.",
        "Patients are unknown, so its intervals are too narrow; tiles of one notebook stayed together in its "
        "cross-validation, which leaves three gastric groups.",
        *LIMITATIONS,
    )
    return card.model_copy(update={"name": "GastroPath starter", "training_data": data, "limitations": limits})


if __name__ == "__main__":
    main()
