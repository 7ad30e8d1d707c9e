"""Version, citation and changelog say the same about a release."""

from __future__ import annotations

import re
from pathlib import Path

import gastropath

ROOT = Path(__file__).parent.parent


def test_citation_and_changelog_name_this_version_and_the_same_date():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    newest = re.search(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest
    assert newest[1] == gastropath.__version__
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [gastropath.__version__]
    released = re.findall(r"^date-released: (.+)$", citation, re.MULTILINE)
    assert released == ([] if newest[2] == "unreleased" else [newest[2]])


def test_no_page_of_the_documentation_leaves_an_address_to_be_filled_in():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    assert not [page.name for page in pages if re.search(r"ADDRESS_OF|TODO|FIXME", page.read_text("utf-8"))]
