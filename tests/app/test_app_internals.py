"""What the page relies on inside Streamlit is there; where it has moved, it is named and nothing is served."""

import tomllib
from pathlib import Path

import pytest
import starlette.formparsers
import streamlit
import streamlit.config
import uvicorn
from streamlit import net_util
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
from streamlit.web import bootstrap
from streamlit.web.server import server_util
from streamlit.web.server.starlette import starlette_routes
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gastropath.app import internals
from gastropath.app.internals import INTERNALS, TESTED, check_internals, inline_scripts
from gastropath.app.server import SETTINGS, parts
from gastropath.bundle.files import starter
from gastropath.errors import UnsupportedVersion

SCRIPT = "<html><script>first()</script><script src='./index.js'></script>{}</html>"


@pytest.mark.parametrize("name", INTERNALS)
def test_the_installed_streamlit_has_what_the_page_relies_on(name):
    assert INTERNALS[name](), f"{name} has moved in Streamlit {streamlit.__version__}"


def _stores_elsewhere(manager, endpoint):
    manager.files, manager.endpoint = {}, endpoint


def _page_with(script):
    return lambda patch: patch.setattr(internals, "_page", lambda: SCRIPT.format(script))


MOVED = {
    "get_external_ip": lambda patch: patch.delattr(net_util, "get_external_ip"),
    "get_external_ip ": lambda patch: patch.delattr(server_util, "net_util"),  # where it is asked for
    "spool_max_size": lambda patch: patch.delattr(starlette.formparsers.MultiPartParser, "spool_max_size"),
    "file_storage": lambda patch: patch.setattr(MemoryUploadedFileManager, "__init__", _stores_elsewhere),
    "Runtime.close_session": lambda patch: patch.delattr(Runtime, "close_session"),
    "Runtime._session_mgr": lambda patch: patch.delattr(WebsocketSessionManager, "list_sessions"),
    "/_stcore/upload_file": lambda patch: patch.setattr(starlette_routes, "_ROUTE_UPLOAD_FILE", "upload/{a}/{b}"),
    "upload_file ": lambda patch: patch.delattr(starlette_routes, "create_upload_routes"),
    "index.html": _page_with("<script type='module'>second()</script>"),
    "index.html ": _page_with("<SCRIPT>third()</SCRIPT><script nonce='1'>second()</script>"),
    "uvicorn.protocols": lambda patch: patch.delattr(WebSocketsSansIOProtocol, "resume_writing"),
    "uvicorn.protocols ": lambda patch: patch.delattr(H11Protocol, "on_response_complete"),
    "load_config_options": lambda patch: patch.delattr(bootstrap, "load_config_options"),
}


@pytest.mark.parametrize("name", MOVED)
def test_where_one_has_moved_nothing_is_served_and_it_is_named_with_both_versions(monkeypatch, name):
    MOVED[name](monkeypatch)
    with pytest.raises(UnsupportedVersion, match=name.strip()) as error:
        parts(starter())
    assert f"expected Streamlit {TESTED}, found {streamlit.__version__}" in str(error.value)
    assert "extra 'app'" in str(error.value)


def test_each_internal_is_seen_to_move():
    assert all(any(name.strip() in internal for name in MOVED) for internal in INTERNALS)


def test_what_is_where_it_should_be_is_no_error():
    check_internals()
    assert inline_scripts() != []


def test_streamlit_knows_every_setting():
    assert SETTINGS.keys() <= streamlit.config.get_config_options().keys()


def test_the_extra_asks_for_the_versions_that_were_tested_and_no_later_ones():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    needs = pyproject["project"]["optional-dependencies"]["app"]
    for name, installed in (("streamlit", streamlit.__version__), ("uvicorn", uvicorn.__version__)):
        major, minor = installed.split(".")[:2]
        assert f"{name}>={major}.{minor},<{major}.{int(minor) + 1}" in needs
    assert streamlit.__version__.startswith(f"{TESTED}.")
