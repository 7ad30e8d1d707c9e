"""A run folder: settings and split in, trained model and draft bundle out."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import keras

from gastropath.bundle.card import Card, CardClass, CardInput, TrainingData
from gastropath.bundle.files import GRAPH, KERAS_MODEL, Bundle, find_bundle, open_bundle, write_bundle
from gastropath.cluster import Progress, silent
from gastropath.data.index import TileIndex
from gastropath.data.split.split import Split, split_of_run
from gastropath.errors import BadBundle, CannotResume, OutputExists
from gastropath.outputs import new_folder, write_json
from gastropath.tissue import tissue_classes
from gastropath.training.export import Precision, export_graph
from gastropath.training.fit import WORK_FOLDER, clear_work, fit
from gastropath.training.recipe import Recipe, read_recipe

_PACKAGES = ("gastropath", "tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "pillow")


def begin_run(run: Path, split: Split, recipe: Recipe, environment: Mapping[str, object]) -> None:
    """Make a run folder and write what it starts from: the recipe last, as the sign that all of it is there."""
    new_folder(run)
    split.write(run / "split.csv")
    write_json(run / "environment.json", {**environment, "versions": versions(), "platform": platform.platform()})
    recipe.write(run / "recipe.toml")


def has_begun(run: Path) -> bool:
    """Tell whether a folder holds a run that can go on.

    Raises
    ------
    OutputExists
        If it holds something else.
    """
    if (run / "recipe.toml").is_file():
        return True
    strays = [entry.name for entry in run.iterdir()] if run.is_dir() else []
    if any(not name.startswith((".partial-", "split.", "environment.")) for name in strays):
        raise OutputExists(f"{run}: holds files but no run that could be resumed; choose another --out")
    return False


def continue_run(run: Path, index: TileIndex, recipe: Recipe | None) -> tuple[Split, Recipe]:
    """Read back what a run started from, and check that it is still the same.

    Raises
    ------
    CannotResume
        If the data or the settings differ from those the run began with.
    """
    begun = read_recipe(str(run / "recipe.toml"))
    if recipe is not None and recipe != begun:
        old, new = begun.model_dump(), recipe.model_dump()
        changed = ", ".join(f"{key} was {old[key]!r}, now {new[key]!r}" for key in old if old[key] != new[key])
        raise CannotResume(f"{run}: began with other settings ({changed}); use a new --out, or leave them as they were")
    split = split_of_run(run, index)
    if split is None:
        raise CannotResume(f"{run}: began with other tiles than those now at {index.root}; use a new --out")
    return split, begun


def train(run: Path, split: Split, recipe: Recipe, *, name: str, created: str, progress: Progress = silent) -> Bundle:
    """Train (or go on), and export a draft bundle into ``run/model``.

    Parameters
    ----------
    run
        A folder that :func:`begin_run` made.
    name
        Name of the data, for the card.
    created
        Date and time, for the card.
    """
    fit(split, recipe, run, progress=progress)
    model_folder = run / "model"
    if (model_folder / "card.json").is_file():
        return open_bundle(model_folder)
    codes = split.index.classes
    card = Card(
        name=f"GastroPath {recipe.model} on {name}",
        created=created,
        classes=tuple(CardClass(code=t.code, name=t.name, color=t.color) for t in tissue_classes(codes)),
        input=CardInput(tile_px=recipe.tile_px, mpp=recipe.mpp),
        precision="float32",
        training_data=TrainingData(
            name=name,
            n_tiles=len(split.rows("train")),
            licence="CC0-1.0" if split.index.synthetic else "as stated by the source of the tiles",
            sha256=split.index.sha256(),
            synthetic=split.index.synthetic,
        ),
        files={},
        versions=versions(),
    )
    return _export(run / "bestmodel.keras", card, model_folder)


def finish_run(run: Path) -> None:
    """Remove what only an unfinished run needs."""
    clear_work(run)


def is_finished(run: Path) -> bool:
    """Tell whether a run has its sealed bundle and needs nothing more."""
    return (
        (run / "metrics.json").is_file()
        and (run / "model" / "card.json").is_file()
        and not (run / WORK_FOLDER).exists()
    )


def export_run(run: Path, out: Path, precision: Precision) -> Bundle:
    """Export the model of a finished run again, in another precision.

    Raises
    ------
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``.
    """
    bundle = open_bundle(find_bundle(run))
    source = run / KERAS_MODEL if (run / KERAS_MODEL).is_file() else bundle.keras_model
    if source is None:
        raise BadBundle(f"{run}: has no {KERAS_MODEL}, which an export starts from; name a run folder")
    return _export(source, bundle.card.model_copy(update={"precision": precision}), out)


def versions() -> dict[str, str]:
    """Return the installed versions of what computes the result."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _export(source: Path, card: Card, out: Path) -> Bundle:
    model = keras.models.load_model(source, compile=False)
    assert isinstance(model, keras.Sequential), f"{source} is not the specified network"
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / GRAPH
        graph.write_bytes(export_graph(model, card.precision))
        return write_bundle(out, card, {GRAPH: graph, KERAS_MODEL: source})
