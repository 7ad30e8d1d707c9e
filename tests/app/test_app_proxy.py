"""The page behind a reverse proxy, under a path of another site's."""

import urllib.error
import urllib.request

import pytest
from page_driver import app_command, free_port, read, served, upload
from playwright.sync_api import expect
from reverse_proxy import proxied

pytestmark = pytest.mark.browser


@pytest.fixture(params=["the proxy takes the path off", "the proxy passes the path on"])
def address(request, coloured_run, tmp_path):
    """Where a proxy shows a server of its own, under a path of two parts."""
    port, strip = free_port(), request.param == "the proxy takes the path off"
    command = app_command(coloured_run, port)
    command += [] if strip else ["--base-path", "/lab/gastropath"]
    with (
        served(command, port, tmp_path / "log", health="_stcore/health" if strip else "lab/gastropath/_stcore/health"),
        proxied(port, "/lab/gastropath", strip=strip) as url,
    ):
        yield url


def test_an_upload_through_the_proxy_gets_the_right_label(address, visit, uploads):
    page = visit(address)  # which fails on any request outside the path
    upload(page, *uploads.values())
    assert [read(page, file.name)[0] for file in uploads.values()] == [
        "lymphocytes (LYM)",
        "tumour epithelium (TUM)",
        "normal gastric mucosa (NOR)",
    ]
    page.get_by_label(f"Remove {uploads['TUM'].name}").click()
    expect(page.locator(".gp-name")).to_have_count(2)
    page.reload()
    expect(page.locator(".st-key-tiles input[type=file]")).to_be_attached()


def test_the_proxy_shows_nothing_outside_the_path(address):
    """The control: the page above can only have come through the path."""
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address.removesuffix("lab/gastropath/"))
