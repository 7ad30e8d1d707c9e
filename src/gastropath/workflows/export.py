"""The model of a run, again, in another precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import UnknownSetting, did_you_mean
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, codes, paths
from gastropath.workflows.extras import need_tensorflow

if TYPE_CHECKING:
    from gastropath.data.index import TileIndex
    from gastropath.results.card import Card

PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class ExportResult:
    """A bundle.

    Attributes
    ----------
    folder
        Where it lies.
    card
        What it is; an int8 model is another one than that of the run, and has no metrics yet.
    graph_bytes
        Size of its graph.
    """

    folder: Path
    card: Card
    graph_bytes: int


def export(
    run: StrPath,
    out: StrPath = "model",
    *,
    precision: str = "float32",
    data: Paths | None = None,
    classes: Sequence[str] | None = None,
    cache: StrPath | None = None,
    on_tiles: Callable[[TileIndex], object] | None = None,
    progress: Progress | None = None,
) -> ExportResult:
    """Export the model of a run as a bundle.

    Parameters
    ----------
    run
        A finished run folder.
    out
        Folder of the bundle.
    precision
        ``"float32"``; ``"float16"``: half the size, computed in float32; ``"int8"``: less than a third, needs ``data``.
    data
        For int8: the tiles the run was trained on.
    classes
        Those the run was trained on, where it did not take all.
    cache
        Folder where features are kept from run to run.
    on_tiles
        Called once with the tiles that were found, before any is read.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    ExportResult
        The bundle.

    Raises
    ------
    MissingExtra
        If the extra ``train`` is not installed.
    BadBundle
        If the run has no bundle or no ``bestmodel.keras``.
    CannotResume
        If the tiles are not those of the run.
    UnknownSetting
        If there is no such precision, or the run cannot be brought to it.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.
    """
    if precision not in PRECISIONS:
        raise UnknownSetting(f"there is no {precision!r}{did_you_mean(precision, PRECISIONS)}", parameter="precision")
    need_tensorflow("export")
    from gastropath.data.audit.audit import with_pixels
    from gastropath.data.index import find_tiles
    from gastropath.training.features import FeatureStore
    from gastropath.training.precisions import export_floating, export_integers
    from gastropath.training.run import Run

    source, place = Run(Path(run)), Path(out)
    if precision == "int8":
        if not data:
            raise UnknownSetting(
                "int8 fits the head anew on what the integer network gives",
                parameter="precision",
                remedy="name its tiles with `data`",
            )
        stage = Stages(["exporting"], progress)["exporting"]
        index = find_tiles(paths(data), codes(classes))
        if on_tiles:
            on_tiles(index)
        index = with_pixels(index, cache=cache_folder(cache), progress=stage)
        bundle = export_integers(source, index, place, FeatureStore(cache_folder(cache)), progress=stage)
    else:
        bundle = export_floating(source, place, "float16" if precision == "float16" else "float32")
    return ExportResult(place, bundle.card, bundle.graph.stat().st_size)
