import base64
import csv
import hashlib
import io
import zipfile
from importlib import metadata, resources

import pytest

from gastropath.space.wheel import write_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return write_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_file_of_the_package_but_weights_to_train_from_and_the_starter(wheel):
    package = resources.files("gastropath")
    found = {
        f"gastropath/{path.relative_to(package)}": path.read_bytes()  # pyright: ignore[reportArgumentType]
        for path in package.rglob("*")  # pyright: ignore[reportAttributeAccessIssue]
        if path.is_file() and not {"__pycache__", "backbones", "starter"} & set(path.relative_to(package).parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("gastropath/")}
    assert packed == found


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "report/templates/page.html.j2",
        "recipes/baseline.toml",
        "app/page.py",
        "app/page.css",
        "app/drawn/examples.json",
        "app/drawn/drawn_TUM.jpg",
        "space/Dockerfile",
        "space/config.toml",
        "space/requirements.lock",
        "space/app.py",
    ],
)
def test_the_wheel_holds_what_is_needed_besides_code(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        assert f"gastropath/{name}" in archive.namelist()


def test_two_builds_are_the_same_bytes(wheel, tmp_path):
    assert write_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_the_record_lists_every_file_with_its_hash(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows:
            if name != record:
                data = archive.read(name)
                encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (digest, int(size)) == (f"sha256={encoded}", len(data))


def test_name_metadata_and_folder_agree_on_the_version(wheel):
    version = metadata.version("gastropath")
    assert wheel.name == f"gastropath-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"gastropath-{version}.dist-info/METADATA").decode()
        assert f"\nVersion: {version}\n" in text
        assert b"gastropath.__main__:main" in archive.read(f"gastropath-{version}.dist-info/entry_points.txt")


def test_compiled_and_hidden_files_stay_out(tmp_path, monkeypatch):
    package = tmp_path / "package"
    for name in ("module.py", "__pycache__/module.pyc", ".DS_Store", "data/kept.toml"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    monkeypatch.setattr(resources, "files", lambda name: package)
    with zipfile.ZipFile(write_wheel(tmp_path)) as archive:
        packed = [name for name in archive.namelist() if name.startswith("gastropath/")]
    assert packed == ["gastropath/data/kept.toml", "gastropath/module.py"]
