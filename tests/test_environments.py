"""Commands in places that are short of something: ``tools/environments.py`` has the whole matrix."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are those of Linux")
def test_commands_do_as_usual_or_say_what_is_missing_wherever_they_run(tmp_path: Path):
    command = [sys.executable, "-m", "tools.environments", "--commands", "predict,doctor", "--json", tmp_path / "found"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "found").read_text())
    assert len(found["predict"]) >= 8
    assert found["predict"]["LANG=C"] == found["doctor"]["umask 077"] == "as usual"
