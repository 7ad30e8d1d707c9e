"""Answers for image files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, opened, optional, paths

MODEL_SOURCE = "model_source"
"""Column of tables that were made with a model of the Hub: its address, the commit included."""

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier
    from gastropath.results.predictions import Predictions


@dataclass(frozen=True)
class PredictionResult:
    """The answers to image files.

    Attributes
    ----------
    classifier
        The model that answered.
    files
        The images, folders taken apart.
    predictions
        One answer a file, in the same order.
    table
        Where they were written; ``None`` where they were not.
    """

    classifier: Classifier
    files: tuple[Path, ...]
    predictions: Predictions
    table: Path | None

    @property
    def paths(self) -> list[str]:
        """The files as text."""
        return [str(file) for file in self.files]

    @property
    def refused(self) -> dict[str, str]:
        """Path and reason of each file that has no answer."""
        return self.predictions.refused_of(self.paths)

    @property
    def guessed(self) -> int:
        """Images of another size than the model's that were taken for one field of view: their mpp is not known."""
        return int(self.predictions.is_field_of_view_assumed.sum())

    @property
    def columns(self) -> list[str]:
        """Of the table; the last one names the commit of a model of the Hub."""
        source = [MODEL_SOURCE] if self.classifier.card.source else []
        return [*self.predictions.columns(self.classifier.classes), *source]

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield a row a file, as text."""
        source = {MODEL_SOURCE: self.classifier.card.source}
        return (row | source for row in self.predictions.rows(self.paths))

    def write_rows(self, file: TextIO) -> None:
        """Write the table to an open file."""
        from gastropath.tables import write_rows

        write_rows(file, self.columns, self.rows())

    def documents(self) -> Iterator[dict[str, object]]:
        """Yield a row a file, numbers as numbers, for JSON."""
        return self.predictions.documents(self.paths)


def predict(
    images: Paths,
    model: StrPath | Classifier | None = None,
    out: StrPath | None = None,
    *,
    mpp: float | None = None,
    views: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PredictionResult:
    """Classify image files; one that cannot be read is refused and named.

    Parameters
    ----------
    images
        Image files, and folders of them.
    model
        A run or bundle folder, ``hf://OWNER/NAME[@REVISION]``, or a loaded model; by default the starter model.
    out
        Table to write, a row an image; by default nothing is written.
    mpp
        Micrometres per pixel of the images; by default not known.
    views
        Flips and quarter turns over which each answer is averaged, 1 to 8.
    overwrite
        Replace an earlier table.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    PredictionResult
        The answers are its ``predictions``.

    Raises
    ------
    NoTilesFound
        If there is nothing to classify.
    BadBundle
        If the model cannot be used.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.
    """
    from gastropath.inference.bounded import read_bounded
    from gastropath.inference.gathering import gather
    from gastropath.outputs import new_file
    from gastropath.tables import write_table

    files, table = gather(paths(images)), optional(out)
    if table:
        new_file(table, overwrite=overwrite)
    classifier = opened(model)
    stage = Stages(["classifying"], progress)["classifying"]
    predictions = classifier.predict(files, mpp=mpp, views=views, reader=read_bounded, progress=stage)
    found = PredictionResult(classifier, tuple(files), predictions, table)
    if table:
        write_table(table, found.columns, found.rows(), new=not overwrite)
    return found
