"""How documents of earlier format versions become today's."""

from __future__ import annotations

from typing import Any

_DRAWN, _PHOTOGRAPHS = "drawn ", "pieces of photographs"
"""How version 1 named pictures without tissue, which stood among the classes."""


def metrics_2(document: dict[str, Any]) -> dict[str, Any]:
    """``metrics.json``: classes and pictures that the model does not know lie apart."""
    domain = dict(document["domain"])
    outsiders: dict[str, Any] = domain.pop("outsiders")
    pictures = {name: row for name, row in outsiders.items() if name.startswith(_DRAWN) or name == _PHOTOGRAPHS}
    others = {name: row for name, row in outsiders.items() if name not in pictures}
    domain |= {"other_classes": others, "pictures": pictures}
    return {**document, "format_version": 2, "domain": domain}


def card_2(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: its metrics are those of ``metrics.json``."""
    metrics = document.get("metrics")
    return {**document, "format_version": 2, "metrics": metrics_2(metrics) if metrics else None}


def split_2(document: dict[str, Any]) -> dict[str, Any]:
    """``split.json``: nothing but the version was added."""
    return {**document, "format_version": 2}
