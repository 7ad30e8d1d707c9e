"""Nothing is answered to anybody but the user's own browser, whatever the path."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from view_driver import Looked, Shown, shown

from gastropath.teach import server

PATHS = {
    "document": "/",
    "style": "/page/page.css",
    "script": "/page/main.js",
    "icon": "/page/icon.svg",
    "bokeh": "/bokeh/bokeh.min.js",
    "contents": "/maps",
    "map": "/maps/0",
    "answers": "/maps/0/answers",
    "slide": "/maps/0/slide",
    "chunk": "/maps/0/chunks/0/0/0",
    "tile": "/maps/0/tiles/1",
    "picture": "/maps/0/tiles/1/picture",
    "activation": "/maps/0/tiles/1/activation/2",
}
"""A path for each answer there is."""

NOWHERE = [
    "/maps/7",
    "/maps/99999999999999999999",
    "/maps/-1",
    "/maps/0/tiles/999999",
    "/maps/0/tiles/1/activation/99",
    "/page/../server.py",
    "/page/secret.css",
    "/bokeh/bokeh-widgets.min.js",
    "/static/js/bokeh.min.js",
    "/ws",
]
"""Paths to which there is no answer."""


@pytest.fixture(scope="module")
def page(starter_map: Looked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown(starter_map.folder, log=tmp_path_factory.mktemp("view") / "log") as page:
        yield page


def ask(page: Shown, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask as a browser would; ``headers`` in Python's spelling, those that are empty are left out."""
    told = {"Host": f"localhost:{page.port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in told.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


@pytest.fixture(scope="module")
def cookie(page: Shown) -> str:
    status, headers, _ = ask(page, f"/?{urlencode({'x': 1, 'token': page.token, 'slide': 'a&b'})}")
    assert (status, headers["location"]) == (303, "/?x=1&slide=a%26b")
    given = headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given
    return given.partition(";")[0]


def test_the_list_of_paths_is_whole(page: Shown, cookie: str):
    assert len(PATHS) == len(server.routes(None)) + 2  # pyright: ignore[reportArgumentType]  # three files of one route
    for path in PATHS.values():
        status, headers, content = ask(page, path, Cookie=cookie)
        assert (status, bool(content)) == (200, True), path
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"].partition("style-src")[0]
        assert "tornado" not in headers["server"].lower()


@pytest.mark.parametrize("path", [*PATHS.values(), *NOWHERE])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Cookie": ""}, id="no token"),
        pytest.param({"Cookie": "gastropath-{port}=guessed"}, id="wrong token"),
        pytest.param({"Host": "evil.example:{port}"}, id="foreign host"),
        pytest.param({"Host": "localhost.evil.example"}, id="host that begins like ours"),
        pytest.param({"Host": ""}, id="no host"),
        pytest.param({"Origin": "http://evil.example"}, id="foreign origin"),
        pytest.param({"Origin": "null"}, id="origin of a sandboxed frame"),
        pytest.param({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, id="asked by a page elsewhere"),
        pytest.param({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, id="asked by another port"),
        pytest.param({"Upgrade": "websocket", "Connection": "Upgrade", "Cookie": "", "Sec_WebSocket_Version": "13",
                      "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}, id="websocket"),
    ],
)  # fmt: skip
def test_strangers_are_refused_on_every_path(page: Shown, cookie: str, path: str, headers: dict[str, str]):
    told = {name: value.format(port=page.port) for name, value in headers.items()}
    status, given, content = ask(page, path, **{"Cookie": cookie, **told})
    assert status in ((400, 403) if headers.get("Host") == "" else (403,))
    assert "set-cookie" not in given
    assert page.token.encode() not in content
    assert not content or content.startswith(b"Closed.")


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_not_answered(page: Shown, cookie: str, path: str):
    status, _, content = ask(page, path, Cookie=cookie)
    assert status == 404
    assert b"Traceback" not in content


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:80", "LOCALHOST:9000"])
def test_a_tunnel_may_have_another_port(page: Shown, cookie: str, host: str):
    assert ask(page, "/maps", Host=host, Cookie=cookie)[0] == 200
    assert ask(page, "/maps", Host=host, Cookie=cookie, Origin=f"http://{host}")[0] == 200


def test_a_link_from_elsewhere_opens_the_page_and_nothing_else(page: Shown, cookie: str):
    followed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert ask(page, "/?x=1", Cookie=cookie, **followed)[0] == 200
    assert ask(page, "/maps/0", Cookie=cookie, **followed)[0] == 403


@pytest.mark.parametrize("token", ["", "wrong", "%ff%00", "t\u00e4"])
def test_a_wrong_token_in_the_address_is_no_entrance(page: Shown, token: str):
    status, headers, _ = ask(page, "/?token=" + (token if token.isascii() else "t%C3%A4"))
    assert status == 403
    assert "set-cookie" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(page: Shown, cookie: str, method: str):
    assert ask(page, "/maps/0", method, Cookie=cookie)[0] in (400, 403, 405, 501)
    assert ask(page, f"/?token={page.token}", method)[0] in (400, 403, 405, 501)


def test_only_this_computer_is_listened_to(page: Shown):
    tables = [file for file in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if file.is_file()]
    if not tables:
        pytest.skip("this system does not say who listens")
    rows = [line.split() for file in tables for line in file.read_text().splitlines()[1:]]
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == page.port}
    assert listening == {"0100007F"}
