"""Models on the Hub: fetched once, pinned, verified, and put there; against a server on this computer."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hub_server import TOKEN, HubServer, serving_hub
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gastropath
from gastropath.bundle.address import HubAddress, is_hub_address, source_of
from gastropath.bundle.files import open_bundle, sha256, starter
from gastropath.bundle.hub import fetch, kept_folder, said
from gastropath.bundle.upload import push_bundle, push_space
from gastropath.errors import BadBundle, CannotDownload, CannotUpload, GastroPathError, OutputExists, UnknownSetting
from gastropath.results.card import Card
from gastropath.space.builder import build_space
from gastropath.teach.originals import find_model

huggingface_hub = pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")

NAME = "owner/stomach"
ADDRESS = HubAddress(NAME)
DRAWN = Path(gastropath.__file__).parent / "app" / "drawn" / "drawn_TUM.jpg"


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The Hub, as the library that is imported here sees it; nobody is logged in."""
    with serving_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        monkeypatch.setenv("HF_TOKEN", "")
        yield server


@pytest.fixture
def logged_in(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def commit(hub: HubServer) -> str:
    """The commit of the starter model that lies on the Hub."""
    return hub.commit(NAME, files_of(starter()))


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("hf://owner/stomach", "owner/stomach", None),
        ("hf://owner/stomach@v1", "owner/stomach", "v1"),
        ("hf://owner/stomach@refs/pr/3", "owner/stomach", "refs/pr/3"),
        (str(Path("hf://owner/stomach@main")), "owner/stomach", "main"),
    ],
)
def test_an_address_is_read_also_from_a_path_object(text, name, revision):
    assert HubAddress.parse(text) == HubAddress(name, revision)
    assert HubAddress.parse(str(HubAddress(name, revision))) == HubAddress(name, revision)


@pytest.mark.parametrize(
    "text",
    [
        "hf://", "hf://owner", "hf://a/b/c", "hf://a/b@", "hf://../b", "hf://a--b/c", "hf://a/b@../../x", "hf://a/b?x=1",
        "hf://a/b.git", "hf://a/b.", "hf://a-/b", "hf://a/b@v1/", "hf://a/b@x//y", "hf://a/b@x@y",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_the_form_of_one(text):
    with pytest.raises(UnknownSetting, match="expected hf://OWNER/NAME"):
        HubAddress.parse(text)


@given(st.text(max_size=40))
def test_whatever_follows_hf_is_an_address_or_refused(rest: str):
    text = f"hf://{rest}"
    assert is_hub_address(text)
    with suppress(UnknownSetting):
        assert HubAddress.parse(str(HubAddress.parse(text))) == HubAddress.parse(text)


def test_a_model_of_the_hub_is_opened_and_says_which_commit_it_is(hub, commit):
    model = gastropath.load(f"hf://{NAME}")
    assert model.card.source == f"hf://{NAME}@{commit}"
    assert model.predict(DRAWN)[0].label == gastropath.load().predict(DRAWN)[0].label
    assert pickle.loads(pickle.dumps(model)).card.source == model.card.source
    assert gastropath.load().card.source == ""
    assert "source" not in json.loads(model.card.to_json())


def test_nobody_can_write_a_source_into_a_card(hub):
    with pytest.raises(GastroPathError, match=r"[Ee]xtra"):
        Card.parse(json.dumps({**json.loads((starter() / "card.json").read_text()), "source": "hf://a/b"}), "card.json")


def test_a_commit_that_is_kept_needs_no_network(hub, commit):
    folder = fetch(ADDRESS.at(commit))
    hub.asked.clear()
    hub.is_down = True
    assert fetch(ADDRESS.at(commit)) == folder == kept_folder(f"hf://{NAME}@{commit}")
    assert hub.asked == []


def test_without_a_network_the_commit_fetched_last_is_used_and_a_warning_says_so(hub, commit, caplog):
    folder = fetch(ADDRESS)
    hub.is_down = True
    with caplog.at_level(logging.WARNING):
        assert fetch(ADDRESS) == folder
    assert f"the Hub does not answer; hf://{NAME}@{commit} is used" in caplog.text


def test_a_newer_commit_is_fetched_and_the_older_one_stays(hub, commit):
    old = fetch(ADDRESS)
    newer = hub.commit(NAME, {**files_of(starter()), "README.md": b"new"})
    assert fetch(ADDRESS).name == newer
    assert fetch(ADDRESS.at(commit)) == old


def test_only_what_the_card_names_is_fetched(hub):
    commit = hub.commit(NAME, {**files_of(starter()), "huge.bin": b"0" * 1000, "run.py": b"print()"})
    fetch(ADDRESS)
    assert not any(path.endswith(("huge.bin", "run.py")) for path in hub.paths())
    assert kept_folder(f"hf://{NAME}@{commit}")


def test_nothing_is_reported_about_the_user(hub, commit):
    fetch(ADDRESS)
    assert all("telemetry" not in path for path in hub.paths())
    agents = {headers.get("user-agent", "") for _, _, headers in hub.asked}
    assert all(word not in agent for agent in agents for word in ("torch", "tensorflow", "agent/"))


@pytest.mark.parametrize("name", ["model.tflite", "references.npz"])
def test_a_file_that_is_not_the_one_of_the_card_is_refused(hub, name):
    files = files_of(starter())
    hub.commit(NAME, {**files, name: files[name][:-1] + b"?"})
    with pytest.raises(BadBundle, match=rf"hf://{NAME}@[0-9a-f]{{40}}: {name} is not the file .* tell its owner"):
        gastropath.load(f"hf://{NAME}")


def test_a_keras_model_is_verified_too(hub, finished_run):
    files = files_of(finished_run / "model")
    hub.commit(NAME, {**files, "bestmodel.keras": b"another"})
    with pytest.raises(BadBundle, match=r"bestmodel\.keras is not the file"):
        fetch(ADDRESS)


def test_a_missing_file_is_named(hub):
    files = files_of(starter())
    del files["model.tflite"]
    hub.commit(NAME, files)
    with pytest.raises(BadBundle, match=r"model\.tflite is missing"):
        fetch(ADDRESS)


@pytest.mark.parametrize("name", ["card.json", "model.tflite"])
def test_a_file_that_is_announced_too_large_is_not_asked_for(hub, commit, name):
    hub.sizes[name] = 3_000_000_000
    with pytest.raises(BadBundle, match=rf"{name} is of 3,000,000,000 bytes; expected at most"):
        fetch(ADDRESS)
    assert not any(path.endswith(name) for path in hub.paths())


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"README.md": b"a language model"}, r"is not a model bundle \(it has no card\.json\)"),
        ({"card.json": b"{"}, r"card\.json is not valid JSON"),
    ],
)
def test_a_repository_of_something_else_is_told_as_such(hub, files, told):
    hub.commit(NAME, files)
    with pytest.raises(BadBundle, match=told):
        fetch(ADDRESS)


def test_a_refused_token_and_a_private_model_are_told_with_the_remedy(hub, commit, monkeypatch):
    hub.private.add(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(CannotDownload, match=r"not shown to you; .*hf auth login"):
        fetch(ADDRESS)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch(ADDRESS).name == commit


def test_an_absent_model_or_revision_is_not_taken_for_a_lost_network(hub, commit):
    fetch(ADDRESS)
    with pytest.raises(CannotDownload, match="there is no such repository"):
        fetch(HubAddress("owner/absent"))
    with pytest.raises(CannotDownload, match="there is no such revision"):
        fetch(HubAddress(NAME, "v9"))


def test_files_that_are_together_too_large_are_not_asked_for(hub):
    files = files_of(starter())
    card = json.loads(files["card.json"])
    more = {f"more-{number}.bin": b"" for number in range(4)}
    card["files"].update(dict.fromkeys(more, "0" * 64))
    hub.commit(NAME, {**files, **more, "card.json": json.dumps(card).encode()})
    hub.sizes.update(dict.fromkeys(more, 1_900_000_000))
    with pytest.raises(BadBundle, match=r"holds 7,607,[0-9,]+ bytes; expected at most 6,000,000,000"):
        fetch(ADDRESS)
    assert not any(path.endswith((".bin", ".tflite")) for path in hub.paths())


def test_an_interruption_waits_for_no_other_file_and_the_next_call_goes_on(hub, commit, monkeypatch):
    download = huggingface_hub.hf_hub_download

    def interrupted(name: str, file: str, **options) -> str:
        if file == "model.tflite":
            raise KeyboardInterrupt
        return download(name, file, **options)

    with monkeypatch.context() as patched:
        patched.setattr(huggingface_hub, "hf_hub_download", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(ADDRESS)
    assert not any(path.endswith("references.npz") for path in hub.paths())
    assert fetch(ADDRESS).name == commit


def test_whoever_deletes_the_folder_that_is_named_gets_whole_files(hub, commit):
    folder = fetch(ADDRESS)
    (folder / "model.tflite").resolve().write_bytes(b"half")
    with pytest.raises(BadBundle, match="its hash differs") as told:
        fetch(ADDRESS)
    shutil.rmtree(str(told.value).partition(" delete ")[2].removesuffix(" and fetch it again"))
    assert open_bundle(fetch(ADDRESS)).folder == folder


def test_a_card_in_the_cache_that_leads_elsewhere_is_not_read(hub, commit):
    folder = fetch(ADDRESS)
    (folder / "card.json").unlink()
    (folder / "card.json").symlink_to(os.devnull)
    with pytest.raises(BadBundle, match=r"card\.json is not an ordinary file"):
        fetch(ADDRESS)


def test_a_cache_that_cannot_be_written_is_not_taken_for_a_failing_network(hub, commit, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(CannotDownload, match=r"cannot be kept on this computer: .*; see to that folder, or .* HF_HOME"):
        fetch(ADDRESS)


def test_no_message_holds_a_secret(hub, commit, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    address = hub.address.replace("http://", "http://user:password@")
    monkeypatch.setattr(constants, "ENDPOINT", address)
    hub.is_down = True
    with pytest.raises(CannotDownload, match="http://127") as told:
        fetch(ADDRESS)
    assert "password" not in str(told.value)
    told = said(huggingface_hub, ValueError(f"{'x' * 290} {TOKEN}"))
    assert "hf_" not in told
    assert len(told) <= 300


def test_a_token_with_a_foreign_character_is_told_as_such(hub, commit, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_sécret")
    with pytest.raises(CannotDownload, match=r"token on this computer holds a character .* hf auth login"):
        fetch(ADDRESS)


def test_without_network_and_copy_the_message_says_both(hub, commit):
    hub.is_down = True
    with pytest.raises(CannotDownload, match="does not answer, and no copy is kept on this computer"):
        fetch(ADDRESS)


def test_half_a_model_in_the_cache_is_completed(hub, commit):
    folder = fetch(ADDRESS)
    (folder / "model.tflite").unlink()
    assert kept_folder(f"hf://{NAME}@{commit}") is None
    assert open_bundle(fetch(ADDRESS.at(commit))).folder == folder


@pytest.mark.usefixtures("logged_in")
def test_what_is_pushed_is_what_is_fetched_with_the_card_as_readme(hub, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(starter(), model)
    (model / "README.md").write_text("something else")
    (model / "notes.txt").write_text("not of the bundle")
    done = push_bundle(model, NAME)
    folder = fetch(done.address)
    assert source_of(folder) == str(done.address)
    assert open_bundle(folder).card == open_bundle(model).card.fetched_from(str(done.address))
    assert (folder / "README.md").read_text("utf-8").startswith("---\nlibrary_name: litert\n")
    _, there = hub.files("models", NAME, None) or ("", {})
    assert "notes.txt" not in there


@pytest.mark.usefixtures("logged_in")
def test_a_second_push_needs_overwrite_and_clears_what_the_model_no_longer_has(hub):
    first = push_bundle(starter(), NAME)
    with pytest.raises(OutputExists, match=r"already holds card\.json and 2 more files; .* its history stays"):
        push_bundle(starter(), NAME)
    hub.commit(NAME, {**files_of(starter()), "bestmodel.keras": b"old", "figure.png": b"of the owner"})
    push_bundle(starter(), NAME, overwrite=True)
    _, there = hub.files("models", NAME, None) or ("", {})
    assert "bestmodel.keras" not in there
    assert "figure.png" in there
    assert fetch(first.address)


@pytest.mark.usefixtures("logged_in")
def test_a_private_repository_is_made_private(hub):
    push_bundle(starter(), NAME, private=True)
    assert hub.private == {NAME}


@pytest.mark.usefixtures("logged_in")
def test_what_shall_be_private_is_not_put_where_everybody_sees_it(hub):
    hub.commit(NAME, {"README.md": b""})
    with pytest.raises(CannotUpload, match="everybody sees it; make it private on its page first"):
        push_bundle(starter(), NAME, private=True)
    assert list(hub.files("models", NAME, None)[1]) == ["README.md"]
    hub.private.add(NAME)
    assert push_bundle(starter(), NAME, private=True)


@pytest.mark.usefixtures("logged_in")
def test_nothing_is_put_upon_what_somebody_else_puts_there_meanwhile(hub):
    hub.commit(NAME, {"README.md": b""})
    hub.before_commit = lambda: hub.commit(NAME, {"card.json": b"of somebody else"})
    with pytest.raises(CannotUpload, match="was changed by somebody meanwhile; look at what it holds now"):
        push_bundle(starter(), NAME)
    assert list(hub.files("models", NAME, None)[1]) == ["card.json"]


@pytest.mark.usefixtures("logged_in")
def test_a_model_that_changes_while_it_is_sent_is_sent_as_it_was_verified(hub, tmp_path, monkeypatch):
    shutil.copytree(starter(), tmp_path / "model")
    create = huggingface_hub.HfApi.create_commit

    def late(*arguments, **named):
        (tmp_path / "model" / "model.tflite").write_bytes(b"another")
        return create(*arguments, **named)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_commit", late)
    assert fetch(push_bundle(tmp_path / "model", NAME).address)


@pytest.mark.usefixtures("logged_in")
def test_a_model_that_changes_while_it_is_read_is_not_pushed(hub, tmp_path, monkeypatch):
    shutil.copytree(starter(), tmp_path / "model")
    copy = shutil.copyfile

    def changed(source: Path, target: Path) -> None:
        copy(source, target)
        if target.name == "model.tflite":
            target.write_bytes(b"another")

    monkeypatch.setattr(shutil, "copyfile", changed)
    with pytest.raises(BadBundle, match="was changed while it was read; push it when it is finished"):
        push_bundle(tmp_path / "model", NAME)
    assert hub.asked == []


@pytest.mark.usefixtures("logged_in")
def test_a_readme_that_the_card_names_is_pushed_as_it_is(hub, tmp_path):
    shutil.copytree(starter(), tmp_path / "model")
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    (tmp_path / "model" / "README.md").write_text("by hand")
    card["files"]["README.md"] = sha256(tmp_path / "model" / "README.md")
    (tmp_path / "model" / "card.json").write_text(json.dumps(card))
    assert fetch(push_bundle(tmp_path / "model", NAME).address)


def test_a_damaged_bundle_is_not_pushed(hub, logged_in, tmp_path):
    shutil.copytree(starter(), tmp_path / "model")
    (tmp_path / "model" / "model.tflite").write_bytes(b"")
    with pytest.raises(BadBundle):
        push_bundle(tmp_path / "model", NAME)
    assert hub.asked == []


def test_who_may_not_push_is_told_to_log_in(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(CannotUpload, match=r"the Hub refuses it \(401\): Invalid credentials .*hf auth login"):
        push_bundle(starter(), NAME)
    with pytest.raises(UnknownSetting, match="expected OWNER/NAME"):
        push_bundle(starter(), "stomach")


@pytest.mark.usefixtures("logged_in")
def test_a_space_is_pushed_whole_and_names_the_model_it_copies(hub, tmp_path):
    commit = hub.commit(NAME, files_of(starter()))
    build_space(fetch(ADDRESS), tmp_path / "space")
    (tmp_path / "space" / ".git").mkdir()
    (tmp_path / "space" / ".git" / "config").write_text("of its user")
    hub.commit("owner/page", {"gastropath-0.0.1-py3-none-any.whl": b"old", "model/old.npz": b"old"}, "spaces")
    push_space(tmp_path / "space", "owner/page", overwrite=True)
    _, there = hub.files("spaces", "owner/page", None) or ("", {})
    written = {str(p.relative_to(tmp_path / "space")) for p in (tmp_path / "space").rglob("*") if p.is_file()}
    assert set(there) == written - {".git/config"}
    assert f"a copy of hf://{NAME}@{commit}" in there["README.md"].decode()


def test_every_result_names_the_commit(hub, commit, noise_tiles, tmp_path):
    h5py = pytest.importorskip("h5py")
    address, pinned = f"hf://{NAME}", f"hf://{NAME}@{commit}"
    tiles = noise_tiles({"TUM": 6, "STR": 6}, size=224)

    gastropath.evaluate(tiles, model=address, out=tmp_path / "evaluation", checks="none")
    assert json.loads((tmp_path / "evaluation" / "environment.json").read_text())["model_source"] == pinned
    assert pinned in (tmp_path / "evaluation" / "report.html").read_text("utf-8")

    adapted = gastropath.adapt(address, tmp_path / "adapted", tiles=tiles, classes=["TUM", "STR"])
    assert adapted.adaptation.base_source == pinned
    assert pinned in adapted.report.read_text("utf-8")
    assert adapted.card.source == ""

    gastropath.explain(tiles / "TUM" / "TUM_1.png", address, tmp_path / "explained")
    assert pinned in (tmp_path / "explained" / "explanations.csv").read_text("utf-8")

    Image.new("RGB", (700, 700), (190, 120, 170)).save(tmp_path / "slide.png")
    found = gastropath.map_slide(
        tmp_path / "slide.png", tmp_path / "maps", address, mpp=0.5, mask=False, features=True, anndata=True
    )
    assert found.summary.model.source == pinned
    with h5py.File(found.folder / "features.h5") as file:
        assert file.attrs["model_source"] == pinned
    with h5py.File(found.folder / "tiles.h5ad") as file:
        assert file["uns/gastropath/model_source"].asstr()[()] == pinned
    hub.is_down = True
    assert find_model(found.folder, found.summary).path == kept_folder(pinned)


def test_commands_take_the_address_through_the_environment(tmp_path):
    with serving_hub() as server:
        hub = {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}

        def gastropath(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "gastropath", *words]
            environment = {**os.environ, **hub, "HF_TOKEN": TOKEN, **more}
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        pushed = gastropath("push", str(starter()), NAME)
        assert pushed.returncode == 0, pushed.stderr
        address = pushed.stdout.split()[-1]
        assert address.startswith(f"hf://{NAME}@")
        answered = gastropath("predict", str(DRAWN), "--model", f"hf://{NAME}", "--out", "answers.csv")
        assert answered.returncode == 0, answered.stderr
        assert address in (tmp_path / "answers.csv").read_text()
        server.is_down = True
        offline = gastropath("predict", str(DRAWN), "--model", f"hf://{NAME}", "--json", HF_HUB_OFFLINE="1")
        assert json.loads(offline.stdout)["source"] == address
        assert "is used, which was fetched before" in offline.stderr
