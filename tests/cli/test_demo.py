import json
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_demo_makes_everything_it_names_and_marks_it_synthetic(tmp_path):
    command = [sys.executable, "-m", "gastropath", "demo", "--out", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = re.findall(r"^  (\S+)  ", done.stdout, re.MULTILINE)
    assert len(named) == 5
    for name in named:
        assert Path(name).is_file()
    demo = tmp_path / "demo"
    assert "Synthetic data" in (demo / "audit" / "audit.html").read_text()
    assert "Synthetic data" in (demo / "run" / "report.html").read_text()
    assert "synthetic" in (demo / "space" / "README.md").read_text()
    metrics = json.loads((demo / "run" / "metrics.json").read_text())
    assert metrics["synthetic"] is True
    # It shows a model that has learned something: chance is 0.125, and colours it has never seen are harder.
    unseen = json.loads((demo / "new-stains" / "metrics.json").read_text())
    assert unseen["part"] == "all"
    assert metrics["macro_f1"]["value"] > 0.5
    assert 0.2 < unseen["macro_f1"]["value"] < metrics["macro_f1"]["value"]
