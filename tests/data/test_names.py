"""Slides and patients in names as public data sets and tiling software write them; nothing is read into others."""

from __future__ import annotations

from pathlib import Path

import pytest

from gastropath.data.index import find_tiles
from gastropath.data.names import PATTERNS, named_groups

REAL = {
    "TUM/blk-AAAAPKWRYCPP-TCGA-CG-5733-01Z-00-DX1.png": "TCGA-CG-5733",
    "TCGA-39-5031-01Z-00-DX1.f9264b3b-9fdf-4fb7-8752-2d3ffd3de3ea_orig_1.jpg": "TCGA-39-5031",
    "TCGA-63-5128-01A-01-BS1.2635b7d6-bf3d-40b0-89c0-419f0e4d9fb2/0000_0001.jpg": "TCGA-63-5128",
    "TCGA_CS_4938_19970222_1.tif": "TCGA-CS-4938",
    "01_TUMOR/10009_CRC-Prim-HE-03_009.tif_Row_301_Col_151.tif": "CRC-Prim-HE-03",
    "03_COMPLEX/10062_CRC-Prim-HE-02_003b.tif_Row_1_Col_301.tif": "CRC-Prim-HE-02",
    "01_TUMOR/10647_CRC-Prim-HE-10c.tif_Row_1_Col_1.tif": "CRC-Prim-HE-10",
    "SOB_M_DC-14-2523-40-010.png": "14-2523",
    "SOB_B_A-14-22549AB-400-013.png": "14-22549AB",
    "SOB_M_LC-14-13412-100-007.png": "14-13412",
    "0/10253_idx5_x1351_y1101_class0.png": "10253",
    "patch_patient_004_node_4_x_10048_y_17056.png": "patient_004",
    "BRACS_1499_UDH_2.png": "BRACS_1499",
    "0005f7aaab2800f6170c399693a96917_0.png": "0005f7aaab2800f6170c399693a96917",
    "Case-3-A15-27806-10160.jpg": "Case-3",
    "GTEX-1117F-0126_tile_3.png": "GTEX-1117F",
    "C3L-00001-21_3.png": "C3L-00001",
    "tumor_001_x100_y200.png": "tumor_001",
    "S12 slide [x=1024,y=2048,w=512,h=512].png": "S12 slide",
    "lung [d=2,x=10,y=20,w=5,h=5].png": "lung",
    "HE-7_Row_301_Col_151.png": "HE-7",
    "slideA.svs_Row_3_Col_5.png": "slideA",
    "1A11_S7.tif_Row_1_Col_2.png": "S7",
    "P01_1024_2048.png": "P01",
    "P01_x1024_y2048.png": "P01",
    "S21-12345_tile_3.png": "S21-12345",
    "patient 12/tile 3.png": "patient 12",
    "P01_17.png": "P01",
    # names that carry neither
    "ADI-TCGA-EENSRDNW.png": "",
    "TUM-YYYRHCTW.tif": "",
    "LYM-CLHGDLYK.tif": "",
    "ADI/ADI_17.png": "",
    "MHIST_aaa.png": "",
    "lungaca12.jpeg": "",
    "n020.tif": "",
    "tile 7.png": "",
}


def first_found(name: str) -> str:
    return next((found for pattern in PATTERNS if (found := pattern.find(name))), "")


@pytest.mark.parametrize(("name", "group"), REAL.items())
def test_real_names_are_read(name: str, group: str):
    assert first_found(name) == group


def groups_of(*names: str, labels: str = "") -> list[str]:
    return list(named_groups(names, labels or "T" * len(names)).groups)


def test_a_class_is_covered_only_if_every_tile_of_it_is():
    names = ["TCGA-AA-0001_1.png", "TCGA-AA-0002_1.png", "TCGA-AA-0003_1.png", "x.png"]
    assert groups_of(*names, labels="TTSS") == ["TCGA-AA-0001", "TCGA-AA-0002", "", ""]
    more = named_groups([*names, "TCGA-AA-0004_1.png"], "TTSSS")
    assert more.patterns == ("TCGA barcodes",)
    assert more.notes == (
        "warning: the names of 2 of 3 tiles of S carry TCGA barcodes, the others do not: they are not used; name the "
        "patient or slide of each tile in a column group",
    )


def test_a_name_that_is_the_same_for_all_tiles_tells_nothing():
    assert groups_of("case_1_3.png", "case_1_4.png") == ["", ""]
    assert groups_of("case_1_3.png", "case_1_4.png", "case_2_3.png", labels="TTS") == ["", "", ""]


def test_what_may_be_chance_counts_only_where_tiles_share_it():
    assert groups_of("A1_3_4.png", "B2_5_6.png") == ["", ""]
    assert groups_of("A1_3_4.png", "A1_5_6.png", "B2_3_4.png", "B2_5_6.png") == ["A1", "A1", "B2", "B2"]
    assert groups_of(*(f"tile_{row}_{column}.png" for row in range(3) for column in range(4))) == [""] * 12


def test_slides_in_the_names_of_files_are_offered_as_groups(tmp_path: Path):
    for code in ("TUM", "NOR"):
        (tmp_path / code).mkdir()
        for i in range(12):
            name = f"{i * 977 + 4096:X}_CRC-Prim-HE-{i // 4 + 1:02d}_{i % 4:03d}.tif_Row_{150 * i + 1}_Col_151.tif"
            (tmp_path / code / name).touch()
    index = find_tiles([tmp_path])
    assert set(index.groups) == {"CRC-Prim-HE-01", "CRC-Prim-HE-02", "CRC-Prim-HE-03"}
    assert index.grouped_by == "file names (slides of Kather 2016)"
    assert index.notes == (
        "groups (patients or slides) are taken from the file names (slides of Kather 2016): 3 groups",
    )


def test_groups_that_a_table_names_come_first(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,label,patient\nTCGA-AA-0001_1.png,TUM,P1\nTCGA-AA-0002_1.png,STR,P2\n")
    assert find_tiles([tmp_path / "t.csv"]).groups == ("P1", "P2")
