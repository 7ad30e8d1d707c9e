"""Version, citation and changelog say the same about a release."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

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


def test_nobody_is_told_to_install_a_name_from_an_index_that_anybody_could_register():
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").glob("*.ipynb")]
    texts += (ROOT / "src").rglob("*.py")
    wrong = re.compile(r"""pip install (-\S+ )*['"]?gastropath\b(?!-)""")
    assert not [file.name for file in texts if wrong.search(file.read_text("utf-8"))]


def test_the_release_workflow_is_read_and_installs_what_is_tested_here():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert {"ubuntu-latest", "macos-latest", "windows-latest"} == set(jobs["test"]["strategy"]["matrix"]["system"])
    assert set(jobs["build"]["needs"]) == {"test", "everything"}
    uv = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert uv
    assert f"uv=={uv[1]}" in text
