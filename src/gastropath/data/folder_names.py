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
_MAGNIFICATION = re.compile(r"(\d+|\d+([.,]\d+)?x|\d+ ?px)\Z", re.IGNORECASE)
_MAGNIFIED = frozenset({40, 100, 200, 400})
_SETS = frozenset(
    {"fold", "part", "split", "set", "dataset", "site", "center", "centre", "hospital", "cohort", "batch", "scanner"}
)


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


def are_scales(names: Iterable[str]) -> bool:
    """Tell whether folders are named after magnifications or sizes of tiles: these keep no patient together.

    Examples
    --------
    >>> are_scales(["40X", "100X"]), are_scales(["80", "120", "160"]), are_scales(["1", "2", "3"])
    (True, True, False)
    """
    return all(map(_is_scale, names))


def are_sets(names: Collection[str]) -> bool:
    """Tell whether folders are named after scales, or as folds, sites or cohorts are: no patient is one of them."""
    return are_scales(names) or all(_SETS & set(_WORD.findall(name.lower())) for name in names)


def _is_scale(name: str) -> bool:
    if not _MAGNIFICATION.match(name):
        return False
    if not name.isdecimal():
        return True
    number = int(name)
    return number in _MAGNIFIED or (number >= 32 and number % 8 == 0)
