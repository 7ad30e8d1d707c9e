import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from importlib import resources

import pytest
from page_driver import app_command, free_port, served
from streamlit import net_util
from streamlit.web.server.server_util import is_url_from_allowed_origins

from gastropath.app.server import SETTINGS, listen, parts
from gastropath.errors import BadBundle, CannotListen


def test_the_server_reports_nothing_to_anybody_and_limits_uploads():
    assert SETTINGS["browser.gatherUsageStats"] is False
    assert SETTINGS["server.maxUploadSize"] == 25
    assert "server.enableXsrfProtection" not in SETTINGS


def test_a_space_has_the_same_settings_but_for_the_cross_site_check():
    text = (resources.files("gastropath") / "space" / "config.toml").read_text("utf-8")
    space = {f"{table}.{key}": value for table, keys in tomllib.loads(text).items() for key, value in keys.items()}
    assert space.pop("server.enableXsrfProtection") is False
    assert space == SETTINGS


def test_a_request_from_another_site_makes_the_server_ask_nobody_for_its_address(coloured_run, monkeypatch):
    """Fails where Streamlit takes the address from elsewhere than the one function that is replaced."""
    asked = []
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, timeout: asked.append(url))
    assert not is_url_from_allowed_origins("https://example.org")
    assert asked, "the library no longer asks: nothing needs to be replaced"
    asked.clear()
    parts(coloured_run)
    assert not is_url_from_allowed_origins("https://example.org")
    assert is_url_from_allowed_origins("http://localhost:8501")
    assert asked == []


def test_a_damaged_model_is_refused_before_anything_is_served(coloured_run, tmp_path):
    shutil.copytree(coloured_run / "model", tmp_path / "model")
    (tmp_path / "model" / "model.tflite").write_bytes(b"damaged")
    with pytest.raises(BadBundle, match="hash differs"):
        parts(tmp_path / "model")
    done = subprocess.run(app_command(tmp_path / "model", free_port()), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "http" not in done.stderr


def test_a_folder_that_holds_no_examples_is_refused_before_anything_is_served(coloured_run, tmp_path):
    command = [*app_command(coloured_run, free_port()), "--examples", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'examples.json'}: cannot be read as a list of examples")
    assert "http" not in done.stderr


def test_a_port_in_use_is_said_and_ends_the_command(coloured_run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = [*app_command(coloured_run, port), "--address", "127.0.0.1"]
        done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot listen on port {port} of 127.0.0.1")
    assert "choose another --port" in done.stderr


def test_an_address_of_another_computer_is_said():
    with pytest.raises(CannotListen, match=r"203\.0\.113\.1"):
        listen("203.0.113.1", 8501)


def test_small_messages_are_sent_at_once():
    """Otherwise each waits 40 ms for the browser to confirm the one before."""

    async def accepted() -> bool:
        found = asyncio.get_running_loop().create_future()

        def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        listening = listen("127.0.0.1", 0)
        async with await asyncio.start_server(note, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            return await found

    assert asyncio.run(accepted())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_ending_the_command_ends_the_server_without_a_traceback(coloured_run, tmp_path, number, status):
    port = free_port()
    with served(app_command(coloured_run, port), port, tmp_path / "log") as server:
        server.process.send_signal(number)
        assert server.process.wait(60) == status
        (line,) = server.said().splitlines()
        assert line.startswith("open http")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
