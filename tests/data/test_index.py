"""Tiles are found in every form in which people have them, and nothing else is taken for one."""

from __future__ import annotations

import os
import random
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gastropath.data.folders import natural
from gastropath.data.index import TileIndex, find_tiles
from gastropath.data.left_out import LeftOut
from gastropath.errors import CannotReadTable, GastroPathError, NoTilesFound, UnknownSetting

# Whether a file is a picture is found out when it is read: here, empty files will do.


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The data set as its archive unpacks."""
    tiles = [f"HMU-GC-HE-30K/all_image/{code}/{code}_{n}.png" for code in ("ADI", "STR", "TUM") for n in (1, 2, 10)]
    return touched(tmp_path / "archive", *tiles, "README.txt", "HMU-GC-HE-30K/licence.pdf")


def labelled(index: TileIndex) -> list[tuple[str, str]]:
    return [(file.name, label) for file, label in zip(index.files(), index.labels, strict=True)]


@pytest.mark.parametrize("below", ["", "HMU-GC-HE-30K", "HMU-GC-HE-30K/all_image"])
def test_the_archive_the_data_set_and_its_image_folder_give_the_same_tiles(archive: Path, below: str):
    index = find_tiles([archive / below])
    assert index.root == archive / "HMU-GC-HE-30K" / "all_image"
    assert index.classes == ("ADI", "STR", "TUM")
    assert index.paths[:3] == ("ADI/ADI_1.png", "ADI/ADI_2.png", "ADI/ADI_10.png")
    assert index.counts() == {"ADI": 3, "STR": 3, "TUM": 3}
    assert all(file.is_file() for file in index.files())
    assert index.left_out == ()
    assert not index.synthetic


def test_several_folders_are_joined_and_their_files_found(archive: Path, tmp_path: Path):
    touched(tmp_path / "own", "TUM/a.png", "fibrosis/b.jpg")
    index = find_tiles([archive, tmp_path / "own"])
    assert index.counts() == {"ADI": 3, "STR": 3, "TUM": 4, "fibrosis": 1}
    assert all(file.is_file() for file in index.files())
    assert len(set(index.paths)) == len(index)


def test_a_folder_given_twice_counts_once(archive: Path, monkeypatch):
    monkeypatch.chdir(archive.parent)
    assert len(find_tiles([Path("archive"), archive / "HMU-GC-HE-30K", Path("archive/../archive")])) == 9


def test_a_users_own_classes_and_a_ninth_one_are_as_welcome(tmp_path: Path):
    touched(tmp_path, "BACK/1.png", "signet ring/2.png", "Übergang/3.png", "🔬/4.png")
    assert find_tiles([tmp_path]).classes == ("BACK", "signet ring", "Übergang", "🔬")


def test_every_suffix_of_a_picture_counts_in_any_case(tmp_path: Path):
    touched(
        tmp_path, *(f"TUM/{n}.{s}" for n, s in enumerate(["png", "PNG", "jpg", "JPEG", "tif", "tiff", "webp", "bmp"]))
    )
    assert len(find_tiles([tmp_path])) == 8


def test_folders_below_a_class_belong_to_it(tmp_path: Path):
    touched(tmp_path, "TUM/a.png", "TUM/slide 1/b.png", "STR/c.png")
    assert labelled(find_tiles([tmp_path])) == [("c.png", "STR"), ("a.png", "TUM"), ("b.png", "TUM")]


def test_what_systems_and_killed_processes_leave_is_ignored(archive: Path):
    clean = find_tiles([archive])
    tiles = archive / "HMU-GC-HE-30K" / "all_image"
    touched(
        tiles, ".DS_Store", "TUM/.DS_Store", "TUM/._TUM_1.png", "TUM/Thumbs.db", "TUM/desktop.ini", "TUM/Desktop.ini"
    )
    touched(tiles, "TUM/Icon\r", "TUM/ehthumbs.db", "TUM/.partial-x/TUM_1.png", ".partial-y/half.png")
    touched(archive, "__MACOSX/HMU-GC-HE-30K/all_image/TUM/._TUM_1.png", "__MACOSX/TUM/a.png", "$RECYCLE.BIN/x/a.png")
    touched(tiles, "TUM/@eaDir/TUM_1.png", "@eaDir/TUM/a.png")
    assert find_tiles([archive]) == clean


def test_other_files_and_empty_folders_are_counted(tmp_path: Path):
    touched(tmp_path, "TUM/a.png", "TUM/b.txt", "TUM/c.txt", "TUM/noname", "STR/d.csv", "e.doc", "f.png")
    (tmp_path / "ADI").mkdir()
    assert set(find_tiles([tmp_path]).left_out) == {
        LeftOut("other_suffix", ".txt", 2),
        LeftOut("other_suffix", "no suffix", 1),
        LeftOut("other_suffix", ".csv", 1),
        LeftOut("other_suffix", ".doc", 1),
        LeftOut("no_class", tmp_path.name, 1),
        LeftOut("empty_class", "STR", 1),
        LeftOut("empty_class", "ADI", 1),
    }
    assert str(LeftOut("other_suffix", ".txt", 2)) == "files that are not images (.txt)"


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch):
    touched(tmp_path, *(f"TUM/{name}.png" for name in ("1", "01", "001", "10", "2", "a1", "a01")))
    expected = find_tiles([tmp_path])
    assert [Path(path).stem for path in expected.paths] == ["001", "01", "1", "2", "10", "a01", "a1"]
    scandir = os.scandir
    shuffle = random.Random(3).shuffle

    @contextmanager
    def shuffled(folder):
        with scandir(folder) as entries:
            found = list(entries)
        shuffle(found)
        yield found

    monkeypatch.setattr(os, "scandir", shuffled)
    for _ in range(5):
        assert find_tiles([tmp_path]).sha256() == expected.sha256()


def test_numbers_sort_as_numbers():
    assert sorted(["TUM_10", "TUM_9", "ADI_2", "TUM_1_b", "TUM"], key=natural) == [
        *("ADI_2", "TUM", "TUM_1_b", "TUM_9", "TUM_10"),
    ]  # fmt: skip


def table(tmp_path: Path, text: str, name: str = "tiles.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return tmp_path / name


def test_a_table_is_read_with_its_groups_and_paths_from_its_folder(tmp_path: Path):
    touched(tmp_path, "a/1.png", "b, c/2.png")
    index = find_tiles([table(tmp_path, 'note,path,label,group\nx,a/1.png,TUM,P1\n"y, z","b, c/2.png",signet ring,\n')])
    assert index.root == tmp_path
    assert index.paths == ("a/1.png", "b, c/2.png")
    assert index.labels == ("TUM", "signet ring")
    assert index.groups == ("P1", "")
    assert all(file.is_file() for file in index.files())


def test_further_columns_are_kept_in_their_order_whatever_tiles_are_taken(tmp_path: Path):
    text = 'scanner,path,stain, "q",label\n"A, 1",a,H&E,1,TUM\n,b,🔬,2,STR\nlost,a,H&E,1,TUM\n'
    index = find_tiles([table(tmp_path, text)])
    assert index.extra == {"scanner": ("A, 1", ""), "stain": ("H&E", "🔬"), ' "q"': ("1", "2")}
    assert list(index.extra) == ["scanner", "stain", ' "q"']
    assert index.take([1]).extra == {"scanner": ("",), "stain": ("🔬",), ' "q"': ("2",)}
    assert find_tiles([tmp_path / "tiles.csv"], ["STR"]).extra == index.take([1]).extra
    plain = find_tiles([table(tmp_path, "path,label\na,TUM\nb,STR\n")])
    assert (plain.extra, plain.sha256()) == ({}, index.sha256())


def test_a_column_that_occurs_twice_is_refused(tmp_path: Path):
    with pytest.raises(CannotReadTable, match="has column 'note' twice; rename or remove one"):
        find_tiles([table(tmp_path, "path,note,label,note\na,1,TUM,2\n")])


def test_a_table_without_groups_and_with_absolute_paths_is_read(tmp_path: Path):
    touched(tmp_path, "a.png")
    (tmp_path / "elsewhere").mkdir()
    index = find_tiles([table(tmp_path / "elsewhere", f"path,label\n{tmp_path / 'a.png'},TUM\n", "T.CSV")])
    assert index.groups == ("",)
    assert [file.is_file() for file in index.files()] == [True]


def test_a_repeated_row_is_left_out_and_counted_but_a_contradiction_is_refused(tmp_path: Path):
    index = find_tiles([table(tmp_path, "path,label\na,TUM\nb,STR\na,TUM\n")])
    assert index.paths == ("a", "b")
    assert index.left_out == (LeftOut("repeated_row", "", 1),)
    for row in ("a,STR,1", "a,TUM,2"):
        with pytest.raises(CannotReadTable, match="line 3: a is listed twice with different labels or groups"):
            find_tiles([table(tmp_path, f"path,label,group\na,TUM,1\n{row}\n")])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column 'path'; the file is empty"),
        ("path,label\n", "no rows"),
        ("path,lable\na,b\n", "its columns are path, lable"),
        ("path,label\na,TUM\n,TUM\n", "line 3: path and label must not be empty"),
        ("path,label\na,\n", "line 2: path and label must not be empty"),
    ],
)
def test_a_table_that_lacks_something_is_refused_in_one_line(tmp_path: Path, text: str, reason: str):
    with pytest.raises(GastroPathError, match=reason) as raised:
        find_tiles([table(tmp_path, text)])
    assert "\n" not in str(raised.value)


def test_chosen_classes_are_taken_and_the_others_counted(archive: Path):
    index = find_tiles([archive], ["TUM", "ADI"])
    assert index.counts() == {"ADI": 3, "TUM": 3}
    assert index.left_out == (LeftOut("other_class", "STR", 3),)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("TMU", "did you mean 'TUM'"), ("tum", "did you mean 'TUM'"), ("xyz", "known are: ADI, STR, TUM")],
)
def test_a_class_that_is_not_there_is_an_error_with_a_suggestion(archive: Path, typed: str, hint: str):
    with pytest.raises(UnknownSetting, match=f"no class '{typed}' in the data; {hint}") as raised:
        find_tiles([archive], ["ADI", typed])
    assert "\n" not in str(raised.value)


def test_what_holds_no_tiles_is_refused_with_what_was_expected(tmp_path: Path):
    with pytest.raises(NoTilesFound, match="nowhere: there is no such file or folder"):
        find_tiles([tmp_path / "nowhere"])
    with pytest.raises(NoTilesFound, match="no tiles found; expected a sub-folder for each class"):
        find_tiles([tmp_path])
    touched(tmp_path, "flat/a.png")
    with pytest.raises(NoTilesFound, match=r"holds images but no sub-folder for each class.*give the folder above"):
        find_tiles([tmp_path / "flat"])
    with pytest.raises(NoTilesFound, match="expected a folder, or a CSV file"):
        find_tiles([tmp_path / "flat" / "a.png"])
    with pytest.raises(NoTilesFound, match="is a file among several sources"):
        find_tiles([tmp_path, table(tmp_path, "path,label\na,b\n")])


def test_several_sets_of_classes_are_named_instead_of_guessing(tmp_path: Path):
    touched(tmp_path, "kaggle/TUM/a.png", "own/TUM/b.png")
    with pytest.raises(NoTilesFound, match=r"several folders of classes: kaggle, own; name the ones you mean: .*own"):
        find_tiles([tmp_path])
    assert len(find_tiles([tmp_path / "kaggle", tmp_path / "own"])) == 2


def test_a_class_folder_that_cannot_be_opened_is_counted(tmp_path: Path, monkeypatch):
    touched(tmp_path, "TUM/a.png", "STR/b.png")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "STR":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    index = find_tiles([tmp_path])
    assert index.counts() == {"TUM": 1}
    assert LeftOut("closed_folder", "Permission denied", 1) in index.left_out


def test_drawn_tiles_are_known_as_such_in_every_form(synthetic_tiles: Path, tmp_path: Path):
    assert find_tiles([synthetic_tiles]).synthetic
    tile = next((synthetic_tiles / "TUM").iterdir())
    assert find_tiles([table(tmp_path, f"path,label\n{tile},TUM\n")]).synthetic


@pytest.mark.skipif(sys.platform == "win32", reason="file names are text on Windows")
def test_a_file_name_that_is_not_utf8_is_found(tmp_path: Path):
    (tmp_path / "TUM").mkdir()
    (tmp_path / "TUM" / os.fsdecode(b"caf\xe9.png")).touch()
    index = find_tiles([tmp_path])
    assert all(file.is_file() for file in index.files())
    assert len(index.sha256()) == 64


def test_the_fingerprint_changes_with_any_picture_label_or_group_and_with_nothing_else():
    base = TileIndex(Path("/x"), ("a", "b"), ("T", "S"), ("1", ""), pixels=("0", "1"))
    others = [
        replace(base, pixels=("0", "2")),
        replace(base, pixels=("1", "0")),
        replace(base, groups=("", "1")),
        replace(base, labels=("T", "T")),
        replace(base, pixels=()),
        replace(base, pixels=(), paths=("a", "c")),
        base.take([0]),
    ]
    assert len({index.sha256() for index in [base, *others]}) == 8
    same = [base.take([1, 0]), replace(base, paths=("c", "d")), replace(base, root=Path("/elsewhere"))]
    assert {index.sha256() for index in same} == {base.sha256()}


def test_an_index_whose_columns_differ_in_length_cannot_be_made():
    with pytest.raises(ValueError, match="differ in length"):
        TileIndex(Path("/x"), ("a",), ("T", "S"), ("",))
    with pytest.raises(ValueError, match="extra column 'note' differs in length"):
        TileIndex(Path("/x"), ("a",), ("T",), ("",), extra={"note": ("1", "2")})


@pytest.mark.real
def test_the_real_tiles_are_all_found(real_tiles: Path):
    index = find_tiles([real_tiles])
    assert len(index) == 252
    assert {"BACK", "OTHER"} < set(index.classes)
    assert all(file.is_file() for file in index.files())
    eight = find_tiles([real_tiles], ["ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM"])
    assert eight.left_out == (LeftOut("other_class", "BACK", 8), LeftOut("other_class", "OTHER", 22))


def test_a_table_tells_the_resolution_of_its_tiles_and_a_general_one_fills_the_gaps(tmp_path: Path):
    touched(tmp_path, "a.png", "b.png")
    (tmp_path / "tiles.csv").write_text("path,label,mpp\na.png,TUM,0.25\nb.png,STR,\n")
    index = find_tiles([tmp_path / "tiles.csv"])
    assert index.mpp() == (0.25, None)
    assert index.with_mpp(0.5).mpp() == (0.25, 0.5)


@pytest.mark.parametrize("mpp", [0.24230769, 1, 1 / 3, 0.01])
def test_a_given_resolution_keeps_all_its_digits(mpp: float):
    index = TileIndex(Path("/x"), ("a",), ("T",), ("",))
    assert index.with_mpp(mpp).mpp() == (mpp,)


@pytest.mark.parametrize("cell", ["half", "0", "-1", "1000", "nan"])
def test_a_resolution_that_cannot_be_one_is_refused_and_its_tile_named(tmp_path: Path, cell: str):
    touched(tmp_path, "a.png", "b.png")
    (tmp_path / "tiles.csv").write_text(f"path,label,mpp\na.png,TUM,{cell}\nb.png,STR,0.5\n")
    with pytest.raises(CannotReadTable, match=r"a\.png: mpp is"):
        find_tiles([tmp_path / "tiles.csv"]).mpp()
