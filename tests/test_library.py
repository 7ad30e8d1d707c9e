"""``import gastropath`` is a library: fourteen names, typed, loaded when used, and the docs' script runs."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import assert_type

import pytest

import gastropath
from gastropath import errors
from gastropath.inference.classifier import Classifier
from gastropath.results.metrics import Metrics
from gastropath.results.predictions import Predictions
from gastropath.slides.mapping import MappedSlide
from gastropath.workflows.adapt import AdaptResult
from gastropath.workflows.audit import AuditResult
from gastropath.workflows.compare import ComparisonResult
from gastropath.workflows.evaluate import EvaluationResult
from gastropath.workflows.explain import ExplanationResult
from gastropath.workflows.split import SplitResult
from gastropath.workflows.train_result import TrainResult

NAMES = {
    "load", "Classifier", "Predictions", "audit", "split", "train", "evaluate", "evaluate_predictions", "compare",
    "explain", "map_slide", "fetch", "errors", "adapt",
}  # fmt: skip

FUNCTIONS = sorted(NAMES - {"Classifier", "Predictions", "errors"})

GUIDE = Path(__file__).parents[1] / "docs" / "library.md"


def types_that_an_editor_sees() -> None:
    """Never run: pyright reads it, and fails where a name of the package has lost its type."""
    assert_type(gastropath.load("run"), Classifier)
    assert_type(gastropath.load().predict("tile.png"), Predictions)
    assert_type(gastropath.Predictions.none(["TUM"]), Predictions)
    assert_type(gastropath.audit("tiles"), AuditResult)
    assert_type(gastropath.split(["tiles", Path("more")], "split.csv"), SplitResult)
    assert_type(gastropath.train("tiles", settings={"epochs": 2}).metrics, Metrics)
    assert_type(gastropath.train("tiles", settings=["epochs=2"]), TrainResult)
    assert_type(gastropath.evaluate("tiles", gastropath.load()), EvaluationResult)
    assert_type(gastropath.evaluate_predictions("table.csv").metrics, Metrics)
    assert_type(gastropath.compare(["a", "b"]), ComparisonResult)
    assert_type(gastropath.explain("tile.png"), ExplanationResult)
    assert_type(gastropath.map_slide("slide.svs"), MappedSlide)
    assert_type(gastropath.adapt(labels="labels.csv"), AdaptResult)
    assert_type(gastropath.fetch().folder, Path)
    assert_type(gastropath.errors.NoTilesFound("none").remedy, str)


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_library_is_fourteen_names_and_its_version():
    assert set(gastropath.__all__) == NAMES
    assert set(dir(gastropath)) == NAMES | {"__version__"}
    for name in NAMES:
        assert getattr(gastropath, name)
    assert gastropath.errors is errors
    assert gastropath.Classifier is Classifier


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = gastropath.trian  # pyright: ignore[reportAttributeAccessIssue]


def test_each_way_to_import_a_name_works_in_a_fresh_python():
    told = fresh(
        "from gastropath import train, errors, Classifier\nimport gastropath\nimport gastropath.errors\n"
        "print(train is gastropath.train, errors is gastropath.errors, Classifier.__name__, train.__module__)"
    )
    assert told.split() == ["True", "True", "Classifier", "gastropath.workflows.train"]


def test_a_room_that_is_imported_first_hides_no_name():
    for name in ("audit", "split", "evaluate", "train", "explain"):
        assert fresh(f"import gastropath.workflows.{name}, gastropath\nprint(callable(gastropath.{name}))") == "True\n"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_using_a_name_loads_neither_tensorflow_nor_the_page(name: str):
    loaded = fresh(f"import sys, gastropath\ngastropath.{name}\nprint(*sys.modules)").split()
    assert not {"tensorflow", "keras", "sklearn", "pandas", "matplotlib", "streamlit", "typer"} & set(loaded)


def test_help_names_what_there_is():
    told = pydoc.plain(pydoc.render_doc(gastropath))
    for name in NAMES:
        assert re.search(rf"\b{name}\b", told), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_tells_its_parameters_result_errors_and_an_example(name: str):
    function = getattr(gastropath, name)
    told = inspect.getdoc(function) or ""
    sections = dict(re.findall(r"^(\w+)\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", told, re.MULTILINE | re.DOTALL))
    assert list(sections) == ["Parameters", "Returns", "Raises", "Examples"]
    documented = {part for line in re.findall(r"^(\w.*)$", sections["Parameters"], re.M) for part in line.split(", ")}
    assert documented == set(inspect.signature(function).parameters)
    raised = {part for line in re.findall(r"^(\w.*)$", sections["Raises"], re.M) for part in line.split(", ")}
    assert all(issubclass(getattr(errors, kind), errors.GastroPathError) for kind in raised)
    assert f"gastropath.{name}(" in sections["Examples"]


def test_what_is_missing_is_told_before_anything_is_read(monkeypatch):
    monkeypatch.setattr("gastropath.workflows.extras.find_spec", lambda name: None)
    for call in (
        lambda: gastropath.audit("nowhere"),
        lambda: gastropath.split("nowhere"),
        lambda: gastropath.train("nowhere", folds=3),
        lambda: gastropath.evaluate("nowhere"),
        lambda: gastropath.compare(["nowhere"]),
        lambda: gastropath.map_slide("nowhere", features=True),
    ):
        with pytest.raises(errors.MissingExtra, match="install GastroPath with its extra") as told:
            call()
        assert "--" not in str(told.value)


def script() -> str:
    """Return the first block of Python in the guide."""
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_script_of_the_guide_is_short_and_uses_only_the_library():
    lines = script().splitlines()
    assert len(lines) <= 25
    tree = ast.parse(script())
    imported = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    assert imported == {"gastropath"}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_package(node.value)}
    assert used == {"audit", "split", "train", "evaluate", "load", "map_slide"}


def _is_package(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "gastropath"


def test_the_guide_lists_the_names_that_there_are():
    table = re.findall(r"^- `(\w+)[(`]", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert set(table) == NAMES
    assert len(table) == len(NAMES)


@pytest.mark.slow
def test_the_script_of_the_guide_does_the_whole_chain(tmp_path):
    from gastropath.workflows.demo import draw

    draw(tmp_path / "gastropath-demo", tiles_per_class=24)
    command = [sys.executable, "-c", script()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "groups of duplicates: audit/audit.html" in done.stdout
    assert re.search(r"test part: [01]\.\d{3} \(0\.\d{3}–\d\.\d{3}\)", done.stdout)
    assert (tmp_path / "new-stains" / "report.html").is_file()
    overlay = re.search(r"(\d+) tiles: (\S+)", done.stdout)
    assert overlay is not None
    assert int(overlay[1]) > 100
    assert (tmp_path / overlay[2]).is_file()
