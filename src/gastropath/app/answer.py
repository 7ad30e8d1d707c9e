"""What the page shows for one upload, as HTML in which every text is escaped.

HTML of our own, because Streamlit's texts are Markdown: a file named ``www.example.com.png`` would become a link
whatever is escaped in it. A table of bars can also be read aloud, copied, and fits a phone.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np

from gastropath.app.decoders import tile_reader
from gastropath.app.limits import not_taken
from gastropath.images import encode_jpeg, encode_png
from gastropath.inference.classifier import Classifier
from gastropath.inference.explain import heat, tint
from gastropath.report.wording import count
from gastropath.results.card import CardClass
from gastropath.results.prediction import Refusal
from gastropath.results.predictions import Predictions

MAX_PIXELS = 20_000_000
"""Uploads with more pixels are refused before they are decoded."""

MAX_BARS = 12
"""Classes shown in a chart; what is left of a longer list is summed up in one line."""

AT_ONCE = 8
"""Files that are answered together; they are decoded one after the other, in turn with those of other visitors."""

_HEAT_PX = 56
_HEAT_OPACITY = 0.8
_NAME_CHARACTERS = 120
_REMEDY = "Upload one picture as PNG, JPEG, TIFF, WebP, BMP or JPEG 2000."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upload:
    """A picture to classify.

    Attributes
    ----------
    name
        File name as the visitor's browser sent it; only ever shown.
    data
        Content of the file.
    told
        What is known of it, e.g. the label that an example tile carries; empty for a visitor's own.
    """

    name: str
    data: bytes
    told: str = ""


@dataclass(frozen=True)
class Answer:
    """One upload, what the model says of it, and how the page shows that."""

    name: str
    prediction: Predictions
    html: str

    def _repr_html_(self) -> str:  # Streamlit takes it as it is; of a text it would remove indents, at 1 ms a picture
        return self.html


def answers(classifier: Classifier, uploads: Sequence[Upload]) -> list[Answer]:
    """Classify a few uploads, at most :data:`AT_ONCE`, in one go.

    Never raises for what a file holds: it must not break the page.
    """
    return _answers(classifier, uploads)


def _answers(classifier: Classifier, uploads: Sequence[Upload]) -> list[Answer]:
    reasons = {i: reason for i, upload in enumerate(uploads) if (reason := not_taken(upload.data))}
    taken = [upload.data for i, upload in enumerate(uploads) if i not in reasons]
    try:
        found = classifier.predict(taken, maps=True, tiles=True, max_pixels=MAX_PIXELS, workers=1, reader=tile_reader())
    except Exception:
        # Decoders fail in ways nobody foresaw, and the files come from strangers. The log has the details.
        _log.exception("uploads could not be classified")
        if len(uploads) > 1:
            return [answer for upload in uploads for answer in _answers(classifier, [upload])]
        return [_not_answered(classifier, uploads[0], "The file cannot be read as a picture.")]
    told, place = [], 0
    for i, upload in enumerate(uploads):
        if i in reasons:
            told.append(_not_answered(classifier, upload, reasons[i], remedy=""))
            continue
        prediction = found[[place]]
        if refusal := prediction.refusals[0]:
            told.append(Answer(upload.name, prediction, _refusal(upload.name, f"The file {refusal.sentence}.")))
        else:
            html = _result(classifier, upload, prediction)
            told.append(Answer(upload.name, replace(prediction, tiles=None, maps=None), html))
        place += 1
    return told


def percent(share: float) -> str:
    """Write a probability; a model is never certain, so nothing is rounded to 0 or 100.

    Examples
    --------
    >>> percent(0.1234), percent(0.99999), percent(0.00001)
    ('12.3%', '> 99.9%', '< 0.1%')
    """
    if share >= 0.9995:
        return "> 99.9%"
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def title(entry: CardClass) -> str:
    """Write a class with its code: ``"lymphocytes (LYM)"``; the code alone where it has no other name."""
    return entry.code if entry.name == entry.code else f"{entry.name} ({entry.code})"


def plain(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Escape a text; characters that print nothing or turn the direction of writing are replaced, long ones cut."""
    visible = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(visible if len(visible) <= limit else f"{visible[: limit - 1]}…")


def picture(pixels: np.ndarray) -> str:
    """Return pixels as a ``data:`` address: JPEG, or PNG where they have an opacity."""
    if pixels.shape[2] == 4:
        return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(pixels, quality=90)).decode()}"


def _not_answered(classifier: Classifier, upload: Upload, reason: str, remedy: str = _REMEDY) -> Answer:
    prediction = Predictions.refused(classifier.classes, Refusal("damaged", reason))
    return Answer(upload.name, prediction, _refusal(upload.name, reason, remedy))


def _result(classifier: Classifier, upload: Upload, prediction: Predictions) -> str:
    tiles, maps = prediction.seen()
    probabilities = prediction.probabilities[0]
    order = np.argsort(-probabilities, kind="stable")
    best = classifier.card.classes[order[0]]
    name, (width, height), side = plain(upload.name), prediction.sizes_px[0], classifier.tile_px
    size = f"{width} × {height} px"
    if (width, height) != (side, side):
        size += f", resampled to {side} × {side} px"
    named = not prediction.is_out_of_distribution[0]
    layers = f'<img src="{picture(tiles[0])}" alt="The tile {name}">'
    if named:
        evidence = tint(heat(maps[0, ..., order[0]], _HEAT_PX), _HEAT_OPACITY)
        layers += (
            f'<img class="gp-heat" src="{picture(evidence)}" '
            f'alt="Heat map: where the tile speaks for {plain(title(best))}">'
        )
    told = f"{plain(upload.told)}<br>" if upload.told else ""
    return (
        '<section class="gp-answer">'
        f'<div class="gp-picture">{layers}</div>'
        f"{_verdict(best, float(probabilities[order[0]]), prediction)}"
        f'<p class="gp-file"><span class="gp-name">{name}</span><br>{told}{size}</p>'
        f"{_chart(classifier, probabilities, order) if named else ''}"
        "</section>"
    )


def _verdict(best: CardClass, confidence: float, prediction: Predictions) -> str:
    """Name the tissue and the confidence, or say why the model does not."""
    if prediction.is_out_of_distribution[0]:
        return (
            '<h2 class="gp-label gp-unsure">Not sure: unlike the training tiles</h2>'
            "<p>Nothing like this picture was among the tiles the model learned from, so no tissue is named.</p>"
        )
    sure = f'<strong class="gp-confidence">{escape(percent(confidence))}</strong>'
    mark = f'<span class="gp-swatch" style="background-color:{best.color}"></span>'
    if prediction.is_low_confidence[0]:
        return (
            '<h2 class="gp-label gp-unsure">Not sure: low confidence</h2>'
            f"<p>The best guess is {mark}{plain(title(best))}, at {sure}.</p>"
        )
    return f'<h2 class="gp-label">{mark}{plain(title(best))}</h2><p>Confidence {sure}</p>'


def _chart(classifier: Classifier, probabilities: np.ndarray, order: np.ndarray) -> str:
    classes = classifier.card.classes
    rows = [_bar(classes[number], float(probabilities[number])) for number in order[:MAX_BARS]]
    rest = order[MAX_BARS:]
    if len(rest):
        share = escape(percent(float(probabilities[rest].sum())))
        rows.append(
            f'<tr><th scope="row">{count(len(rest), "other class", "other classes together")}</th><td>{share}</td></tr>'
        )
    return f'<table class="gp-chart"><caption>Probability of each class</caption><tbody>{"".join(rows)}</tbody></table>'


def _bar(entry: CardClass, probability: float) -> str:
    """Write one class as two table rows: its name and figure, and under them the bar."""
    return (
        f'<tr><th scope="row">{plain(title(entry))}</th><td>{escape(percent(probability))}</td></tr>'
        f'<tr aria-hidden="true"><td colspan="2"><div class="gp-track">'
        f'<div class="gp-bar" style="width:{probability:.2%};background-color:{entry.color}"></div></div></td></tr>'
    )


def _refusal(name: str, reason: str, remedy: str = _REMEDY) -> str:
    return (
        '<section class="gp-answer gp-refused">'
        '<h2 class="gp-label">⚠ Not classified</h2>'
        f'<p class="gp-file"><span class="gp-name">{plain(name)}</span></p>'
        f"<p>{plain(reason, limit=400)} {remedy}</p>"
        "</section>"
    )
