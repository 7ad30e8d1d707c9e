"""The tab about the model: what it learned from, how good it is, its limits; all of it read from its card."""

from __future__ import annotations

import streamlit as st

from gastropath.app.answer import title
from gastropath.app.charts import confusion, reliability, table
from gastropath.bundle.figures import figure_text
from gastropath.bundle.readme import model_card_body
from gastropath.results.card import Card
from gastropath.results.metrics import Metrics, SplitInfo

_WHOSE = {
    "test": "on the test part, which it did not learn from",
    "out-of-fold": "each tile by a model trained without its fold",
}


def show_about(card: Card) -> None:
    """Show the tab."""
    st.header(_plain(card.name), anchor=False)
    st.markdown(_plain(card.intended_use))
    _training(card)
    if card.metrics is None:
        st.warning("This model was not evaluated: nothing is known of how good it is.", icon="⚠️")
    else:
        _worth(card, card.metrics)
    st.subheader("Limits", anchor=False)
    st.markdown("\n".join(f"- {_plain(limit)}" for limit in card.limitations))
    st.subheader("How to cite", anchor=False)
    st.markdown(
        _plain(card.training_data.citation or f"No citation came with the training tiles, {card.training_data.name!r}.")
    )
    with st.expander("The whole model card"):
        st.markdown("\n".join(model_card_body(card)))


def _training(card: Card) -> None:
    data = card.training_data
    st.subheader("What it learned from", anchor=False)
    split = card.metrics.split if card.metrics else None
    rows = [
        ["tiles", f"{data.n_tiles:,} of {data.name!r}{', synthetic: drawn by a computer' if data.synthetic else ''}"],
        ["licence of the tiles", data.licence],
        ["classes", ", ".join(title(entry) for entry in card.classes)],
        ["input", f"{card.input.tile_px} × {card.input.tile_px} px at {card.input.mpp:g} µm/px"],
        ["split", _split(split) if split else "not recorded"],
    ]
    if data.review:
        rows.append(["labels", f"reviewed: {data.review.dropped:,} dropped, {data.review.relabelled:,} changed"])
    st.html(table(["", ""], rows))


def _split(split: SplitInfo) -> str:
    parts = ", ".join(f"{n:,} {part}" for part, n in split.tiles.items())
    return f"by {split.method}: {parts}"


def _worth(card: Card, metrics: Metrics) -> None:
    st.subheader("How good it is", anchor=False)
    whose = _WHOSE.get(metrics.part, "on all tiles given")
    st.markdown(
        f"Measured {whose}: {metrics.n:,} tiles. Brackets hold 95 % intervals over {metrics.resampled}; tiles of "
        "other hospitals, scanners and stains may do worse."
    )
    abstention = metrics.abstention
    st.html(
        table(
            ["figure", "value (95 % interval)"],
            [
                ["accuracy", figure_text(metrics.accuracy)],
                ["macro-F1", figure_text(metrics.macro_f1)],
                ["share of tiles it answers", figure_text(abstention.coverage)],
                ["right among these", figure_text(abstention.selective_accuracy)],
            ],
        )
    )
    titles = {entry.code: title(entry) for entry in card.classes}
    kinds = ("precision", "recall", "f1", "auroc")
    st.html(
        table(
            ["class", "tiles", "precision", "recall", "F1", "AUROC"],
            [
                [titles[code], f"{row.support:,}", *(figure_text(getattr(row, kind)) for kind in kinds)]
                for code, row in metrics.per_class.items()
            ],
            "Per class",
        )
    )
    left, right = st.columns([2, 3])
    with left:
        st.subheader("Can its confidence be believed?", anchor=False)
        given = metrics.calibration.after or metrics.calibration.before
        source, alt = reliability(given.bins)
        st.image(source, width="stretch", alt=alt)
        sizes = [row.n for row in given.bins if row.n]
        each = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
        st.caption(f"On the dashed line, confidence is right as often as it says. A point stands for {each} tiles.")
    with right:
        st.subheader("What it mistakes for what", anchor=False)
        st.html(confusion(metrics.classes, metrics.confusion_matrix))
    for warning in metrics.warnings:
        st.warning(_plain(warning), icon="⚠️")


def _plain(text: str) -> str:
    """Keep a text of the card from being taken for Markdown, or for HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|$~:" else c for c in text)
