"""The tab about the model shows the sections of its card, and takes none of its texts for markup."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

from gastropath.bundle.files import open_bundle, starter
from gastropath.report.parts import Table, Text
from gastropath.report.sections.order import card_sections
from gastropath.results.card import Card

HOSTILE = "*b* _i_ `c` [l](javascript:x) <script>x</script> $x$ :red[r] :material/star: # h"


def shown(card: Card) -> AppTest:
    def page(text: str) -> None:
        from gastropath.app.about import show_about
        from gastropath.results.card import Card

        show_about(Card.model_validate_json(text))

    app = AppTest.from_function(page, kwargs={"text": card.model_dump_json()}, default_timeout=60).run()
    assert not app.exception
    return app


def html(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html")]


def test_every_section_of_the_card_is_shown():
    card = open_bundle(starter()).card
    app = shown(card)
    sections = card_sections(card)
    assert [element.value.replace("\\", "") for element in app.subheader] == [section.title for section in sections]
    texts = "\n".join([element.value for element in (*app.markdown, *app.warning)]).replace("\\", "")
    tables = iter(html(app))
    for section in sections:
        for part in section.parts:
            if isinstance(part, Text):
                assert part.text in texts
            if isinstance(part, Table):
                assert next(tables).count("<tr>") == len(part.rows) + 1


def test_no_text_of_a_card_becomes_markdown_or_html():
    card = open_bundle(starter()).card
    data = card.training_data.model_copy(update={"name": HOSTILE, "citation": HOSTILE})
    card = card.model_copy(
        update={"name": HOSTILE, "intended_use": HOSTILE, "limitations": (HOSTILE,), "training_data": data}
    )
    app = shown(card)
    values = [element.value for element in (*app.header, *app.markdown, *app.caption)]
    assert sum("script" in value for value in values) == 4
    for value in values:
        assert not re.search(r"(?<!\\)[`*_\[\]<>$:]", value), value
    assert any("&lt;script&gt;" in body for body in html(app))
    assert not any("<script" in body for body in html(app))
