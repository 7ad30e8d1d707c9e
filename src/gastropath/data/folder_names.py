"""What a folder's name says: a part of a published division, a class of tissue, or a patient or slide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from gastropath.tissue_classes import BACKGROUND, TISSUE_CLASSES

_PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip
_FILLING = frozenset({"data", "dataset", "set", "split", "images", "image", "imgs", "img", "tiles", "patches"})

_TISSUES = frozenset(
    {
        *(tissue.code.lower() for tissue in (*TISSUE_CLASSES, BACKGROUND)),
        *("tumor", "tumour", "cancer", "carcinoma", "malignant", "benign", "normal", "stroma", "mucosa", "mucus"),
        *("mucin", "adipose", "fat", "muscle", "debris", "necrosis", "lymphocyte", "lymphocytes", "lympho"),
        *("background", "glass", "empty", "complex", "norm", "epithelium", "metaplasia", "dysplasia", "gastritis"),
        *("polyp", "adenoma", "adenocarcinoma", "mss", "msi", "msimut", "msih", "other", "others"),
        *("positive", "negative", "abnormal"),
    }
)

_WORD = re.compile(r"[^\W\d_]+")
_MAGNIFICATION = re.compile(r"\d+(\.\d+)?x\Z", re.IGNORECASE)


def part_named(name: str) -> str:
    """Return the part that a folder of this name holds: ``"train"``, ``"val"``, ``"test"``, or an empty text.

    Examples
    --------
    >>> part_named("Training"), part_named("test_images"), part_named("TUM")
    ('train', 'test', '')
    """
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word and word not in _FILLING]
    if len(words) != 1:
        return ""
    word = words[0]
    return _PARTS.get(word) or _PARTS.get(word.removesuffix("set"), "")


def is_tissue(name: str) -> bool:
    """Tell whether a name is that of a tissue, as a whole."""
    return name.strip().lower() in _TISSUES


def names_tissue(name: str) -> bool:
    """Tell whether a word in a name is that of a tissue, e.g. in ``01_TUMOR``."""
    return any(word.lower() in _TISSUES for word in _WORD.findall(name))


def have_numbers(names: Collection[str]) -> bool:
    """Tell whether every name holds a digit, as those of patients and slides do."""
    return bool(names) and all(any(char.isdigit() for char in name) for name in names)


def are_magnifications(names: Iterable[str]) -> bool:
    """Tell whether folders are named after magnifications, e.g. ``40X``: these keep no patient together."""
    return all(_MAGNIFICATION.match(name) for name in names)
