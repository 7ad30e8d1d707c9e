"""Many visitors at the same time: each reads the answer for the tile it uploaded, and nobody else's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "visitors.py"
MISTAKEN = """
import visitors

right = visitors.known


def mistaken(*sources):
    tiles = right(*sources)
    others = {tile.label: next(other for other in tiles if other.label != tile.label) for tile in tiles}
    return [visitors.Tile(t.content, others[t.label].label, others[t.label].confidence) for t in tiles]


visitors.known = mistaken
visitors.main()
"""
VISITORS = 30
MEMORY_MB = 400

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="the script reads the server's memory from /proc"),
]


def test_thirty_visitors_at_a_time_are_answered_rightly(chromium, coloured_run, coloured_tiles, tmp_path):
    found = tmp_path / "found.json"
    options = ["--visitors", str(VISITORS), "--seconds", "20", "--json", str(found)]
    command = [sys.executable, SCRIPT, "--model", coloured_run, "--tiles", coloured_tiles, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(found.read_text())
    print(done.stdout)
    assert figures["errors"] == []
    assert figures["wrong"] == []
    assert figures["tracebacks"] == 0
    assert figures["answers"] >= VISITORS
    assert figures["memory_mb"]["at most"] < MEMORY_MB


def test_a_wrong_label_would_be_found(chromium, coloured_run, coloured_tiles, tmp_path):
    """The control: the same visitors, who expect the answers that tiles of other classes get."""
    (tmp_path / "mistaken.py").write_text(MISTAKEN)
    found = tmp_path / "found.json"
    options = ["--visitors", "2", "--seconds", "1", "--pause", "0", "--json", str(found)]
    command = [sys.executable, tmp_path / "mistaken.py", "--model", coloured_run, "--tiles", coloured_tiles, *options]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    figures = json.loads(found.read_text())
    assert len(figures["wrong"]) == figures["answers"] > 0
