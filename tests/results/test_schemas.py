"""The published JSON Schemas are those of the classes, and what is written keeps to them."""

import copy
import json
from pathlib import Path

import pytest

jsonschema = pytest.importorskip("jsonschema")

from tools.write_schemas import DOCUMENTS, FOLDER, schema  # noqa: E402

OLD = Path(__file__).parent / "written_by_0_1_0"


@pytest.fixture(scope="module", params=sorted(DOCUMENTS))
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def published(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.schema.json").read_text())


def test_the_published_schema_is_what_the_tool_writes(name):
    assert (FOLDER / f"{name}.schema.json").read_text() == schema(name), "run: python tools/write_schemas.py"


def test_a_published_schema_is_a_valid_schema(published):
    jsonschema.Draft202012Validator.check_schema(published)


def test_what_an_older_version_wrote_keeps_to_the_schema_once_it_is_brought_up(name, published):
    document = DOCUMENTS[name].parse((OLD / f"{name}.json").read_bytes(), name)
    jsonschema.validate(json.loads(document.to_json()), published)


def test_what_a_run_writes_keeps_to_the_schema(finished_run, name, published):
    places = {"card": "model/card.json", "metrics": "metrics.json", "split": "split.json"}
    if name not in places:
        pytest.skip("a run has no such document; tests/slides holds that of a slide")
    jsonschema.validate(json.loads((finished_run / places[name]).read_text()), published)


def test_a_key_that_nobody_knows_and_a_share_beyond_one_break_the_schema(name, published):
    document = json.loads(DOCUMENTS[name].parse((OLD / f"{name}.json").read_bytes(), name).to_json())
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate({**document, "surprise": 1}, published)
    metrics = {"card": document.get("metrics"), "metrics": document}.get(name)
    if metrics:
        metrics["accuracy"]["value"] = 1.5
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(copy.deepcopy(document), published)
