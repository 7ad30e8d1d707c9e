"""Starting the page, and stopping it with the command that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gastropath.bundle.files import open_bundle

_OPTIONS = {
    "server.headless": "true",
    "server.maxUploadSize": 25,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "runner.magicEnabled": "false",
    "logger.hideWelcomeMessage": "true",
}


def command(model: Path, *, port: int, address: str) -> list[str]:
    """Return the command that serves the page for a model.

    Raises
    ------
    BadBundle
        If the model cannot be opened; better now than on the first visitor's screen.
    """
    folder = open_bundle(model).folder
    page = Path(__file__).with_name("page.py")
    options = {**_OPTIONS, "server.port": port, "server.address": address}
    settings = [f"--{key}={value}" for key, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(page), *settings, "--", str(folder.resolve())]


def serve(arguments: Sequence[str]) -> int:
    """Run the server until it is interrupted or told to end; returns its exit status."""
    with subprocess.Popen(arguments) as server:
        # Whoever ends this process means the server; without this it would go on alone.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            status = server.wait()
        except KeyboardInterrupt:  # Ctrl-C reaches the server as well
            server.wait()
            status = 0
    return status if status >= 0 else 128 - status
