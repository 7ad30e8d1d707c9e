"""What a table is given, it gives back."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.errors import CannotReadTable
from gastropath.tables import read_table, write_table

# Any text a file name or a label may hold; lone surrogates stand for bytes that are no UTF-8 (os.fsdecode).
CELLS = st.text(st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6))
def test_any_text_comes_back_as_it_was(rows):
    # Surrogates that happen to spell UTF-8 are that text to the operating system, too.
    rows = [tuple(c.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for c in row) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_table(
            path, ("path", "label", "group"), [dict(zip(("path", "label", "group"), r, strict=True)) for r in rows]
        )
        columns, read = read_table(path, ("path", "label"))
    assert columns == ["path", "label", "group"]
    assert [tuple(row.values()) for row in read] == rows


def test_columns_stand_in_the_order_of_the_contract_and_none_is_an_empty_cell(tmp_path: Path):
    write_table(tmp_path / "t.csv", ("a", "b", "c"), [{"c": 3, "a": 1, "b": None, "unknown": 9}, {"a": 0.5}])
    assert (tmp_path / "t.csv").read_bytes() == b"a,b,c\n1,,3\n0.5,,\n"


def test_a_failing_row_leaves_no_table(tmp_path: Path):
    def rows():
        yield {"a": 1}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(tmp_path / "t.csv", ("a",), rows())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfpath,label,note\r\na.png,TUM,x\r\n",
        b"label,extra,path,note\nTUM,1,a.png,x\n",
        b'"path","label","note"\n"a.png","TUM","x"\n\n',
        b"path,label,note\na.png,TUM,x",
    ],
    ids=["Excel's mark and line ends", "other order", "quoted, blank line", "no last line end"],
)
def test_tables_of_other_programs_are_read(tmp_path: Path, content: bytes):
    (tmp_path / "t.csv").write_bytes(content)
    _, rows = read_table(tmp_path / "t.csv", ("path", "label"))
    assert [(row["path"], row["label"], row["note"]) for row in rows] == [("a.png", "TUM", "x")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column 'path'; the file is empty"),
        (b"paths,label\na,b\n", "no column 'path'; its columns are paths, label"),
        (b"PK\x03\x04 and so on", "is a spreadsheet's own file or an archive; .* save it as CSV UTF-8"),
        ("path,label\na,b\n".encode("utf-16")[:-1], "UTF-16 text that is cut off"),
        (b"path,label,path\na,b,c\n", "column 'path' twice"),
        (b"path,label\na\n", "line 2: expected 2 cells"),
        (b"path,label\na,b\na,b,c\n", "line 3: expected 2 cells"),
        (b'path,label\n"a,b\n', "cannot be read as a CSV table"),
        (b'path,label\n"a"x,b\n', "cannot be read as a CSV table"),
        (b"path,label\n" + b"a" * 200_000 + b",b\n", "cannot be read as a CSV table"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "no column 'path'|cannot be read"),
    ],
)
def test_what_is_not_such_a_table_is_refused_with_the_place(tmp_path: Path, content: bytes, reason: str):
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    with pytest.raises(CannotReadTable, match=reason) as raised:
        read_table(file, ("path", "label"))
    assert str(file) in str(raised.value)


def test_a_missing_table_is_named(tmp_path: Path):
    with pytest.raises(CannotReadTable, match="there is no such file"):
        read_table(tmp_path / "t.csv", ())
    with pytest.raises(CannotReadTable, match="cannot be read"):
        read_table(tmp_path, ())


HEADER, ROW = ("path", "label", "note"), ("Über/1.png", "Müller, A", "é")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, encoding: str, separator: str, end: str, caplog):
    lines = [separator.join(f'"{cell}"' for cell in row) for row in (HEADER, ROW)]
    (tmp_path / "t.csv").write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))
    columns, rows = read_table(tmp_path / "t.csv", ("path", "label"))
    assert columns == list(HEADER)
    assert [tuple(row.values()) for row in rows] == [ROW]
    warned = [record.getMessage() for record in caplog.records]
    if encoding == "cp1252":
        assert len(warned) == 1
        assert "t.csv: is not UTF-8 text; it was read as Windows-1252, e.g." in warned[0]
        assert "Über/1.png" in warned[0]
    else:
        assert not warned


def test_a_table_of_ours_with_a_name_that_is_no_text_is_never_taken_for_windows_1252(tmp_path: Path, caplog):
    write_table(tmp_path / "t.csv", ("path", "label"), [{"path": "caf\udce9.png", "label": "TUM"}])
    assert read_table(tmp_path / "t.csv", ("path",))[1] == [{"path": "caf\udce9.png", "label": "TUM"}]
    assert not caplog.records


def test_a_hint_of_the_separator_and_separators_at_the_end_of_lines_are_no_cells(tmp_path: Path):
    (tmp_path / "t.csv").write_text("sep=;\nPath;LABEL;;\na,1.png;TUM;;\n")
    assert read_table(tmp_path / "t.csv", ("path", "label")) == (
        ["path", "label"],
        [{"path": "a,1.png", "label": "TUM"}],
    )


def test_a_comma_within_a_first_line_of_semicolons_separates_nothing(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path;label;size, in mm\na.png;TUM;1,5\n")
    assert read_table(tmp_path / "t.csv", ("path", "label"))[1] == [
        {"path": "a.png", "label": "TUM", "size, in mm": "1,5"}
    ]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\tx", "'=x", "''=x", "=", "-", "-1.5", "'x", "x=1"]
)
def test_no_cell_is_a_formula_in_a_spreadsheet_and_all_are_read_as_they_were(tmp_path, cell):
    table = tmp_path / "table.csv"
    write_table(table, ["path", "label"], [{"path": cell, "label": "TUM"}])
    written = list(csv.reader(table.read_text().splitlines()))[1][0]
    assert written == cell if cell in ("=", "-", "-1.5", "'x", "x=1") else written == f"'{cell}"
    assert read_table(table, ["path"])[1] == [{"path": cell, "label": "TUM"}]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("path,label\na,A\nb,B\n", [2, 3]),
        ("path,label\r\n\r\na,A\r\n\r\nb,B\r\n", [3, 5]),
        ('path,label\n"a\nof two",A\nb,B\n', [2, 4]),
        ("sep=;\npath;label\na;A\n", [3]),
    ],
    ids=["plain", "blank lines", "a cell of two lines", "what separates cells before"],
)
def test_a_row_knows_its_line_as_an_editor_shows_it(tmp_path: Path, content: str, lines: list[int]):
    table = tmp_path / "t.csv"
    table.write_bytes(content.encode())
    rows = read_table(table, ("path",))[1]
    assert [row.line for row in rows] == lines
    assert rows[-1].place(table) == f"{table}, line {lines[-1]}"
