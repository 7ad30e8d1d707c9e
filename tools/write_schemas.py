"""Write the JSON Schemas of our documents to docs/schemas, from the classes that read and write them.

python tools/write_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

from gastropath.results.card import Card
from gastropath.results.documents import Document
from gastropath.results.metrics import Metrics
from gastropath.results.split import SplitDocument
from gastropath.results.summary import SlideSummary

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"
DOCUMENTS: dict[str, type[Document]] = {
    "card": Card,
    "metrics": Metrics,
    "split": SplitDocument,
    "summary": SlideSummary,
}


def schema(name: str) -> str:
    """Return the text of one schema."""
    found = DOCUMENTS[name].model_json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{name}.json of GastroPath"}
    return json.dumps(head | {key: value for key, value in found.items() if key != "title"}, indent=2) + "\n"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        (FOLDER / f"{name}.schema.json").write_text(schema(name), encoding="utf-8")


if __name__ == "__main__":
    main()
