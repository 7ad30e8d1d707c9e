"""Texts of a card are text on the page."""

import re

import pytest

from gastropath.app.markup import plain

# What micromark and mdast-util-gfm-autolink-literal, which Streamlit's page uses, take for an address.
ADDRESS = re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE)
EMAIL = re.compile(r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)")


@pytest.mark.parametrize(
    "text",
    [
        "see www.example.com", "HTTPS://example.com/x", "write to a.b@example.com", "![x](http://example.com/x.png)",
        "<img src=x onerror=alert(1)>", ":red[x] :material/delete: $x$", "mailto:a@example.com",
    ],
)  # fmt: skip
def test_no_text_becomes_a_link_a_picture_or_markup(text):
    written = plain(text)
    shown = re.sub(r"\\(.)", r"\1", written)  # what remains of it behind the Markdown
    assert not ADDRESS.search(shown)
    assert not EMAIL.search(shown)
    assert shown.replace("\N{WORD JOINER}", "") == text
    assert not re.search(r"(?<!\\)[\[\]()<>!`*_$:]", written)
