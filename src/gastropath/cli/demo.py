"""``demo``: the whole chain on synthetic tiles."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Overwrite, Seed

TILES_PER_CLASS = 80
NEW_TILES_PER_CLASS = 10
EPOCHS = 5
BATCH_SIZE = 16  # twice the steps of the recipe's own, so that few epochs suffice


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("gastropath-demo"),
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw synthetic tiles and a synthetic slide, then audit, train, evaluate, predict, map and build a Space."""
    from gastropath.cli.training import need_tensorflow
    from gastropath.data.synthetic.slide import PICTURE, write_slide
    from gastropath.data.synthetic.tiles import write_tiles
    from gastropath.data.synthetic.truth import agreement
    from gastropath.outputs import new_folder

    need_tensorflow("demo")
    new_folder(out, overwrite=overwrite)
    began = time.monotonic()
    with console.progress() as progress:
        write_tiles(out / "tiles", tiles_per_class=TILES_PER_CLASS, seed=seed, progress=progress)
        write_tiles(out / "new-tiles", tiles_per_class=NEW_TILES_PER_CLASS, seed=seed + 1, shifted=True)
        slide = write_slide(out / "drawn-slide", seed=seed, progress=progress)
    tiles, run = str(out / "tiles"), str(out / "run")
    _step("audit", tiles, "--out", str(out / "audit"))
    settings = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "seed": seed}
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    _step("train", tiles, "--recipe", "baseline", "--out", run, *changes)
    _step("evaluate", "--model", run, "--data", str(out / "new-tiles"), "--out", str(out / "new-stains"))
    _step("predict", str(out / "new-tiles" / "TUM"), "--model", run, "--out", str(out / "predictions.csv"))
    _step("slide", str(slide), "--model", run, "--out", str(out / "slides"))
    answers, truth = out / "slides" / slide.stem, slide.with_name(PICTURE)
    agreed = agreement(answers / "tiles.csv", truth)
    share = f" ({agreed.right / agreed.accepted:.0%})" if agreed.accepted else ""
    console.say(
        f"On the drawn slide {agreed.right} of {agreed.accepted} accepted tiles{share} have the class that most of "
        f"their tissue has in the truth; of {agreed.abstained} more the model says that it is not sure."
    )
    _step("space", "--model", run, "--out", str(out / "space"))
    minutes = (time.monotonic() - began) / 60
    console.say("")
    console.say(f"The demo took {minutes:.1f} minutes. All of it is synthetic: computer-drawn, no tissue. Open:")
    for file, what in (
        ("audit/audit.html", "the tiles, as the audit shows them"),
        ("run/report.html", "what the trained model is worth on tiles of the stains it knows"),
        ("new-stains/report.html", "and on tiles of stains and scales it has never seen"),
        ("predictions.csv", "its answers for single images"),
        (f"slides/{slide.stem}/overlay.png", f"the tissue map of a drawn slide; the truth beside it: {truth}"),
        ("space/README.md", "the folder to push to Hugging Face Spaces"),
    ):
        console.say(f"  {out / file}  {what}")
    console.say(f"and see it work in a browser with: gastropath app --model {run}")


def _step(*arguments: str) -> None:
    """Run a command as a user would, in a process of its own."""
    console.say(f"\n$ gastropath {' '.join(arguments)}")
    sys.stdout.flush()
    status = subprocess.run([sys.executable, "-m", "gastropath", *arguments], check=False, env=os.environ).returncode
    if status:
        raise typer.Exit(status)
