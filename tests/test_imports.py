"""Who may import whom. The rooms of the package point one way, and using a model needs no training software."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gastropath

PACKAGE = Path(gastropath.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

GROUND_FLOOR = (
    "errors",
    "memory",
    "kept_process",
    "arrays",
    "tissue_classes",
    "formulas",
    "debris",
    "formats",
    "tiff_samples",
    "decoding",
    "images",
    "outputs",
    "locks",
    "tables",
    "progress",
    "parallel",
)
"""Modules, in order: each may import only those before it."""

_UP_TO_JOBS = {"results", "report", "jobs"}

ROOMS = {
    "results": set(),
    "report": {"results"},
    "jobs": {"results"},
    "data": _UP_TO_JOBS,
    "bundle": _UP_TO_JOBS,
    "inference": _UP_TO_JOBS | {"bundle"},
    "training": _UP_TO_JOBS | {"data", "bundle", "inference"},
    "evaluation": _UP_TO_JOBS | {"data", "bundle", "inference"},
    "slides": _UP_TO_JOBS | {"bundle", "inference"},
    "teach": _UP_TO_JOBS | {"bundle", "inference", "slides"},
    "app": _UP_TO_JOBS | {"bundle", "inference", "slides"},
    "space": _UP_TO_JOBS | {"bundle", "inference", "slides", "app"},
}
"""Rooms, and the rooms each may import beside itself and the ground floor."""

ROOMS["workflows"] = set(ROOMS)
ROOMS["cli"] = set(ROOMS)

FOR_THE_LIBRARY = {"errors", "results", "inference", "workflows"}
"""Where the names of ``import gastropath`` lie; they are loaded when they are used."""

SCRIPTS = {"__main__.py": {"cli"}, "space/app.py": {"app"}}
"""Files that are started, not imported (the second is copied into a Space), and what they may start."""

USING = (*GROUND_FLOOR, "results", "report", "jobs", "bundle", "inference", "slides", "teach", "app", "space")
TRAINING_SOFTWARE = {"tensorflow", "keras", "sklearn", "pandas"}
WHEN_ASKED_FOR = {("results/predictions.py", "pandas")}
"""A data frame is made of predictions only by who asks for one."""


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("gastropath", *(part for part in parts if part != "__init__")))


def room(module: str) -> str:
    """``gastropath.data.index`` lies in ``data``; the package itself and ``__main__`` are rooms of their own."""
    return next(iter(module.split(".")[1:]), "")


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of every import, wherever in the module it stands."""
    package = module_name(file) if file.name == "__init__.py" else module_name(file).rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            if base in {"gastropath", ""}:  # `from gastropath import formulas` names a module, or `__version__`
                yield from ((node.lineno, f"{base}.{alias.name}".strip(".")) for alias in node.names)
            else:
                yield node.lineno, base
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def allowed(importer: str, imported: str) -> bool:
    if imported == importer or imported in {"", "__version__"}:  # the package itself holds the version and `load`
        return importer not in GROUND_FLOOR or imported == "" or (PACKAGE / importer).is_dir()
    if importer in GROUND_FLOOR:
        return imported in GROUND_FLOOR[: GROUND_FLOOR.index(importer)]
    if importer == "":
        return imported in FOR_THE_LIBRARY
    return imported in GROUND_FLOOR or imported in ROOMS[importer]


def forbidden() -> Iterator[str]:
    for file in MODULES:
        place, importer = file.relative_to(PACKAGE).as_posix(), room(module_name(file))
        for line, name in imports(file):
            if name.split(".")[0] != "gastropath":
                continue
            may = room(name) in SCRIPTS[place] if place in SCRIPTS else allowed(importer, room(name))
            if not may:
                yield f"{place}:{line} imports {name}"


def test_no_module_imports_a_script():
    scripts = {module_name(PACKAGE / place) for place in SCRIPTS}
    assert [f"{file}:{line}" for file in MODULES for line, name in imports(file) if name in scripts] == []


def test_every_module_lies_in_a_room_that_the_table_knows():
    rooms = {room(module_name(file)) for file in MODULES}
    assert rooms <= {"", "__main__", *GROUND_FLOOR, *ROOMS}
    assert set(GROUND_FLOOR) <= rooms


def test_the_rooms_import_only_what_the_table_allows():
    assert list(forbidden()) == []


@pytest.mark.parametrize(
    ("importer", "imported", "may"),
    [
        ("images", "errors", True),
        ("errors", "images", False),
        ("errors", "errors", False),
        ("errors", "data", False),
        ("data", "bundle", False),
        ("data", "parallel", True),
        ("evaluation", "training", False),
        ("training", "evaluation", False),
        ("app", "data", False),
        ("app", "slides", True),
        ("space", "app", True),
        ("inference", "cli", False),
        ("data", "cli", False),
        ("cli", "training", True),
        ("", "inference", True),
        ("", "workflows", True),
        ("", "cli", False),
        ("data", "workflows", False),
        ("cli", "workflows", True),
        ("workflows", "cli", False),
        ("", "data", False),
    ],
)
def test_the_table_itself_says_no(importer: str, imported: str, may: bool):
    assert allowed(importer, imported) is may


def test_imports_are_found_wherever_they_hide(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "index.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from gastropath.training import run\n"
        "def f():\n    import gastropath.cli.main\n    from ..app import page\n    from . import audit\n"
        "    from .. import evaluation\n    from .split import Split\n"
        "    __import__('keras')\n    importlib.import_module('gastropath.space')\n"
    )
    assert {name for _, name in imports(file)} == {
        "typing", "gastropath.training", "gastropath.cli.main", "gastropath.app", "gastropath.data",
        "gastropath.evaluation", "gastropath.data.split", "keras", "gastropath.space",
    }  # fmt: skip


def test_the_package_itself_loads_its_names_only_when_asked():
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    outside = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {node.module for node in outside if isinstance(node, ast.ImportFrom)} <= {"__future__", "typing"}


def test_using_a_model_imports_no_training_software():
    found = [
        f"{file.relative_to(PACKAGE)}:{line} imports {name}"
        for file in MODULES
        if room(module_name(file)) in USING
        for line, name in imports(file)
        if name.split(".")[0] in TRAINING_SOFTWARE
        and (file.relative_to(PACKAGE).as_posix(), name) not in WHEN_ASKED_FOR
    ]
    assert found == []


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after running ``code``, which may print nothing."""
    listing = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_classifier_runs_without_training_software():
    loaded = loaded_by("import gastropath.inference.classifier, gastropath.inference.gathering")
    assert "ai_edge_litert.interpreter" in loaded
    assert not loaded & TRAINING_SOFTWARE
    assert not loaded & {"matplotlib", "jinja2", "streamlit", "typer"}


def test_the_package_alone_loads_neither_numpy_nor_pillow():
    loaded = loaded_by("import gastropath; gastropath.__version__")
    assert not loaded & {"numpy", "PIL", "pydantic", "ai_edge_litert"}
    assert {name for name in loaded if name.startswith("gastropath")} == {"gastropath"}


def test_help_needs_neither_numpy_nor_pillow():
    loaded = loaded_by("import gastropath.cli.main")
    assert not loaded & {"numpy", "PIL", "tensorflow", "sklearn", "matplotlib", "streamlit"}


WATCH = """
import sys
import pydantic

class Warm(pydantic.BaseModel):  # at its first model, pydantic looks for plug-ins among what is installed
    x: int = 0

touched = []
FILES_AND_NETWORK = ("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.putenv",
                     "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "shutil.rmtree")

def watch(event, arguments):
    if event not in FILES_AND_NETWORK:
        return
    frame = sys._getframe(1)
    while frame is not None:
        if "importlib._bootstrap" in frame.f_code.co_filename:
            return  # Python reads the modules themselves
        if frame.f_globals.get("__name__", "").startswith("gastropath"):
            touched.append((event, *arguments[:1], frame.f_code.co_filename, frame.f_lineno))
            return
        frame = frame.f_back

sys.addaudithook(watch)
import {modules}
print(*touched, sep="\\n")
"""


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param([f"gastropath.{name}" for name in GROUND_FLOOR], id="ground floor"),
        pytest.param(
            ["gastropath.data.index", "gastropath.data.audit_page.page", "gastropath.data.split.split"], id="data"
        ),
        pytest.param(["gastropath.bundle.files"], id="bundle"),
        pytest.param(["gastropath.inference.classifier", "gastropath.inference.gathering"], id="inference"),
    ],
)
def test_importing_reads_no_file_and_asks_no_network(modules: list[str]):
    code = WATCH.replace("{modules}", ", ".join(modules))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_the_watch_sees_a_module_that_reads_a_file(tmp_path: Path):
    (tmp_path / "gastropath_bad.py").write_text("print(open(__file__).name)\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + WATCH.replace("{modules}", "gastropath_bad")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "('open'" in done.stdout
