"""The eight classes have names and colours, and so has any other."""

from __future__ import annotations

import re
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from gastropath.tissue_classes import TISSUE_CLASSES, tissue_class, tissue_classes


def test_the_eight_classes_of_the_data_set_are_known():
    assert [tissue.code for tissue in TISSUE_CLASSES] == ["ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM"]
    assert len({tissue.color for tissue in TISSUE_CLASSES}) == 8
    assert all(tissue.name and tissue.description for tissue in TISSUE_CLASSES)
    assert tissue_class("BACK").name == "background"


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1))
def test_any_name_has_itself_as_its_name_and_a_colour(code: str):
    tissue = tissue_class(code)
    assert tissue.code == code
    assert re.fullmatch("#[0-9a-f]{6}", tissue.color)


def test_a_folder_name_that_is_no_utf8_has_a_colour():
    assert re.fullmatch("#[0-9a-f]{6}", tissue_class("caf\udce9").color)


def test_a_users_class_has_the_same_colour_in_every_process():
    code = "from gastropath.tissue_classes import tissue_class; print(tissue_class('fibrosis').color)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.strip() == tissue_class("fibrosis").color


def test_classes_come_in_the_order_asked_for():
    assert [tissue.code for tissue in tissue_classes(["TUM", "x", "ADI"])] == ["TUM", "x", "ADI"]
