"""Write docs/reference from what it is about: commands from their help, documents from their schemas, public names.

python -m tools.write_reference
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import typer
from tools.write_schemas import DOCUMENTS

import gastropath
from gastropath import errors
from gastropath.cli.main import app

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
_WRITTEN = "<!-- written by tools/write_reference.py -->"
_RESULTS = (
    "workflows.audit.AuditResult",
    "workflows.split.SplitResult",
    "workflows.train_result.TrainResult",
    "workflows.evaluate.EvaluationResult",
    "workflows.compare.ComparisonResult",
    "workflows.explain.ExplanationResult",
    "slides.mapping.MappedSlide",
    "data.fetch.dataset.Fetched",
    "results.prediction.Prediction",
    "results.interval.Interval",
    "results.metrics.Metrics",
    "results.summary.SlideSummary",
)
"""What the functions return."""


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    return {
        "library.md": "\n".join(_library()) + "\n",
        "commands.md": "\n".join(_commands()) + "\n",
        "documents.md": "\n".join(_documents()) + "\n",
    }


def _library() -> Iterator[str]:
    yield from ("# Every public name", "", _WRITTEN, "")
    yield "From the docstrings; a script of the whole chain stands in [From Python](../library.md)."
    functions = [name for name in gastropath.__all__ if inspect.isfunction(getattr(gastropath, name))]
    for name in ("load", "Classifier", "Predictions", *(name for name in functions if name != "load")):
        yield from ("", f"::: gastropath.{name}")
    yield from ("", "## What they return", "")
    for path in _RESULTS:
        yield from (f"::: gastropath.{path}", "    options:", "      heading_level: 3", "")
    yield from ("## gastropath.errors", "")
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == errors.__name__:
            yield from (f"::: gastropath.errors.{name}", "    options:", "      heading_level: 3", "")


def _commands() -> Iterator[str]:
    yield from ("# Every command", "", _WRITTEN, "")
    yield "What each says with `--help`. What they share, exit statuses among it: [commands](../commands.md)."
    group = typer.main.get_group(app)
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        context = click.Context(command, info_name=f"gastropath {name}")
        yield from ("", f"## {name}", "", "```", command.get_usage(context).removeprefix("Usage: "), "```", "")
        yield from (inspect.cleandoc(command.help or ""), "", command.epilog or "", "")
        for parameter in command.params:
            if getattr(parameter, "hidden", False):
                continue
            if (record := parameter.get_help_record(context)) is not None:
                spelled, told = record
                yield f"`{_typed(spelled)}`{_told(told)}"
                yield ""


def _typed(spelled: str) -> str:
    return " ".join(spelled.split())


def _told(told: str) -> str:
    text = " ".join(told.split())
    return f"\n:   {text}" if text else ""


def _documents() -> Iterator[str]:
    yield from ("# Documents by their schemas", "", _WRITTEN, "")
    yield "Every key of the JSON documents. [Files](../files.md) tells what they mean and what else is written."
    for name, kind in DOCUMENTS.items():
        schema = kind.model_json_schema(mode="serialization")
        yield from ("", f"## {name}.json", "", f"[JSON Schema](../schemas/{name}.schema.json).")
        yield from _object(schema, schema.get("$defs", {}))
        for part, definition in sorted(schema.get("$defs", {}).items()):
            yield from ("", f"### {name}.json: {_name(part)}")
            yield from _object(definition, schema["$defs"])


def _object(schema: Mapping[str, object], definitions: Mapping[str, object]) -> Iterator[str]:
    if text := str(schema.get("description", "")).replace("``", "`"):
        yield from ("", text.split("\n\nAttributes\n")[0])
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    if properties:
        yield ""
    for key, value in properties.items():
        told = str(value.get("description", "")).replace("``", "`")
        yield f"- `{key}`: {_kind(value)}" + (f". {' '.join(told.split())}" if told else "")


def _name(definition: str) -> str:
    """Return the name of a part of a schema; where two rooms have the same, the schema puts their modules before it."""
    return definition.rpartition("__")[2]


def _kind(value: Mapping[str, object]) -> str:
    if "$ref" in value:
        return _name(str(value["$ref"]).rpartition("/")[2])
    if "anyOf" in value:
        kinds = value["anyOf"]
        assert isinstance(kinds, list)
        return " or ".join(_kind(kind) for kind in kinds)
    if "const" in value:
        return repr(value["const"])
    if "enum" in value:
        choices = value["enum"]
        assert isinstance(choices, list)
        return " or ".join(f"`{choice}`" for choice in choices)
    inner = value.get("additionalProperties") or value.get("items")
    if isinstance(inner, dict):
        return f"{value.get('type')} of {_kind(inner)}"
    return str(value.get("type", "anything"))


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
