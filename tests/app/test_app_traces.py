"""Nothing of an upload stays: not on the disk, not in the log, and not in memory once its visitor has left."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from page_driver import app_command, free_port, read, served, upload
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WATCH = '''
"""Notes every file that this process opens for writing or makes, and every address it looks up or connects to."""

import os
import sys

_notes = os.open(os.environ["WATCH"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_EVENTS = {"os.mkdir", "os.rename", "os.link", "os.symlink", "subprocess.Popen", "socket.connect", "socket.getaddrinfo"}


def _note(event, arguments):
    if event == "open":
        path, _, flags = arguments
        # A number is a file that is open already; opening that was noted.
        if isinstance(path, int) or not flags & _WRITING or path == os.devnull:
            return
    elif event not in _EVENTS:
        return
    os.write(_notes, f"{event} {arguments!r}\\n".encode())


sys.addaudithook(_note)
'''

PLAIN = """
import streamlit as st

file = st.file_uploader("Any file", key="tiles")
if file:
    st.html(f"<p id='size'>{len(file.getvalue())}</p>")
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A picture of 5 MB."""
    file = tmp_path_factory.mktemp("large") / "very-private-patient-name.png"
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, compress_level=0)
    assert file.stat().st_size > 5_000_000
    return file


@pytest.fixture
def watch(tmp_path):
    """An environment in which a server notes what it writes, and the file with the notes."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH)
    notes = tmp_path / "notes"
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    added = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "WATCH": str(notes)}
    return {**os.environ, **added}, notes


def test_the_server_writes_no_file_and_asks_no_other_server(coloured_run, large, uploads, visit, watch, tmp_path):
    """From its start to its end, with an upload of 5 MB in between."""
    environment, notes = watch
    port = free_port()
    with served(app_command(coloured_run, port), port, tmp_path / "log", env=environment) as server:
        page = visit(server.url)
        upload(page, uploads["TUM"], large)
        read(page, uploads["TUM"].name)
        read(page, large.name)
        assert server.held_bytes() > 5_000_000
    noted = [line for line in notes.read_text().splitlines() if not line.startswith("subprocess.Popen ")]
    started = notes.read_text().count("subprocess.Popen ")
    assert not noted
    assert started == notes.read_text().count("from gastropath.kept_process import serve")  # it decodes


def test_the_watch_would_have_seen_it(large, visit, watch, tmp_path):
    """The control: Streamlit as it comes writes the same upload to a temporary file."""
    environment, notes = watch
    (tmp_path / "plain.py").write_text(PLAIN)
    port = free_port()
    options = [f"--server.port={port}", "--server.headless=true", "--browser.gatherUsageStats=false"]
    command = [sys.executable, "-m", "streamlit", "run", str(tmp_path / "plain.py"), *options]
    with served(command, port, tmp_path / "log", env=environment) as server:
        page = visit(server.url)
        expect(page.locator(".st-key-tiles input[type=file]")).to_be_attached()
        before = notes.read_text()
        upload(page, large)
        expect(page.locator("#size")).to_have_text(str(large.stat().st_size))
        written = notes.read_text().removeprefix(before).splitlines()
    assert [line for line in written if line.startswith("open ")]


def test_no_name_and_no_content_of_an_upload_is_logged(coloured_run, large, uploads, visit, tmp_path):
    files = [
        large,
        *(tmp_path / name for name in ("private-broken.png", "private-text.jpg", "private-empty.tif")),
    ]
    files[1].write_bytes(uploads["LYM"].read_bytes()[:2000])
    files[2].write_text("private content")
    files[3].touch()
    port = free_port()
    with served(app_command(coloured_run, port), port, tmp_path / "log") as server:
        page = visit(server.url)
        upload(page, *files)
        for file in files:
            read(page, file.name)
        page.reload()
        expect(page.locator(".st-key-tiles input[type=file]")).to_be_attached()
    said = server.said()
    assert "private" not in said
    assert "upload_file" not in said


def test_uploads_are_forgotten_when_they_are_removed_and_when_the_visitor_leaves(coloured_run, large, visit, tmp_path):
    code = (
        "import sys; from pathlib import Path; from gastropath.app import absent, server; "
        "absent.SECONDS = 1; absent._SWEEP_SECONDS = 0.1; "
        "server.serve(Path(sys.argv[1]), server.listen('localhost', int(sys.argv[2])))"
    )
    port = free_port()
    with served([sys.executable, "-c", code, str(coloured_run), str(port)], port, tmp_path / "log") as server:
        page = visit(server.url)
        upload(page, large)
        read(page, large.name)
        assert server.held_bytes() > 5_000_000
        page.get_by_label(f"Remove {large.name}").click()
        server.wait_until_nothing_is_held()
        page = visit(server.url)
        upload(page, large)
        read(page, large.name)
        page.close()
        server.wait_until_nothing_is_held()
