"""``demo``: the whole chain on synthetic tiles."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Overwrite, Seed

if TYPE_CHECKING:
    from gastropath.data.synthetic.truth import Agreement

EPOCHS = 5
_STEPS = 7
BATCH_SIZE = 16  # twice the steps of the recipe's own, so that few epochs suffice


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("gastropath-demo"),
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw synthetic tiles and a synthetic slide, then audit, train, evaluate, predict, map and build a Space."""
    from gastropath.workflows.demo import draw

    began = time.monotonic()
    console.say(f"step 1 of {_STEPS}: drawing tiles and slides")
    with console.progress() as progress:
        drawn = draw(out, seed=seed, overwrite=overwrite, progress=progress)
    run = str(out / "run")
    _step(2, "audit", drawn.tiles, "--out", out / "audit")
    settings = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "seed": seed}
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    _step(3, "train", drawn.tiles, "--recipe", "baseline", "--out", run, *changes)
    _step(4, "evaluate", "--model", run, "--data", drawn.new_tiles, "--out", out / "new-stains")
    _step(5, "predict", drawn.new_tiles / "TUM", "--model", run, "--out", out / "predictions.csv")
    _step(6, "slide", drawn.slide, "--model", run, "--out", out / "slides")
    _tell_agreement(drawn.agreement(out / "slides" / drawn.slide.stem / "tiles.csv"))
    _step(7, "space", "--model", run, "--out", out / "space")
    console.say("")
    minutes = (time.monotonic() - began) / 60
    console.say(f"The demo took {minutes:.1f} minutes. All of it is synthetic: computer-drawn, no tissue. Open:")
    for file, what in (
        ("audit/audit.html", "the tiles, as the audit shows them"),
        ("run/report.html", "what the trained model is worth on tiles of the stains it knows"),
        ("new-stains/report.html", "and on tiles of stains and scales it has never seen"),
        ("predictions.csv", "its answers for single images"),
        (
            f"slides/{drawn.slide.stem}/overlay.png",
            f"the tissue map of a drawn slide; the truth beside it: {drawn.truth}",
        ),
        ("space/README.md", "the folder to push to Hugging Face Spaces"),
    ):
        console.say(f"  {out / file}  {what}")
    console.say(f"and see it work in a browser with: gastropath app --model {run}")
    console.say(f"or teach it another stain: gastropath teach {drawn.foreign} --model {run} --out {out / 'taught'}")


def _tell_agreement(agreed: Agreement) -> None:
    share = f" ({agreed.right / agreed.accepted:.0%})" if agreed.accepted else ""
    console.say(
        f"On the drawn slide {agreed.right} of {agreed.accepted} accepted tiles{share} have the class that most of "
        f"their tissue has in the truth; of {agreed.abstained} more the model says that it is not sure."
    )


def _step(number: int, *given: object) -> None:
    """Run a command as a user would, in a process of its own."""
    arguments = [str(argument) for argument in given]
    console.say(f"\nstep {number} of {_STEPS}\n$ gastropath {' '.join(arguments)}")
    sys.stdout.flush()
    status = subprocess.run([sys.executable, "-m", "gastropath", *arguments], check=False, env=os.environ).returncode
    if status:
        raise typer.Exit(status)
