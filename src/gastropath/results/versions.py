"""How documents of earlier format versions become today's."""

from __future__ import annotations

import hashlib
from typing import Any

_LEFT_OUT = {"dark border": "dark_border", "outside the region": "outside_roi"}
"""How version 1 named why tiles were left out, and the codes of today; where they are alike, nothing is listed."""

DAMAGED, DAMAGED_SENTENCE = "damaged", "the slide cannot be read there"
"""Why a tile of a slide is refused, in a word and in general; its own refusal says what the reading software met."""

_DRAWN, _PHOTOGRAPHS = "drawn ", "pieces of photographs"
"""How version 1 named pictures without tissue, which stood among the classes."""


_WITH_BOUNDS = ("mirax", "leica", "ventana", "zeiss", "dicom")
"""Kinds of slides that may state bounds, of which version 2 of ``summary.json`` knew nothing."""


def metrics_2(document: dict[str, Any]) -> dict[str, Any]:
    """``metrics.json``: classes and pictures that the model does not know lie apart."""
    domain = dict(document["domain"])
    outsiders: dict[str, Any] = domain.pop("outsiders")
    pictures = {name: row for name, row in outsiders.items() if name.startswith(_DRAWN) or name == _PHOTOGRAPHS}
    others = {name: row for name, row in outsiders.items() if name not in pictures}
    domain |= {"other_classes": others, "pictures": pictures}
    return {**document, "format_version": 2, "domain": domain}


def metrics_3(document: dict[str, Any]) -> dict[str, Any]:
    """``metrics.json``: its split says what keeps the tiles of a slide together; in version 2 that was not counted."""
    split = document["split"]
    return {
        **document,
        "format_version": 3,
        "split": {**split, "kept_together": None, "grouped_by": ""} if split else None,
    }


def metrics_4(document: dict[str, Any]) -> dict[str, Any]:
    """``metrics.json``: which checks ran; until version 3 all did where a model was asked."""
    return {**document, "format_version": 4, "checks": "full" if document.get("data") else None}


def metrics_5(document: dict[str, Any]) -> dict[str, Any]:
    """``metrics.json``: what a map must gain has a least size; until version 4 it had to be more than nothing."""
    found = document.get("explanations")
    if found:
        found = {**found, **{way: {**found[way], "limit": 0.0} for way in ("deletion", "insertion")}}
    return {**document, "format_version": 5, "explanations": found}


def card_2(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: its metrics are those of ``metrics.json``."""
    metrics = document.get("metrics")
    return {**document, "format_version": 2, "metrics": metrics_2(metrics) if metrics else None}


def card_3(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: its metrics are those of ``metrics.json``; a target of abstention has a state and an interval.

    Earlier a threshold was judged on the tiles it was chosen on, without an interval: that shows of no target that it
    is met.
    """
    metrics, rule = document["metrics"], document.get("abstention")
    if rule:
        rule = dict(rule)
        state = "unmet" if not rule.pop("met") else "not_shown" if rule["target"] == "accuracy" else "met"
        accuracy = {"value": rule["selective_accuracy"], "low": None, "high": None}
        rule |= {"state": state, "selective_accuracy": accuracy}
    metrics = metrics_3(metrics) if metrics else None
    return {**document, "format_version": 3, "metrics": metrics, "abstention": rule}


def card_4(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: its metrics are those of ``metrics.json``."""
    metrics = document["metrics"]
    return {**document, "format_version": 4, "metrics": metrics_4(metrics) if metrics else None}


def card_5(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: its metrics are those of ``metrics.json``; it may say that a model was adapted."""
    metrics = document["metrics"]
    return {**document, "format_version": 5, "metrics": metrics_5(metrics) if metrics else None}


def card_6(document: dict[str, Any]) -> dict[str, Any]:
    """``card.json``: it may say where the model that was adapted lies; earlier models were not of the Hub."""
    found = document.get("adaptation")
    return {**document, "format_version": 6, "adaptation": {**found, "base_source": ""} if found else None}


def split_2(document: dict[str, Any]) -> dict[str, Any]:
    """``split.json``: nothing but the version was added."""
    return {**document, "format_version": 2}


def split_3(document: dict[str, Any]) -> dict[str, Any]:
    """``split.json``: fingerprints are of pixels; those of version 2 were of paths and sizes."""
    unknown = {"index_sha256": None, "split_sha256": None, "kept_together": None, "grouped_by": ""}
    return {**document, "format_version": 3, **unknown}


def summary_2(document: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``: reasons are codes with sentences, and areas of classes lie apart from that of abstained tiles.

    Version 1 counted the accepted tiles of a class called "not sure" as abstained too: such a document is refused.
    """
    tiles, areas, job = dict(document["tiles"]), dict(document["area_mm2"]), dict(document["job"])
    if "not sure" in tiles["accepted"]:
        raise ValueError("tiles of class 'not sure' were counted together with abstained ones")
    left_out = {_LEFT_OUT.get(name, name): n for name, n in tiles["left_out"].items()}
    unreadable = sum(tiles["refused"].values())
    slide, settings = dict(job["slide"]), dict(job["settings"])
    found_in, everything = slide.pop("folder"), settings.pop("everything")
    reasons = {code: name for name, code in _LEFT_OUT.items() if code in left_out}
    reasons |= {code: code for code in left_out if code not in reasons}
    reasons |= {DAMAGED: DAMAGED_SENTENCE} if unreadable else {}
    return {
        **document,
        "format_version": 2,
        "tiles": {**tiles, "left_out": left_out, "refused": {"damaged": unreadable} if unreadable else {}},
        "reasons": reasons,
        "area_mm2": {"abstained": areas.pop("not sure"), "classes": areas},
        "job": {**job, "slide": slide, "found_in": found_in, "settings": {**settings, "mask": not everything}},
    }


def summary_3(document: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``: regions by their hash, bounds, and warnings."""
    job = document.get("job")
    if job is not None:
        settings = dict(job["settings"])
        roi = settings["roi"]
        settings |= {
            "roi": None if roi is None else hashlib.sha256(str(roi).encode()).hexdigest(),
            "qupath_origin": "level0" if document["kind"] in _WITH_BOUNDS else "bounds",
            "qupath_classes": {},
        }
        job = {**job, "settings": settings}
    return {**document, "format_version": 3, "bounds_px": None, "warnings": [], "job": job}


def summary_4(document: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``: two more files with features, which earlier versions did not write."""
    job = document.get("job")
    if job is not None:
        job = {**job, "settings": {**job["settings"], "stamp": False, "anndata": False}}
    return {**document, "format_version": 4, "job": job}


def summary_5(document: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``: where the model lies on the Hub; earlier models were not of the Hub."""
    return {**document, "format_version": 5, "model": {**document["model"], "source": ""}}
