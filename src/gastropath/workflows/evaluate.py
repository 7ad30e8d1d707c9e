"""What a model, or a table of anybody's predictions, is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import (
    Paths,
    StrPath,
    cache_folder,
    check_checks,
    codes,
    folder_of,
    opened,
    optional,
    paths,
)
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from pandas import DataFrame

    from gastropath.data.index import TileIndex
    from gastropath.evaluation.assessment import Assessment
    from gastropath.inference.classifier import Classifier
    from gastropath.results.card import Card
    from gastropath.results.metrics import Checks, Metrics
    from gastropath.results.predictions import Predictions


_READING, _JUDGING = "reading tiles", "evaluating"


@dataclass(frozen=True)
class EvaluationResult:
    """What predictions are worth, and the predictions.

    Attributes
    ----------
    assessment
        The tiles, the answers to them, and the figures.
    folder
        Where tables, report and figures were written; ``None`` where nothing was.
    """

    assessment: Assessment
    folder: Path | None

    @property
    def metrics(self) -> Metrics:
        """Every figure with its interval; what ``metrics.json`` holds."""
        return self.assessment.metrics

    @property
    def card(self) -> Card:
        """The card of the model."""
        return self.assessment.tiles.card

    @property
    def predictions(self) -> Predictions:
        """The answer to each tile, in all parts."""
        return self.assessment.predictions

    @property
    def report(self) -> Path | None:
        """The page; ``None`` where nothing was written."""
        return self.folder / "report.html" if self.folder else None

    @property
    def refused(self) -> dict[str, str]:
        """Path and reason of each image that has no answer."""
        refused = self.predictions.refused_of(self.assessment.index.paths)
        if others := self.assessment.out_of_distribution:
            refused |= others.predictions.refused_of(others.index.paths)
        return refused

    def to_frame(self) -> DataFrame:
        """Return a pandas data frame: the answer to each tile, its true label, group and part."""
        index, frame = self.assessment.index, self.predictions.to_frame()
        frame["path"] = list(index.paths)
        return frame.assign(true_label=list(index.labels), group=list(index.groups), part=list(self.assessment.parts))


def evaluate(
    data: Paths,
    model: StrPath | Classifier | None = None,
    out: StrPath | None = None,
    *,
    split: StrPath | None = None,
    classes: Sequence[str] | None = None,
    mpp: float | None = None,
    views: int = 1,
    seed: int = 0,
    checks: Checks = "full",
    overwrite: bool = False,
    command: str = "gastropath.evaluate",
    on_tiles: Callable[[TileIndex], object] | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Judge a model: accuracy, precision, recall, F1, calibration, abstention, robustness, misclassified tiles.

    With the data a run was trained on, its test part is judged; with other data, all of it.

    Parameters
    ----------
    data
        Tiles, in any form that :func:`gastropath.audit` takes.
    model
        A run or bundle folder, or a model from :func:`gastropath.load`; by default the starter model.
    out
        Folder for ``metrics.json``, ``predictions.csv`` and ``report.html``; by default nothing is written.
    split
        Judge the test part of this table of :func:`gastropath.split`.
    classes
        Use only these.
    mpp
        Micrometres per pixel of tiles whose table does not tell; by default not known.
    views
        Flips and quarter turns over which each answer is averaged, 1 to 8.
    seed
        Of the intervals.
    checks
        ``"full"``; ``"quick"`` leaves out changed tiles, activation maps and pictures that show no tissue, which take
        most of the time; ``"none"`` computes only what follows from the answers to the tiles. What is left out is said
        to be not checked.
    overwrite
        Replace an earlier evaluation in ``out``.
    command
        How it was started, for the record in ``environment.json``.
    on_tiles
        Called once with the tiles that were found, before any is read.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    EvaluationResult
        The figures are its ``metrics``.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate`` is not installed.
    BadBundle
        If the model cannot be used.
    NoTilesFound, CannotReadTable, UnknownSetting
        If there is no tile of a class that the model has, or a table is not one.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.evaluate("HMU-GC-HE-30K", "run")  # doctest: +SKIP
    >>> print(found.metrics.accuracy)                        # doctest: +SKIP
    0.731 (0.709–0.752)
    """
    need("evaluate")
    from gastropath.data.audit.audit import with_pixels
    from gastropath.data.index import find_tiles
    from gastropath.data.learned import OLDER_RUN, Learned, learned_tiles
    from gastropath.data.split.split import read_split, split_of_run
    from gastropath.evaluation.assessment import assess
    from gastropath.evaluation.report import FILES, write_evaluation
    from gastropath.outputs import check_replaceable, replacing_folder, write_json
    from gastropath.results.environment import described

    check_checks(checks)
    folder, home = optional(out), folder_of(model)
    if folder:
        check_replaceable(folder, FILES, overwrite=overwrite)
    index = find_tiles(paths(data), codes(classes))
    if on_tiles:
        on_tiles(index)
    index = index.with_mpp(mpp) if mpp else index
    classifier = opened(model)
    stages = Stages([_READING, _JUDGING], progress)
    index = with_pixels(index, cache=cache_folder(None), progress=stages[_READING])
    learned = learned_tiles(home) if home else Learned()
    parts = read_split(Path(split), index) if split is not None else split_of_run(home, index) if home else None
    assessment = assess(
        classifier,
        index,
        parts,
        learned=learned.pixels,
        views=views,
        seed=seed,
        checks=checks,
        notes=(OLDER_RUN,) if learned.run_is_older and parts is None else (),
        progress=stages[_JUDGING],
    )
    _forget_replaced(assessment, cache_folder(None))
    if folder:
        sources = {"model_sha256": classifier.card.files["model.tflite"], "tiles_sha256": index.sha256()}
        with replacing_folder(folder, FILES, overwrite=overwrite) as partial:
            write_evaluation(assessment, classifier, partial)
            write_json(partial / "environment.json", described(command, seed=seed, **sources))
    return EvaluationResult(assessment, folder)


def _forget_replaced(assessment: Assessment, cache: Path) -> None:
    """Have tiles read again that turned out to be others than what is kept of them."""
    from gastropath.data.audit.readings import forget

    if any(refusal and refusal.code == "replaced" for refusal in assessment.predictions.refusals):
        forget(cache, assessment.index.root)


def evaluate_predictions(
    table: StrPath,
    out: StrPath | None = None,
    *,
    part: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    command: str = "gastropath.evaluate_predictions",
) -> EvaluationResult:
    """Compute the figures of :func:`evaluate` that follow from answers alone, for the predictions of any model.

    Accuracy, precision, recall and F1 over classes and of each, with intervals that resample groups where there are
    enough; the confusion matrix; and, where the table has probabilities, AUROC, calibration beside what chance alone
    gives, and risk over coverage. Figures that need the model itself are ``None``.

    Parameters
    ----------
    table
        CSV file with the column ``true_label`` and one or both of ``predicted_label`` and a column ``prob_CODE`` for
        each class. Optional: ``group`` (patient or slide), ``path``, ``part``, and ``decision`` (``accepted``,
        ``abstained`` or ``refused``).
    out
        Folder for ``metrics.json``, ``predictions.csv`` and ``report.html``; by default nothing is written.
    part
        Judge the rows of this part alone; needed where the column ``part`` names several.
    seed
        Of the intervals.
    overwrite
        Replace an earlier evaluation in ``out``.
    command
        How it was started, for the record in ``environment.json``.

    Returns
    -------
    EvaluationResult
        The figures are its ``metrics``.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate`` is not installed and ``out`` is given.
    CannotReadTable
        If the table is not one, or a probability, label or decision in it cannot be.
    UnknownSetting
        If the table has several parts and none is chosen, or not the one that is.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.evaluate_predictions("resnet50.csv")     # doctest: +SKIP
    >>> print(found.metrics.calibration.before.ece)                 # doctest: +SKIP
    0.083 (0.061–0.104)
    """
    if out is not None:
        need("evaluate")
    from gastropath.evaluation import predictions_table
    from gastropath.outputs import check_replaceable, replacing_folder, write_json
    from gastropath.results.environment import described

    folder, file = optional(out), Path(table)
    if folder:
        check_replaceable(folder, predictions_table.FILES, overwrite=overwrite)
    assessment = predictions_table.assess(predictions_table.read_answers(file, part), seed=seed)
    if folder:
        with replacing_folder(folder, predictions_table.FILES, overwrite=overwrite) as partial:
            predictions_table.write(assessment, file.name, partial)
            write_json(partial / "environment.json", described(command, seed=seed, table=str(table)))
    return EvaluationResult(assessment, folder)
