"""Folders and tables as people have them, and what is made of each: what the tests try, and docs/tiles.md shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Folders:
    """A folder and what is found in it.

    Attributes
    ----------
    name
        What it is, in the words of the guide.
    tiles
        By path from the folder: class, group and part of each tile that is to be found.
    beside
        Files that are not tiles of a class.
    left_out
        Code, detail and number of what is left out.
    links
        By path the path that a linked folder leads to.
    sketch
        How the guide draws it.
    """

    name: str
    sketch: str
    tiles: Mapping[str, tuple[str, str, str]]
    beside: Sequence[str] = ()
    left_out: Sequence[tuple[str, str, int]] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    classes: Sequence[str] = ()
    """Given by the caller."""
    read_as: str = ""
    """What the guide says of it."""


FOLDERS = (
    Folders(
        "a folder for each class",
        "TUM/1.png STR/1.png",
        {"TUM/1.png": ("TUM", "", ""), "STR/1.png": ("STR", "", ""), "STR/2.jpg": ("STR", "", "")},
        read_as="classes STR and TUM",
    ),
    Folders(
        "the same, in folders of any name",
        "archive/images/TUM/1.png",
        {"archive/images/TUM/1.png": ("TUM", "", ""), "archive/images/STR/1.png": ("STR", "", "")},
        ["archive/README.txt"],
        read_as="the same",
    ),
    Folders(
        "folders of patients or slides in each class",
        "TUM/P1/1.png STR/P1/1.png STR/P2/1.png",
        {"TUM/P1/1.png": ("TUM", "P1", ""), "STR/P1/1.png": ("STR", "P1", ""), "STR/P2/1.png": ("STR", "P2", "")},
        read_as="classes STR and TUM; groups P1 and P2",
    ),
    Folders(
        "classes of your own, with numbered patients",
        "fibrosis/patient_01/1.png",
        {
            "fibrosis/patient_01/1.png": ("fibrosis", "patient_01", ""),
            "fibrosis/patient_02/1.png": ("fibrosis", "patient_02", ""),
            "oedema/patient_01/1.png": ("oedema", "patient_01", ""),
        },
        read_as="classes fibrosis and oedema; groups patient_01 and patient_02",
    ),
    Folders(
        "numbered classes with folders of slides",
        "01_TUMOR/slide_7/1.png",
        {
            "01_TUMOR/slide_7/1.png": ("01_TUMOR", "slide_7", ""),
            "02_STROMA/slide_8/1.png": ("02_STROMA", "slide_8", ""),
        },
        read_as="classes 01_TUMOR and 02_STROMA; groups slide_7 and slide_8",
    ),
    Folders(
        "slides in folders of patients in each class",
        "TUM/P1/slide_2/1.png",
        {
            "TUM/P1/s1/1.png": ("TUM", "P1", ""),
            "TUM/P1/s2/1.png": ("TUM", "P1", ""),
            "STR/P2/s1/1.png": ("STR", "P2", ""),
        },
        read_as="classes STR and TUM; groups are the patients",
    ),
    Folders(
        "some tiles of a class in folders, some not",
        "TUM/1.png TUM/slide 1/1.png",
        {"TUM/1.png": ("TUM", "", ""), "TUM/slide 1/2.png": ("TUM", "slide 1", ""), "STR/1.png": ("STR", "", "")},
        read_as="classes STR and TUM; only the tiles in folders have a group",
    ),
    Folders(
        "folders of magnifications, or one folder more in each class",
        "TUM/40X/P1/1.png STR/40X/P2/1.png",
        {
            "TUM/40X/P1/1.png": ("TUM", "P1", ""),
            "TUM/100X/P1/1.png": ("TUM", "P1", ""),
            "STR/40X/P2/1.png": ("STR", "P2", ""),
        },
        read_as="passed by: they keep no patient together",
    ),
    Folders(
        "the same folder in each class",
        "TUM/images/1.png STR/images/1.png",
        {"TUM/images/1.png": ("TUM", "", ""), "STR/images/1.png": ("STR", "", "")},
        read_as="classes STR and TUM, no groups",
    ),
    Folders(
        "folders of classes in those of patients",
        "P1/TUM/1.png P2/TUM/1.png P2/STR/1.png",
        {"P1/TUM/1.png": ("TUM", "P1", ""), "P2/TUM/1.png": ("TUM", "P2", ""), "P2/STR/1.png": ("STR", "P2", "")},
        read_as="classes STR and TUM; groups P1 and P2",
    ),
    Folders(
        "a published division",
        "train/TUM/1.png val/TUM/2.png test/TUM/3.png",
        {
            "train/TUM/1.png": ("TUM", "", "train"),
            "train/STR/1.png": ("STR", "", "train"),
            "valid/TUM/2.png": ("TUM", "", "val"),
            "Test/TUM/3.png": ("TUM", "", "test"),
        },
        read_as="classes STR and TUM; `split --by folders` keeps the parts",
    ),
    Folders(
        "the same with patients",
        "train/TUM/P1/1.png test/TUM/P2/1.png",
        {
            "train_set/TUM/P1/1.png": ("TUM", "P1", "train"),
            "train_set/STR/P1/1.png": ("STR", "P1", "train"),
            "test_set/TUM/P2/1.png": ("TUM", "P2", "test"),
            "test_set/STR/P3/1.png": ("STR", "P3", "test"),
        },
        read_as="classes, groups and parts",
    ),
    Folders(
        "test images without classes",
        "train/TUM/1.png test/1.png",
        {"train/TUM/1.png": ("TUM", "", ""), "train/STR/1.png": ("STR", "", "")},
        ["test/7.png", "test/8.png"],
        [("no_class", "test", 2)],
        read_as="classes STR and TUM; the images in test are left out and counted",
    ),
    Folders(
        "the same beside folders of classes",
        "TUM/1.png STR/1.png test/1.png",
        {"TUM/1.png": ("TUM", "", ""), "STR/1.png": ("STR", "", "")},
        ["test/7.png", "overview.png"],
        [("no_class", "test", 1), ("no_class", "data", 1)],
        read_as="classes STR and TUM; images without a class are left out and counted",
    ),
    Folders(
        "test images in classes, beside those to train on",
        "TUM/1.png STR/1.png test/TUM/2.png",
        {
            "TUM/1.png": ("TUM", "", "train"),
            "STR/1.png": ("STR", "", "train"),
            "test/TUM/2.png": ("TUM", "", "test"),
            "test/STR/2.png": ("STR", "", "test"),
        },
        read_as="classes STR and TUM; what is not in test is for training",
    ),
    Folders(
        "linked folders",
        "TUM/P2 → elsewhere/P2",
        {
            "TUM/P1/1.png": ("TUM", "P1", ""),
            "TUM/P2/1.png": ("TUM", "P2", ""),
            "STR/P1/1.png": ("STR", "P1", ""),
        },
        links={"TUM/P2": "../elsewhere/P2", "STR/again": "TUM", "STR/up": ".", "STR/broken": "nowhere"},
        left_out=[("linked_again", "STR/again", 1), ("linked_again", "up", 1), ("broken_link", "", 1)],
        read_as="followed, each folder once; links that lead in a circle or nowhere are counted",
    ),
    Folders(
        "what systems and programs leave",
        "TUM/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg TUM/._1.png",
        {"TUM/1.png": ("TUM", "", ""), "STR/1.png": ("STR", "", "")},
        [
            "TUM/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
            "@eaDir/TUM/thumb.jpg",
            "TUM/._1.png",
            "TUM/1.png@SynoEAStream",
            "TUM/Thumbs.db",
            "TUM/.ipynb_checkpoints/1-checkpoint.png",
            "TUM/@__thumb/1.png",
            "$RECYCLE.BIN/TUM/1.png",
            "lost+found/TUM/1.png",
            "__MACOSX/TUM/._1.png",
        ],
        read_as="ignored",
    ),
    Folders(
        "other files, hidden images, empty folders",
        "TUM/notes.txt TUM/.2.png .old/TUM/1.png ADI/",
        {"TUM/1.png": ("TUM", "", ""), "STR/1.png": ("STR", "", "")},
        ["TUM/notes.txt", "TUM/.2.png", ".old/TUM/1.png", ".old/TUM/2.png", "TUM/.git/1.png", "ADI/readme.md"],
        [
            ("other_suffix", ".txt", 1),
            ("hidden", "", 1),
            ("hidden", ".old", 2),
            ("other_suffix", ".md", 1),
            ("empty_class", "ADI", 1),
        ],
        read_as="left out and counted by reason",
    ),
    Folders(
        "any names, where `--classes` says which are classes",
        "a1/x1/1.png with --classes x1,x2",
        {"a1/x1/1.png": ("x1", "a1", ""), "a1/x2/1.png": ("x2", "a1", ""), "a2/x1/1.png": ("x1", "a2", "")},
        classes=["x1", "x2"],
        read_as="classes x1 and x2; groups a1 and a2",
    ),
)


@dataclass(frozen=True)
class Table:
    """A table of tiles, and how it is read: always as the tile ``Über/1.png`` of class TUM and ``b/2.png`` of STR."""

    name: str
    content: bytes
    sketch: str
    read_as: str = "as it is"
    warned: bool = False
    file: str = "tiles.csv"


_PLAIN = "path,label,group\nÜber/1.png,TUM,P1\nb/2.png,STR,P2\n"
_DOTS = {"ä": "a\u0308", "Ü": "U\u0308"}

TABLES = (
    Table("UTF-8, commas", _PLAIN.encode(), "path,label,group"),
    Table("UTF-8 with its mark, as Excel's CSV UTF-8", _PLAIN.encode("utf-8-sig"), "path,label,group"),
    Table(
        "UTF-16, tabs, as Excel's Unicode text", _PLAIN.replace(",", "\t").encode("utf-16"), "path→label", file="t.txt"
    ),
    Table(
        "Windows-1252, semicolons, as Excel's CSV in much of Europe",
        _PLAIN.replace(",", ";").replace("\n", "\r\n").encode("cp1252"),
        "path;label;group",
        "with a warning that names a cell to look at",
        warned=True,
    ),
    Table("tabs", _PLAIN.replace(",", "\t").encode(), "path→label→group", file="tiles.tsv"),
    Table("paths of Windows", _PLAIN.replace("/", "\\").encode(), "Über\\1.png,TUM,P1", "with / between folders"),
    Table("paths that begin with a dot", _PLAIN.replace("b/", ".\\b\\").encode(), ".\\b\\2.png,STR,P2", "without it"),
    Table(
        "letters in two pieces, as macOS writes them", _PLAIN.replace("Ü", _DOTS["Ü"]).encode(), "U¨ber/1.png", "as one"
    ),
    Table("other capitals in the first line", _PLAIN.replace("path,label", "Path, LABEL").encode(), "Path, LABEL"),
    Table("a hint of the separator", ("sep=;\n" + _PLAIN.replace(",", ";")).encode(), "sep=;", "passed by"),
    Table("empty rows and cells at the end", (_PLAIN.replace("\n", ",\n") + ",,,\n").encode(), ",,,", "passed by"),
)
