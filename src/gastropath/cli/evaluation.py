"""``evaluate``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Classes, Json, Model, Mpp, Overwrite, Seed, Views, chosen, model_folder
from gastropath.cli.training import show_metrics
from gastropath.workflows.extras import need


def evaluate(
    data: Annotated[list[Path], typer.Option("--data", help="Tiles, in any form that `train` takes; may be repeated.")],
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, predictions.csv and report.html.")] = Path(
        "evaluation"
    ),
    split: Annotated[Path | None, typer.Option(help="Judge the test part of this split.")] = None,
    classes: Classes = None,
    mpp: Mpp = None,
    views: Views = 1,
    seed: Seed = 0,
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Judge a model: accuracy, precision, recall, F1, confusion matrix, misclassified tiles.

    With the data a run was trained on, its test part is judged; with other data, all of it.
    """
    need("evaluate")
    from gastropath.data.index import find_tiles
    from gastropath.data.learned import learned_tiles
    from gastropath.data.split.split import read_split, split_of_run
    from gastropath.evaluation.assessment import assess
    from gastropath.evaluation.report import FILES, write_evaluation
    from gastropath.inference.classifier import Classifier
    from gastropath.outputs import replacing_folder, write_json
    from gastropath.results.environment import described

    model = model_folder(model)
    index = find_tiles(data, chosen(classes))
    index = index.with_mpp(mpp) if mpp else index
    classifier = Classifier.load(model)
    parts = read_split(split, index) if split else split_of_run(model, index)
    with replacing_folder(out, FILES, overwrite=overwrite) as folder:
        with console.progress() as progress:
            assessment = assess(
                classifier, index, parts, learned=learned_tiles(model), views=views, seed=seed, progress=progress
            )
            write_evaluation(assessment, classifier, folder)
        command = shlex.join(["gastropath", *sys.argv[1:]])
        sources = {"model_sha256": classifier.card.files["model.tflite"], "tiles_sha256": index.sha256()}
        write_json(folder / "environment.json", described(command, seed=seed, **sources))
    if as_json:
        console.print_json(assessment.metrics.model_dump())
    else:
        show_metrics(assessment.metrics)
        console.say(f"look at {out / 'report.html'}")
    refused = assessment.predictions.refused_of(assessment.index.paths)
    if others := assessment.outsiders:
        refused |= others.predictions.refused_of(others.index.paths)
    console.refusals(refused)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)
