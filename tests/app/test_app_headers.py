"""Headers of the server's answers, and that a browser heeds them without breaking the page."""

import re
import urllib.error
import urllib.request
from email.message import Message

import pytest
from page_driver import app_command, free_port, read, served, upload
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def server(coloured_run, tmp_path_factory):
    port = free_port()
    with served(app_command(coloured_run, port), port, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


def headers(url: str) -> Message:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.headers
    except urllib.error.HTTPError as error:
        return error.headers


@pytest.mark.parametrize("path", ["", "_stcore/health", "_stcore/upload_file/nobody/1", "static/none.js", "../etc"])
def test_every_answer_has_the_headers(server, path):
    found = headers(f"{server.url}{path}")
    assert found.get_all("X-Content-Type-Options") == ["nosniff"]
    assert found["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in found["Permissions-Policy"]
    policy = found["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:", policy), "no other server is allowed"
    assert not re.search(r"\d\.\d", found.get("Server", "")), "the server tells no version"


@pytest.mark.browser
def test_the_page_breaks_no_rule_of_its_own_and_asks_no_other_server(server, visit, uploads):
    """``visit`` fails on every request that goes elsewhere."""
    page = visit("about:blank", also=[server.url])
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server.url)
    upload(page, *uploads.values())
    for file in uploads.values():
        read(page, file.name)
    assert [text for text in said if "Content Security Policy" in text or "violates" in text] == []
    icon = page.locator(".gp-answer img").first
    expect(icon).to_be_visible()
    assert icon.evaluate("image => image.naturalWidth") > 0


@pytest.mark.browser
def test_a_script_that_got_into_the_page_would_neither_run_nor_send_anything(server, visit):
    page = visit(server.url)
    expect(page.locator(".st-key-tiles input[type=file]")).to_be_attached()
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>");
        }"""
    )
    refused = page.evaluate("() => fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert page.evaluate("() => window.ran") is None
