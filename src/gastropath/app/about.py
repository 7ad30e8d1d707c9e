"""The tab about the model: what it learned from, how good it is, its limits; the sections of its card."""

from __future__ import annotations

import streamlit as st

from gastropath.app.markup import plain, table
from gastropath.report.parts import Bars, Bullets, Cards, Chart, Gallery, Part, Table, Text
from gastropath.report.sections.order import card_sections
from gastropath.results.card import Card


def show_about(card: Card) -> None:
    """Show the tab."""
    st.header(plain(card.name), anchor=False)
    st.markdown(plain(card.intended_use))
    if card.source:
        st.markdown(plain(f"It is the model {card.source}."))
    for section in card_sections(card):
        st.subheader(plain(section.title), anchor=False)
        charts = [part for part in section.parts if isinstance(part, Chart)]
        for part in section.parts:
            if not isinstance(part, Chart):
                _show(part)
        for column, chart in zip(st.columns(2), charts, strict=False):
            with column:
                st.image(chart.source, width="stretch", alt=chart.alt)
                st.caption(plain(chart.caption))


def _show(part: Part) -> None:
    match part:
        case Text(text, "warning"):
            st.warning(plain(text), icon="⚠️")
        case Text(text, "note"):
            st.caption(plain(text))
        case Text(text):
            st.markdown(plain(text))
        case Bullets(items):
            st.markdown("\n".join(f"- {plain(item)}" for item in items))
        case Table(columns, rows, caption):
            st.html(table(columns, [[str(cell) for cell in row] for row in rows], caption))
        case Bars() | Gallery() | Cards() | Chart():
            pass  # a card has no tiles to show
