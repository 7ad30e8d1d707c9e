"""The tissue classes of HMU-GC-HE-30K: code, name, colour, one line on how to recognise each.

A user's own classes are as welcome: :func:`tissue_class` answers for any name, with the name as its own label and
a colour that stays the same from run to run.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_CODE = 200
"""Characters of a class code at most."""


@dataclass(frozen=True)
class TissueClass:
    """One class of tissue.

    Attributes
    ----------
    code
        The folder name in the data set, e.g. ``"TUM"``.
    name
        The tissue in words.
    color
        ``#rrggbb``. The eight are Okabe and Ito's palette, which colour-blind people can tell apart.
    description
        How the tissue looks in H&E; empty for classes GastroPath does not know.
    """

    code: str
    name: str
    color: str
    description: str = ""


TISSUE_CLASSES = (
    TissueClass("ADI", "adipose tissue", "#f0e442", "large empty-looking fat cells with thin walls"),
    TissueClass("DEB", "debris", "#5c5c5c", "necrotic cells and fragments without structure"),
    TissueClass("LYM", "lymphocytes", "#0072b2", "dense small round dark nuclei"),
    TissueClass("MUC", "mucus", "#56b4e9", "pale blue-grey strands with few cells"),
    TissueClass("MUS", "smooth muscle", "#cc79a7", "parallel pink fibres with long nuclei"),
    TissueClass("NOR", "normal gastric mucosa", "#009e73", "regular glands around an open lumen"),
    TissueClass("STR", "cancer-associated stroma", "#e69f00", "wavy collagen with sparse spindle nuclei"),
    TissueClass("TUM", "tumour epithelium", "#d55e00", "crowded large irregular nuclei"),
)
BACKGROUND = TissueClass("BACK", "background", "#dddddd", "glass without tissue")

_KNOWN = {tissue.code: tissue for tissue in (*TISSUE_CLASSES, BACKGROUND)}


def tissue_class(code: str) -> TissueClass:
    """Return the class with this code, or a plain one named after it.

    Examples
    --------
    >>> tissue_class("TUM").name
    'tumour epithelium'
    >>> tissue_class("fibrosis").name
    'fibrosis'
    """
    if code in _KNOWN:
        return _KNOWN[code]
    red, green, blue = (64 + byte // 2 for byte in hashlib.sha256(code.encode("utf-8", "surrogateescape")).digest()[:3])
    return TissueClass(code, code, f"#{red:02x}{green:02x}{blue:02x}")


def tissue_classes(codes: Iterable[str]) -> tuple[TissueClass, ...]:
    """Return the classes with these codes, in the order given."""
    return tuple(tissue_class(code) for code in codes)


def code_problem(code: str) -> str:
    """Say why a text cannot be a class code; empty where it can.

    Examples
    --------
    >>> code_problem("TUM"), code_problem("TU\\tM")
    ('', 'holds a line break or another control character')
    """
    if not code.strip():
        return "is empty"
    if len(code) > MAX_CODE:
        return f"has {len(code):,} characters; a class code has at most {MAX_CODE}"
    if any("\udc80" <= char <= "\udcff" for char in code):
        return "is not text: it holds bytes that are not UTF-8"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in code):
        return "holds a line break or another control character"
    return ""


def in_column_names(code: str) -> str:
    """Write a class code as names of columns hold it: no spaces, which table software stumbles over.

    Examples
    --------
    >>> in_column_names("smooth muscle")
    'smooth_muscle'
    """
    return "_".join(code.split())


def shared_columns(codes: Sequence[str]) -> str:
    """Say which class codes cannot stand in one table; empty where all can.

    Examples
    --------
    >>> shared_columns(["TUM", "a b", "a_b"])
    "the classes 'a b' and 'a_b' would share a column of tables"
    """
    names = [in_column_names(code) for code in codes]
    alike = [repr(code) for code, name in zip(codes, names, strict=True) if names.count(name) > 1]
    return f"the classes {' and '.join(alike)} would share a column of tables" if alike else ""
