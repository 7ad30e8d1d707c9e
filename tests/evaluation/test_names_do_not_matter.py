"""Index, split and figures follow from pixels, labels and groups, whatever the files are called and where they lie."""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gastropath.data.audit.audit import audit_tiles
from gastropath.data.index import find_tiles
from gastropath.data.split.division import make_split
from gastropath.evaluation.assessment import assess_answers
from gastropath.inference.classifier import Classifier
from gastropath.results.metrics import Metrics

CLASSES = ("STR", "TUM")
PICTURES = [(CLASSES[i % 2], f"patient {i % 7}", i) for i in range(28)]
SUFFIXES = (".png", ".tif", ".bmp", ".tiff", ".PNG")


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.load()


def picture(number: int) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((48, 48), Image.Resampling.BICUBIC)


def name(chance: random.Random, taken: set[str]) -> str:
    while True:
        letters = "".join(chance.choices("abcdefgh -.äµ", k=chance.randint(1, 12))).strip(" .") or "x"
        number = str(chance.randint(0, 99)) if chance.random() < 0.5 else ""
        if (found := letters + number) not in taken:
            taken.add(found)
            return found


def in_folders(root: Path, chance: random.Random) -> Path:
    """Lay the pictures out as CLASS/PATIENT/name; some patients lie elsewhere, behind a link."""
    taken: set[str] = set()
    for label, patient, number in chance.sample(PICTURES, len(PICTURES)):
        folder = root / "data" / label / patient
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            if chance.random() < 0.3:
                elsewhere = root / "elsewhere" / name(chance, taken)
                elsewhere.mkdir(parents=True)
                folder.symlink_to(elsewhere, target_is_directory=True)
            else:
                folder.mkdir()
        picture(number).save(folder / f"{name(chance, taken)}{chance.choice(SUFFIXES)}")
    return root / "data"


def in_a_table(root: Path, chance: random.Random) -> Path:
    """Lay the pictures into one folder, in any order, and list them in a table."""
    taken: set[str] = set()
    lines = [chance.choice(("path,label,Patient", "path,label,group", "path,label,CASE_ID"))]
    for label, patient, number in chance.sample(PICTURES, len(PICTURES)):
        file = f"{name(chance, taken)}{chance.choice(SUFFIXES)}"
        picture(number).save(root / file)
        lines.append(f"{file},{chance.choice((label, label.lower(), f' {label}'))},{patient} ")
    (root / "tiles.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root / "tiles.csv"


@dataclass
class Found:
    """What follows from a layout of the pictures."""

    index: str
    parts: dict[str, tuple[str, str]]
    split: str
    metrics: Metrics


def follows(data: Path, model: Classifier) -> Found:
    audit = audit_tiles(find_tiles([data]))
    split = make_split(audit, "group", seed=2, folds=3)
    index = audit.index
    answers = model.predict(list(index.files()), shown=index.pixels)
    metrics = assess_answers(model.card, index, answers, "all", seed=1).metrics
    parts = dict(zip(split.index.pixels, zip(split.parts, split.folds, strict=True), strict=True))
    return Found(index.sha256(), parts, split.sha256(), metrics)


@pytest.fixture(scope="module")
def plain(model: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Found:
    root = tmp_path_factory.mktemp("plain")
    lines = [f"{number}.png,{label},{patient}" for label, patient, number in PICTURES]
    for _, _, number in PICTURES:
        picture(number).save(root / f"{number}.png")
    (root / "tiles.csv").write_text("\n".join(["path,label,group", *lines]) + "\n")
    return follows(root / "tiles.csv", model)


@pytest.mark.parametrize("layout", [in_folders, in_a_table])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_index_split_and_figures_follow_from_pixels_labels_and_groups(layout, seed, model, plain):
    root = Path(tempfile.mkdtemp())
    try:
        assert follows(layout(root, random.Random(seed)), model) == plain
    finally:
        shutil.rmtree(root)


def test_another_picture_label_or_group_changes_the_index(plain, model, tmp_path):
    table = in_a_table(tmp_path, random.Random(1))
    content = table.read_text("utf-8")
    table.write_text(content.replace("patient 3", "patient 2"), "utf-8")
    assert find_tiles([table]).groups.count("patient 2") == 8
    assert audit_tiles(find_tiles([table]), near=False).index.sha256() != plain.index
