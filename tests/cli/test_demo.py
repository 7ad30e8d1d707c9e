import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def count_right(tiles: Path, drawn: Path) -> tuple[int, int, int]:
    """Hold the accepted tiles against the picture of the truth, pixel by pixel of the picture."""
    names = json.loads((drawn / "SYNTHETIC.json").read_text())["truth"]["indices"]
    truth = np.asarray(Image.open(drawn / "truth.png"))
    decisions, right = [], 0
    with tiles.open() as file:
        for row in csv.DictReader(file):
            decisions.append(row["decision"])
            x, y, width, height = (int(row[f"{side}_px"]) / 8 for side in ("x", "y", "width", "height"))
            assert x == int(x)  # at half a micrometre per pixel the tiles end where pixels of the truth do
            inside = truth[int(y) : int(y + height), int(x) : int(x + width)]
            classes = Counter(names[number] for number in inside[inside > 0].tolist())
            best = classes.most_common(1)[0][0] if classes else ""
            right += row["decision"] == "accepted" and row["predicted_label"] == best
    return right, decisions.count("accepted"), decisions.count("abstained")


@pytest.mark.slow
def test_the_demo_makes_everything_it_names_and_marks_it_synthetic(tmp_path):
    command = [sys.executable, "-m", "gastropath", "demo", "--out", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = re.findall(r"^  (\S+)  ", done.stdout, re.MULTILINE)
    assert len(named) == 6
    for name in named:
        assert Path(name).is_file()
    demo = tmp_path / "demo"
    assert "Synthetic data" in (demo / "audit" / "audit.html").read_text()
    assert "Synthetic data" in (demo / "run" / "report.html").read_text()
    assert "synthetic" in (demo / "space" / "README.md").read_text()
    metrics = json.loads((demo / "run" / "metrics.json").read_text())
    assert metrics["synthetic"] is True
    summary = json.loads((demo / "slides" / "drawn" / "summary.json").read_text())
    assert (summary["kind"], summary["model"]["synthetic"]) == ("synthetic", True)
    assert summary["tiles"]["left_out"].keys() == {"glass"}
    # The line on the drawn slide says what its tables say, and the map lies on the truth: chance is 0.125.
    right, accepted, abstained = count_right(demo / "slides" / "drawn" / "tiles.csv", demo / "drawn-slide")
    told = re.search(r"On the drawn slide (\d+) of (\d+) accepted tiles .* of (\d+) more", done.stdout)
    assert told is not None
    assert [int(number) for number in told.groups()] == [right, accepted, abstained]
    assert accepted == sum(summary["tiles"]["accepted"].values()) > 100
    assert right > 0.5 * accepted
    # It shows a model that has learned something: chance is 0.125, and colours it has never seen are harder.
    unseen = json.loads((demo / "new-stains" / "metrics.json").read_text())
    assert unseen["part"] == "all"
    assert metrics["macro_f1"]["value"] > 0.5
    assert 0.2 < unseen["macro_f1"]["value"] < metrics["macro_f1"]["value"]
