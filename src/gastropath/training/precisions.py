"""The model of a finished run in other precisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.bundle.files import GRAPH, KERAS_MODEL, Bundle, find_bundle, open_bundle, write_bundle
from gastropath.data.index import TileIndex
from gastropath.errors import BadBundle
from gastropath.inference.selftest import with_self_test
from gastropath.progress import Progress, silent
from gastropath.training.context import TrainingContext
from gastropath.training.draft_card import uncalibrated
from gastropath.training.features import FeatureStore
from gastropath.training.network import Precision, start_tensorflow
from gastropath.training.run import Run

if TYPE_CHECKING:
    import keras

_NO_VNNI = (
    "Computed in 8-bit integers: faster than floating point on processors with VNNI instructions, hardly faster or "
    "slower on others."
)


def export_floating(run: Run, out: Path, precision: Precision) -> Bundle:
    """Export the model of a finished run again, in another precision of floating point.

    Raises
    ------
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``, or the graph answers with numbers that are not finite.
    """
    from gastropath.training.export import export_graph

    bundle = open_bundle(find_bundle(run.folder))
    model, source = _keras_model(run, bundle)
    graph = export_graph(model, precision, temperature=bundle.card.calibration.temperature)
    files: dict[str, Path | bytes] = {GRAPH: graph, KERAS_MODEL: source}
    if bundle.references.is_file():
        files[bundle.references.name] = bundle.references
    card = with_self_test(bundle.card.model_copy(update={"precision": precision}), graph)
    return write_bundle(out, card, files)


def export_integers(
    run: Run, index: TileIndex, out: Path, store: FeatureStore, *, progress: Progress = silent
) -> Bundle:
    """Export the model of a finished run in 8-bit integers, its head fitted anew on the tiles it was trained on.

    Parameters
    ----------
    run
        With its bundle.
    index
        The tiles of the run.
    out
        Folder of the bundle.
    store
        See :meth:`gastropath.training.run.Run.train`.

    Raises
    ------
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``.
    CannotResume
        If the tiles are not those of the run.
    UnknownSetting
        If its method has no head that can be fitted anew.
    """
    start, bundle = run.resume(index), open_bundle(find_bundle(run.folder))
    model, _ = _keras_model(run, bundle)
    split = start.reviewed.in_fixed_order()
    trained = start.recipe.quantise(model, TrainingContext(split, run.folder, store, progress))
    draft = uncalibrated(bundle.card)
    more = {"precision": "int8", "limitations": (*draft.limitations, _NO_VNNI)}
    return trained.write(start.calibrated(trained, draft.model_copy(update=more)), out)


def _keras_model(run: Run, bundle: Bundle) -> tuple[keras.Model, Path]:
    """Return the Keras model of the run and its file."""
    start_tensorflow()
    import keras

    own = run.folder / KERAS_MODEL
    source = own if own.is_file() else bundle.keras_model
    if source is None:
        what = f"has no {KERAS_MODEL}, which an export starts from"
        raise BadBundle(what, where=run.folder, remedy="name a `run` folder")
    model = keras.models.load_model(source, compile=False)
    assert isinstance(model, keras.Model), f"{source} is not a Keras model"
    return model, source
