import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from gastropath.bundle.files import GRAPH, KERAS_MODEL, REFERENCES, open_bundle, sha256, starter, write_bundle
from gastropath.data.examples import choose_examples
from gastropath.data.index import find_tiles
from gastropath.data.split.split import split_of_run
from gastropath.errors import CannotWrite, OutputExists
from gastropath.results.card import Card
from gastropath.space.builder import build_space
from gastropath.tissue_classes import TISSUE_CLASSES

PINNED = re.compile(r"[A-Za-z0-9._-]+==[^\s;]+( ;[^\\]*)?( \\\n    --hash=sha256:[0-9a-f]{64})+")
WHEEL = re.compile(r"\./gastropath-[^\s/]+-py3-none-any\.whl \\\n    --hash=sha256:[0-9a-f]{64}")
GROWING_BYTES = 2_000_000  # a fifth of what the Hub takes outside large storage: what a larger model brings above it


@pytest.fixture(scope="module")
def space(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("space") / "space"
    build_space(finished_run, out)
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def header(folder: Path) -> dict[str, str]:
    """Return the scalars of the README's YAML header; JSON strings are YAML strings."""
    first, *lines = (folder / "README.md").read_text("utf-8").split("\n")
    assert first == "---"
    pairs = (line.split(": ", 1) for line in lines[: lines.index("---")])
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


def requirements(folder: Path) -> list[str]:
    """Return each requirement with its options; comments left out."""
    text = (folder / "requirements.txt").read_text("utf-8")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    return re.split(r"(?<!\\)\n", text.rstrip("\n"))


def instructions(folder: Path, name: str) -> list[str]:
    """Return the arguments of every Dockerfile instruction of this name."""
    text = (folder / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{name} ")]


def copied(folder: Path) -> set[str]:
    """Return the files that the Dockerfile's COPY lines put into the image."""
    found: set[str] = set()
    for line in instructions(folder, "COPY"):
        *sources, _ = (word for word in line.split() if not word.startswith("--"))
        for source in sources:
            matches = [p for p in folder.glob(source) if p.exists()]
            assert matches, f"COPY {source}: there is no such file"
            for match in matches:
                inside = [p for p in match.rglob("*") if p.is_file()] if match.is_dir() else [match]
                found.update(p.relative_to(folder).as_posix() for p in inside)
    return found


def test_the_folder_holds_exactly_what_was_promised(space):
    version = metadata.version("gastropath")
    assert set(files(space)) == {
        *(
            "README.md",
            "Dockerfile",
            "app.py",
            "requirements.txt",
            KERAS_MODEL,
            f"gastropath-{version}-py3-none-any.whl",
        ),
        *(".streamlit/config.toml", ".gitattributes", ".dockerignore"),
        *("model/card.json", "model/README.md", f"model/{GRAPH}", f"model/{REFERENCES}"),
        *("examples/examples.json", *(f"examples/drawn_{tissue.code}.jpg" for tissue in TISSUE_CLASSES)),
    }


def test_example_tiles_of_the_user_take_the_place_of_the_drawn_ones(finished_run, synthetic_tiles, tmp_path):
    index = find_tiles([synthetic_tiles])
    split = split_of_run(finished_run, index)
    assert split is not None
    codes = open_bundle(finished_run).card.codes
    build_space(finished_run, tmp_path / "space", examples=choose_examples(index, split, codes).write)
    table = json.loads((tmp_path / "space" / "examples" / "examples.json").read_text())
    assert table["source"].startswith("Validation tiles")
    assert "Synthetic" in table["source"]
    assert [tile["label"] for tile in table["tiles"]] == list(codes)
    assert not (tmp_path / "space" / "examples" / "drawn_TUM.jpg").exists()


def test_the_readme_has_the_hubs_header(space):
    fields = header(space)
    assert fields["sdk"] == "docker"
    assert fields["app_port"] == "8501"
    assert fields["title"] == "GastroPath"
    assert fields["license"] == "apache-2.0"
    hub_colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= hub_colours
    assert re.fullmatch(r"\[[a-z0-9-]+(, [a-z0-9-]+)*\]", fields["tags"])
    assert len(fields["emoji"]) == 1
    assert not fields["emoji"].isascii()


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_short_description_fits_and_says_what_is_synthetic(finished_run, tmp_path, synthetic):
    bundle = open_bundle(finished_run)
    data = bundle.card.training_data.model_copy(update={"synthetic": synthetic})
    card = Card.model_validate(bundle.card.model_copy(update={"training_data": data}).model_dump())
    sources = {name: bundle.folder / name for name in card.files}
    write_bundle(tmp_path / "model", card, sources)
    build_space(tmp_path / "model", tmp_path / "space")
    description = header(tmp_path / "space")["short_description"]
    assert 10 < len(description) <= 60
    assert ("synthetic" in description) is synthetic


def test_a_title_with_quotes_lines_and_emoji_cannot_break_the_header(finished_run, tmp_path):
    title = 'My "space": a\nsdk: static # 🔬 \\'
    build_space(finished_run, tmp_path / "space", title=title)
    fields = header(tmp_path / "space")
    assert fields["title"] == title
    assert fields["sdk"] == "docker"


def test_the_readme_says_research_use_and_where_the_figures_come_from(space):
    text = (space / "README.md").read_text("utf-8")
    assert text.count("does not replace a pathologist") == 1
    assert "synthetic" in text
    assert "Test part" in text


def test_every_requirement_is_pinned_with_a_hash(space):
    *locked, wheel = requirements(space)
    assert len(locked) > 20
    assert [line for line in locked if not PINNED.fullmatch(line)] == []
    assert WHEEL.fullmatch(wheel)


def test_the_wheels_hash_in_the_requirements_is_the_wheels(space):
    (wheel,) = space.glob("*.whl")
    assert requirements(space)[-1] == f"./{wheel.name} \\\n    --hash=sha256:{sha256(wheel)}"


def test_the_lock_answers_what_the_package_and_its_page_require(space):
    names = {re.split(r"==", line)[0].lower() for line in requirements(space)}
    needed = [r for r in metadata.requires("gastropath") or () if "extra" not in r or "extra == 'app'" in r]
    assert {re.split(r"[^A-Za-z0-9._-]", r)[0].lower() for r in needed} <= names


def test_the_space_needs_no_training_half(space):
    names = {re.split(r"==", line)[0].lower() for line in requirements(space)}
    assert "ai-edge-litert" in names
    assert not {"keras", "scikit-learn", "matplotlib"} & names
    assert not [name for name in names if name.startswith("tensorflow")]


def test_the_image_gets_the_bundle_and_never_the_keras_model(space):
    image = copied(space)
    assert KERAS_MODEL not in image
    assert not [name for name in image if name.endswith(".keras")]
    assert {
        "app.py",
        "requirements.txt",
        ".streamlit/config.toml",
        f"model/{GRAPH}",
        f"model/{REFERENCES}",
        "model/card.json",
    } <= image
    assert KERAS_MODEL in (space / ".dockerignore").read_text().splitlines()


def test_the_image_runs_as_user_1000_and_serves_the_port_of_the_header(space):
    assert any("--uid 1000 user" in line for line in instructions(space, "RUN"))
    assert instructions(space, "USER") == ["user"]
    text = (space / "Dockerfile").read_text()
    assert text.index("\nUSER user") < text.index("\nCMD [")
    port = header(space)["app_port"]
    (line,) = instructions(space, "ENV")
    assert f"PORT={port}" in line.split()
    (command,) = instructions(space, "CMD")
    assert "gastropath app --model model --examples examples --address 0.0.0.0 --port $PORT" in command
    assert instructions(space, "EXPOSE") == [port]


def test_the_image_has_a_python_that_the_package_takes(space):
    (base,) = instructions(space, "FROM")
    matched = re.fullmatch(r"python:3\.(\d+)-slim", base)
    assert matched
    assert 11 <= int(matched[1]) < 14


def test_settings_switch_telemetry_off_and_give_the_reason_for_the_xsrf_setting(space):
    text = (space / ".streamlit" / "config.toml").read_text("utf-8")
    settings = tomllib.loads(text)
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["enableXsrfProtection"] is False
    assert settings["server"]["maxUploadSize"] <= 25
    reason = text[: text.index("enableXsrfProtection")].rpartition("\nmaxMessageSize")[2]
    assert "iframe" in reason
    assert "403" in reason


def test_large_files_are_marked_for_large_storage(space):
    patterns = [
        line.split()[0]
        for line in (space / ".gitattributes").read_text().splitlines()
        if line.endswith(" filter=lfs diff=lfs merge=lfs -text")
    ]
    large = [name for name, data in files(space).items() if len(data) > GROWING_BYTES]
    assert len(large) >= 2
    assert [name for name in large if not any(fnmatch.fnmatch(Path(name).name, p) for p in patterns)] == []


def test_the_model_is_the_one_that_was_given(space, finished_run):
    given, written = open_bundle(finished_run), open_bundle(space)
    assert written.card.files == {name: digest for name, digest in given.card.files.items() if name != KERAS_MODEL}
    assert written.card.metrics == given.card.metrics
    assert given.keras_model is not None
    assert sha256(space / KERAS_MODEL) == sha256(given.keras_model)


def test_nothing_tells_of_the_computer_it_was_made_on(space, finished_run):
    texts = {name: data for name, data in files(space).items() if not name.endswith((".keras", ".tflite", ".whl"))}
    (wheel,) = space.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        texts.update({name: archive.read(name) for name in archive.namelist()})
    repository = Path(__file__).parents[2]
    places = {str(p) for p in (space.parent, finished_run.parent, repository, Path(sys.prefix), Path.home())}
    places |= {os.environ[key] for key in ("PIP_INDEX_URL", "UV_INDEX_URL") if os.environ.get(key)}
    assert [(name, place) for name, data in texts.items() for place in places if place.encode() in data] == []
    for name in ("requirements.txt", "Dockerfile", ".streamlit/config.toml"):
        assert "://" not in texts[name].decode().replace("http://127.0.0.1:", "")
    assert not [name for name in texts if name.endswith(("direct_url.json", "uv_build.json"))]


def test_two_builds_are_the_same_bytes(space, finished_run, tmp_path):
    build_space(finished_run, tmp_path / "again")
    assert files(tmp_path / "again") == files(space)


def test_a_bundle_without_a_keras_model_makes_a_space_without(finished_run, tmp_path):
    bundle = open_bundle(finished_run)
    write_bundle(tmp_path / "model", bundle.card, {GRAPH: bundle.graph, REFERENCES: bundle.references})
    build_space(tmp_path / "model", tmp_path / "space")
    assert not (tmp_path / "space" / KERAS_MODEL).exists()
    assert KERAS_MODEL not in (tmp_path / "space" / "README.md").read_text()


def test_an_older_space_is_replaced_only_when_asked_and_nothing_else_ever_is(finished_run, tmp_path):
    build_space(finished_run, tmp_path / "space", title="first")
    with pytest.raises(OutputExists, match="already exists"):
        build_space(finished_run, tmp_path / "space", title="second")
    build_space(finished_run, tmp_path / "space", title="second", overwrite=True)
    assert 'title: "second"' in (tmp_path / "space" / "README.md").read_text()
    (tmp_path / "space" / "mine.txt").write_text("precious")
    with pytest.raises(OutputExists, match=r"mine\.txt"):
        build_space(finished_run, tmp_path / "space", overwrite=True)
    assert (tmp_path / "space" / "mine.txt").read_text() == "precious"


def test_the_repository_that_a_space_is_pushed_from_stays_when_it_is_written_again(tmp_path):
    build_space(starter(), tmp_path / "space")
    (tmp_path / "space" / ".git").mkdir()
    (tmp_path / "space" / ".git" / "config").write_text("[remote]")
    build_space(starter(), tmp_path / "space", title="second", overwrite=True)
    assert (tmp_path / "space" / ".git" / "config").read_text() == "[remote]"
    assert 'title: "second"' in (tmp_path / "space" / "README.md").read_text()


@pytest.mark.parametrize("out", [".", "run", "run/model"])
def test_the_model_itself_is_never_overwritten(finished_run, tmp_path, out):
    shutil.copytree(finished_run / "model", tmp_path / "run" / "model")
    before = files(tmp_path)
    with pytest.raises(CannotWrite, match="holds the model"):
        build_space(tmp_path / "run", tmp_path / out, overwrite=True)
    assert files(tmp_path) == before


def test_the_command_tells_how_to_publish(finished_run, tmp_path):
    arguments = ["space", "--model", str(finished_run), "--out", "my space"]
    done = subprocess.run(
        [sys.executable, "-m", "gastropath", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "hf auth login" in done.stdout
    assert f"--model {finished_run} --out 'my space' --overwrite --push YOUR_NAME/gastropath" in done.stdout
    assert (tmp_path / "my space" / "Dockerfile").is_file()
