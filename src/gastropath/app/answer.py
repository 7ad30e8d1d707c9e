"""What the page shows for one upload, as HTML in which every text is escaped.

HTML of our own, because Streamlit's texts are Markdown: a file named ``www.example.com.png`` would become a link
whatever is escaped in it. A table of bars can also be read aloud, copied, and fits a phone.
"""

from __future__ import annotations

import base64
import logging
from html import escape

import numpy as np
from PIL import Image

from gastropath.app.limits import in_turn, not_taken
from gastropath.bundle.card import CardClass
from gastropath.errors import CannotReadImage
from gastropath.images import decode, encode_jpeg
from gastropath.inference.classifier import Classifier
from gastropath.inference.predictions import LOW_CONFIDENCE, UNLIKE, Predictions

MAX_PIXELS = 20_000_000
"""Uploads with more pixels are refused before they are decoded."""

MAX_BARS = 12
"""Classes shown in a chart; what is left of a longer list is summed up in one line."""

_PREVIEW_PX = 512
_NAME_CHARACTERS = 120
_REMEDY = "Upload one picture as PNG, JPEG or TIFF."

_log = logging.getLogger(__name__)


@in_turn
def answer(classifier: Classifier, name: str, data: bytes) -> str:
    """Classify one upload.

    Parameters
    ----------
    classifier
        The model.
    name
        File name as the visitor's browser sent it; only ever shown.
    data
        Content of the file.

    Returns
    -------
    str
        HTML of a result, or of a message that says why there is none. Never raises: a file must not break the page.
    """
    if reason := not_taken(data):
        return _refusal(name, reason, remedy="")
    try:
        pixels = decode(data, max_pixels=MAX_PIXELS)
        predictions = classifier.predict(pixels)
    except CannotReadImage as error:
        return _refusal(name, f"The file {error}.")
    except Exception:
        # Decoders fail in ways nobody foresaw, and the files come from strangers. The log has the details.
        _log.exception("an upload could not be classified")
        return _refusal(name, "The file cannot be read as a picture.")
    return _result(classifier, name, pixels, predictions)


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


def _result(classifier: Classifier, name: str, pixels: np.ndarray, predictions: Predictions) -> str:
    probabilities, doubt = predictions.probabilities[0], predictions.doubts[0]
    order = np.argsort(-probabilities, kind="stable")
    best = classifier.card.classes[order[0]]
    height, width = pixels.shape[:2]
    size = f"{width} × {height} px"
    side = classifier.tile_px
    if (width, height) != (side, side):
        size += f", resampled to {side} × {side} px"
    picture = base64.b64encode(encode_jpeg(_preview(pixels), quality=90)).decode()
    return (
        '<section class="gp-answer">'
        f'<img src="data:image/jpeg;base64,{picture}" alt="The uploaded tile {_plain(name)}">'
        f"{_verdict(best, float(probabilities[order[0]]), doubt)}"
        f'<p class="gp-file"><span class="gp-name">{_plain(name)}</span><br>{size}</p>'
        f"{'' if UNLIKE in doubt else _chart(classifier, probabilities, order)}"
        "</section>"
    )


def _verdict(best: CardClass, confidence: float, doubt: str) -> str:
    """Name the tissue and the confidence, or say why the model does not."""
    if UNLIKE in doubt:
        return (
            '<h2 class="gp-label gp-unsure">Not sure</h2><p>This picture is unlike the tiles the model was trained on, '
            "so no tissue is named.</p>"
        )
    sure = f'<strong class="gp-confidence">{escape(percent(confidence))}</strong>'
    if LOW_CONFIDENCE in doubt:
        return (
            '<h2 class="gp-label gp-unsure">Not sure</h2>'
            f"<p>Its confidence is too low: {_plain(title(best))} is the best guess, at {sure}.</p>"
        )
    return f'<h2 class="gp-label">{_plain(title(best))}</h2><p>Confidence {sure}</p>'


def _chart(classifier: Classifier, probabilities: np.ndarray, order: np.ndarray) -> str:
    classes = classifier.card.classes
    rows = [_bar(classes[number], float(probabilities[number])) for number in order[:MAX_BARS]]
    rest = order[MAX_BARS:]
    if len(rest):
        share = escape(percent(float(probabilities[rest].sum())))
        rows.append(f'<tr><th scope="row">{len(rest)} other classes together</th><td>{share}</td></tr>')
    return f'<table class="gp-chart"><caption>Probability of each class</caption><tbody>{"".join(rows)}</tbody></table>'


def _bar(entry: CardClass, probability: float) -> str:
    """Write one class as two table rows: its name and figure, and under them the bar."""
    return (
        f'<tr><th scope="row">{_plain(title(entry))}</th><td>{escape(percent(probability))}</td></tr>'
        f'<tr aria-hidden="true"><td colspan="2"><div class="gp-track">'
        f'<div class="gp-bar" style="width:{probability:.2%};background-color:{entry.color}"></div></div></td></tr>'
    )


def _refusal(name: str, reason: str, remedy: str = _REMEDY) -> str:
    return (
        '<section class="gp-answer gp-refused">'
        '<h2 class="gp-label">⚠ Not classified</h2>'
        f'<p class="gp-file"><span class="gp-name">{_plain(name)}</span></p>'
        f"<p>{_plain(reason, limit=400)} {remedy}</p>"
        "</section>"
    )


def _preview(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
    return np.asarray(image)


def _plain(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Escape a text; characters that print nothing or turn the direction of writing are replaced, long ones cut."""
    visible = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(visible if len(visible) <= limit else f"{visible[: limit - 1]}…")
