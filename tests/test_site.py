"""The documentation site: what can be generated is, no link is dead, and nothing in it needs a network."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.accessibility import findings
from tools.write_reference import FOLDER, pages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the project as ``make docs`` does."""
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"NO_COLOR": "1", "PATH": ""})


def project(folder: Path) -> Path:
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    (folder / "src").symlink_to(ROOT / "src")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("site"))
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_the_reference_is_that_of_today():
    for name, text in pages().items():
        assert (FOLDER / name).read_text("utf-8") == text, "run: python -m tools.write_reference"


def test_every_page_is_in_the_navigation_and_the_navigation_leads_nowhere_else():
    def files(nav: object) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        elif isinstance(nav, dict):
            yield from (file for value in nav.values() for file in files(value))
        elif isinstance(nav, list):
            yield from (file for value in nav for file in files(value))

    nav = list(files(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]))
    assert sorted(nav) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_each_public_name_command_and_document_has_its_place(site: Path):
    library = (site / "reference" / "library.html").read_text("utf-8")
    commands = (site / "reference" / "commands.html").read_text("utf-8")
    documents = (site / "reference" / "documents.html").read_text("utf-8")
    assert 'id="gastropath.train"' in library
    assert 'id="gastropath.errors.CannotReadSlide"' in library
    assert not re.search(r":(func|meth|class):", library)  # is not understood here, and would be shown
    assert "--apply-review" in commands
    assert "stroma_share" in documents


@pytest.mark.parametrize(
    "wrong",
    [
        "[no page](nowhere.md)",
        "[no heading](tiles.md#nowhere)",
        "::: gastropath.nowhere",
    ],
)
def test_a_dead_link_or_an_unresolved_name_fails_the_build(tmp_path: Path, wrong: str):
    folder = project(tmp_path)
    for page in (folder / "docs").rglob("*.md"):
        if page.name not in ("tiles.md", "glossary.md"):  # few pages: the build is quick
            page.unlink()
    (folder / "docs" / "glossary.md").write_text("# Words\n\nSee [tiles](tiles.md).\n")
    (folder / "docs" / "tiles.md").write_text("# Tiles\n")
    config = re.sub(r"(?ms)^nav = .*?^\]$", 'nav = ["glossary.md", "tiles.md"]', (folder / "zensical.toml").read_text())
    (folder / "zensical.toml").write_text(config)
    assert build(folder).returncode == 0
    (folder / "docs" / "glossary.md").write_text(f"# Words\n\n{wrong}\n")
    assert build(folder).returncode != 0


def test_no_line_of_a_table_is_longer_than_120_characters():
    long = [
        f"{page.name}, line {number}"
        for page in (ROOT / "README.md", *DOCS.rglob("*.md"))
        for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1)
        if line.startswith("|") and len(line) > 120
    ]
    assert not long


@pytest.mark.parametrize(
    "page", [page for page in sorted(DOCS.rglob("*.md")) if page.parent == DOCS], ids=lambda page: page.name
)
def test_code_is_not_wider_than_a_page_and_stands_in_its_list(page: Path):
    code, wrong, before = False, [], ""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            code = not code
        if code and len(line) > 88:
            wrong.append(f"line {number} is cut off at its end")
        if not before and re.match(r" {1,3}\S", line) and not code:
            wrong.append(f"line {number} is outside of its list, for which the site asks for four spaces")
        before = line.strip()
    assert not wrong


@pytest.mark.parametrize("page", ["README.md", *(str(page.relative_to(ROOT)) for page in sorted(DOCS.rglob("*.md")))])
def test_every_relative_link_and_picture_leads_somewhere(page: str):
    text = (ROOT / page).read_text("utf-8")  # the build looks at links of the site, and not at pictures
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target}
    assert not [target for target in targets if target and not ((ROOT / page).parent / target).exists()]


@pytest.fixture
def page(site: Path, chromium: str) -> Iterator[Page]:
    """A page of Chromium at the site, which reaches nothing else."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(base_url=f"http://127.0.0.1:{server.server_port}/")
        opened.on("request", lambda request: asked.append(request.url))
        asked: list[str] = []
        yield opened
        browser.close()
    server.shutdown()
    assert asked
    assert not [url for url in asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))]


@pytest.mark.browser
def test_search_finds_a_word_without_a_network(page: Page):
    page.goto("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("stroma share")
    page.get_by_role("link", name=re.compile("Glossary|Slides|Cohorts|summary")).first.wait_for(timeout=10_000)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("width_px", [1280, 390])
def test_pages_fit_the_width_and_have_no_serious_finding_of_axe(page: Page, site: Path, width_px: int):
    page.set_viewport_size({"width": width_px, "height": 900})
    found = []
    for file in sorted(site.rglob("*.html")):
        page.goto(file.relative_to(site).as_posix())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), file.name
        # Moderate is what the theme does: its boxes of code are landmarks without a name.
        found += [f"{file.name}: {line}" for line in findings(page, least="serious")]
    assert not found


def test_the_python_of_the_readme_runs_as_it_stands(synthetic_tiles: Path, tmp_path: Path):
    text = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 5
    (tmp_path / "gastropath-demo" / "new-tiles").mkdir(parents=True)
    shutil.copytree(synthetic_tiles / "TUM", tmp_path / "gastropath-demo" / "new-tiles" / "TUM")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "predicted_label" in done.stdout


@pytest.mark.slow
def test_the_python_of_the_tutorial_runs_on_what_the_demo_draws(tmp_path: Path, finished_run: Path):
    from tools.photograph import blocks

    from gastropath.workflows.demo import draw

    draw(tmp_path / "gastropath-demo", tiles_per_class=24)
    (tmp_path / "gastropath-demo" / "run").symlink_to(finished_run)
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks())], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for made in ("audit/audit.html", "run/report.html", "comparison/compare.html"):
        assert (tmp_path / "tutorial" / made).is_file()
    assert list((tmp_path / "tutorial" / "maps").rglob("overlay.png"))


@pytest.mark.slow
def test_the_notebook_runs_from_data_to_space(synthetic_tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(DOCS / "gastropath.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # what it printed is not kept
    monkeypatch.setenv("GASTROPATH_DATA", str(synthetic_tiles))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for made in ("audit/audit.html", "run/report.html", "run/bestmodel.keras", "space/app.py"):
        assert (tmp_path / made).is_file(), made
