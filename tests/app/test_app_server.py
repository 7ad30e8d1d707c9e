import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from page_driver import free_port, served

from gastropath.app.server import command
from gastropath.errors import BadBundle


def app(model: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "gastropath", "app", "--model", str(model), "--port", str(port)]


def test_the_server_reports_nothing_to_anybody_and_limits_uploads(coloured_run):
    arguments = command(coloured_run, port=8501, address="localhost")
    assert "--browser.gatherUsageStats=false" in arguments
    assert "--server.maxUploadSize=25" in arguments
    assert "--server.enableXsrfProtection=false" not in arguments


def test_a_damaged_model_is_refused_before_anything_is_served(coloured_run, tmp_path):
    shutil.copytree(coloured_run / "model", tmp_path / "model")
    (tmp_path / "model" / "model.tflite").write_bytes(b"damaged")
    with pytest.raises(BadBundle, match="hash differs"):
        command(tmp_path / "model", port=8501, address="localhost")
    done = subprocess.run(app(tmp_path / "model", free_port()), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "http" not in done.stderr


def test_a_port_in_use_is_said_and_ends_the_command(coloured_run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = [*app(coloured_run, port), "--address", "127.0.0.1"]
        done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"Port {port} is not available" in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to pass on")
def test_ending_the_command_ends_the_server(coloured_run, tmp_path):
    port = free_port()
    with served(app(coloured_run, port), port, tmp_path / "log") as server:
        server.process.send_signal(signal.SIGTERM)  # to the command alone, not to the server it started
        server.process.wait(60)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
