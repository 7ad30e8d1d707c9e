"""The Space as the Hub builds it: from the folder alone, in an empty environment, by the lines of its Dockerfile."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import page_driver  # pyright: ignore[reportMissingImports]  (in tests/app, see conftest.py)
import pytest

from gastropath.app.answer import percent, title
from gastropath.inference.classifier import Classifier
from gastropath.report.notices import RESEARCH_USE
from gastropath.space.builder import build_space

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform == "win32", reason="the image is a Linux one"),
]


def instructions(folder: Path, name: str) -> list[str]:
    text = (folder / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{name} ")]


@dataclass(frozen=True)
class Image:
    """What the container would hold."""

    home: Path
    python: Path
    command: list[str]
    health_check: list[str]
    variables: dict[str, str]

    def environment(self, **others: str) -> dict[str, str]:
        """The container's own programs first, what it sets, and nothing of this project's environment."""
        path = f"{self.python / 'bin'}{os.pathsep}{os.defpath}"
        return {**self.variables, "PATH": path, "HOME": str(self.home.parent), **others}

    def program(self, name: str) -> str:
        """Find a program as the container would."""
        found = shutil.which(name, path=self.environment()["PATH"])
        assert found, f"{name} is not in the image"
        return found


@pytest.fixture(scope="module")
def image(coloured_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Do what the COPY and RUN lines of the Dockerfile say, in a folder and an empty virtual environment."""
    root = tmp_path_factory.mktemp("image")
    space, home, python = root / "space", root / "home" / "app", root / "python"
    build_space(coloured_run, space)
    home.mkdir(parents=True)
    for line in instructions(space, "COPY"):
        *sources, target = (word for word in line.split() if not word.startswith("--"))
        for path in (match for source in sources for match in space.glob(source)):
            if path.is_dir():
                shutil.copytree(path, home / target)
            else:
                shutil.copyfile(path, home / target / path.name)
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    (install,) = (shlex.split(line) for line in instructions(space, "RUN") if line.startswith("pip install "))
    assert "--require-hashes" in install
    done = subprocess.run([python / "bin" / "python", "-m", *install], cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (command,) = instructions(space, "CMD")
    (health_check,) = (line.partition("CMD ")[2] for line in instructions(space, "HEALTHCHECK"))
    variables = dict(word.split("=", 1) for line in instructions(space, "ENV") for word in line.split())
    shutil.rmtree(space)  # from here on there is only the image
    return Image(home, python, json.loads(command), json.loads(health_check), variables)


@contextmanager
def running(image: Image, command: Sequence[str], log: Path) -> Iterator[Any]:
    """Run a command of the image, on another port so that tests can run side by side."""
    port = page_driver.free_port()
    environment = image.environment(PORT=str(port), STREAMLIT_SERVER_PORT=str(port))
    command = [image.program(command[0]), *command[1:]]
    with page_driver.served(command, port, log, cwd=image.home, env=environment) as server:
        yield server


@pytest.fixture(scope="module")
def server(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the Dockerfile's CMD."""
    with running(image, image.command, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture
def hub(server: Any) -> Iterator[str]:
    """Serve a page that shows the Space in an iframe, as the Hub's does. 127.0.0.1 and localhost are two sites."""
    page = f'<iframe src="{server.url}" width="1000" height="800"></iframe>'.encode()

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()
        thread.join()


def test_the_keras_model_and_the_training_half_are_not_in_the_image(image):
    assert not list(image.home.rglob("*.keras"))
    listed = subprocess.run(
        [image.python / "bin" / "python", "-m", "pip", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {entry["name"].lower() for entry in json.loads(listed.stdout)}
    assert {"gastropath", "streamlit", "ai-edge-litert"} <= names
    assert not [name for name in names if name.startswith(("tensorflow", "keras", "scikit", "torch"))]


def test_the_page_runs_the_installed_package_and_not_this_checkout(image):
    code = "import gastropath, importlib.util as u; print(gastropath.__file__, u.find_spec('tensorflow'))"
    done = subprocess.run(
        [image.python / "bin" / "python", "-c", code],
        cwd=image.home,
        env=image.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    file, tensorflow = done.stdout.split()
    assert Path(file).is_relative_to(image.python)
    assert tensorflow == "None"


@pytest.mark.parametrize("code", ["LYM", "TUM", "NOR"], ids=["png", "jpeg", "tiff"])
def test_an_upload_on_the_hubs_page_gets_the_right_label(server, hub, visit, coloured_run, uploads, code):
    """In an iframe of another site browsers withhold cookies, and with them Streamlit's check fails every upload."""
    tile = uploads[code]
    classifier = Classifier.load(coloured_run)
    expected = classifier.predict([tile])
    titles = [title(entry) for entry in classifier.card.classes]
    figures = [percent(p) for p in expected.probabilities[0].tolist()]

    page = visit(hub, also=[server.url])
    inside = page.locator("iframe").element_handle().content_frame()
    page_driver.upload(inside, tile)
    lines = page_driver.read(inside, tile.name)

    number = classifier.classes.index(expected.labels[0])
    assert expected.labels == [code]
    assert lines[:2] == [titles[number], f"Confidence {figures[number]}"]
    chart = lines[lines.index("Probability of each class") + 1 :]
    assert dict(zip(chart[::2], chart[1::2], strict=True)) == dict(zip(titles, figures, strict=True))
    assert inside.get_by_text(RESEARCH_USE).count() == 1
    print(server.said())


def test_the_health_check_of_the_image_passes_while_it_runs(server, image):
    port = server.url.rstrip("/").rpartition(":")[2]
    command = [image.program(image.health_check[0]), *image.health_check[1:]]
    subprocess.run(command, env=image.environment(PORT=port), check=True)
    elsewhere = image.environment(PORT=str(page_driver.free_port()))
    assert subprocess.run(command, env=elsewhere, capture_output=True).returncode != 0


def test_streamlit_run_starts_the_same_page(image, visit, uploads, tmp_path):
    with running(image, ["streamlit", "run", "app.py"], tmp_path / "log") as server:
        page = visit(server.url)
        page_driver.upload(page, uploads["TUM"])
        assert page_driver.read(page, uploads["TUM"].name)[0] == "tumour epithelium (TUM)"
        with urllib.request.urlopen(server.url) as answer:
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
