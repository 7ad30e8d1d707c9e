"""What a model, or a table of anybody's predictions, is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.errors import UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import (
    Paths,
    StrPath,
    at_hand,
    cache_folder,
    check_checks,
    codes,
    folder_of,
    opened,
    optional,
    paths,
)
from gastropath.workflows.cut_tiles import SHARES, cut_tiles, without_learned, write_shares
from gastropath.workflows.extras import need
from gastropath.workflows.labelled import GivenLabels

if TYPE_CHECKING:
    from pandas import DataFrame

    from gastropath.data.index import TileIndex
    from gastropath.evaluation.assessment import Assessment
    from gastropath.inference.classifier import Classifier
    from gastropath.results.card import Card
    from gastropath.results.metrics import Checks, Metrics
    from gastropath.results.predictions import Predictions


_CUTTING, _READING, _JUDGING = "cutting tiles", "reading tiles", "evaluating"


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
    data: Paths = (),
    model: StrPath | Classifier | None = None,
    out: StrPath | None = None,
    *,
    labels: Paths = (),
    annotations: Paths = (),
    slide: Paths = (),
    slides: StrPath | None = None,
    qupath_classes: StrPath | Mapping[str, str] | None = None,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
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
        Tiles, in any form that ``gastropath.audit`` takes.
    model
        A run or bundle folder, or a model from ``gastropath.load``; by default the starter model.
    out
        Folder for ``metrics.json``, ``predictions.csv`` and ``report.html``; by default nothing is written.
    labels, annotations, slide, slides, qupath_classes, qupath_origin
        Instead of ``data``, places of slides with their classes, as ``gastropath.adapt`` takes them. Figures are by
        slide, and intervals resample slides; ``shares.csv`` has the share of each class beside the predicted one.
        Places that the model learned from are left out.
    split
        Judge the test part of this table of ``gastropath.split``.
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
    folder = optional(out)
    if folder:
        check_replaceable(folder, (*FILES, SHARES), overwrite=overwrite)
    on_slides = any(map(paths, (labels, annotations)))
    if on_slides == bool(paths(data)):
        what = "tiles and places of slides together" if on_slides else "nothing to judge"
        raise UnknownSetting(what, remedy="give one of `data`, `labels` and `annotations`")
    if on_slides:
        need("slide")
    model = at_hand(model)
    home = folder_of(model)
    stages = Stages([*([_CUTTING] if on_slides else []), _READING, _JUDGING], progress)
    with ExitStack() as stack:
        sources, notes, classifier = paths(data), (), None
        if on_slides:
            classifier = opened(model)
            given = GivenLabels((), labels, annotations, slide, slides, qupath_classes, qupath_origin, mpp)
            cut = stack.enter_context(cut_tiles(given, classifier, home, stages[_CUTTING]))
            sources, notes, mpp = [cut.table], cut.notes, None
        index = find_tiles(sources, codes(classes))
        if on_tiles:
            on_tiles(index)
        classifier = opened(model) if classifier is None else classifier
        index = index.with_mpp(mpp) if mpp else index
        index = with_pixels(index, cache=cache_folder(None), progress=stages[_READING])
        learned = learned_tiles(home) if home else Learned()
        if classifier.card.adaptation and learned.pixels:
            index, more = without_learned(index, learned.pixels)
            notes = (*notes, *more)
        parts = None
        if split is not None or (home and not on_slides):
            parts = read_split(Path(split), index) if split is not None else split_of_run(home, index) if home else None
        assessment = assess(
            classifier,
            index,
            parts,
            learned=learned.pixels,
            views=views,
            seed=seed,
            checks=checks,
            notes=(*notes, *((OLDER_RUN,) if learned.run_is_older and parts is None else ())),
            progress=stages[_JUDGING],
        )
        _forget_replaced(assessment, cache_folder(None))
        if folder:
            card = classifier.card
            known = {"model_sha256": card.files["model.tflite"], "tiles_sha256": index.sha256()}
            known |= {"model_source": card.source} if card.source else {}
            with replacing_folder(folder, (*FILES, SHARES), overwrite=overwrite) as partial:
                write_evaluation(assessment, classifier, partial)
                if on_slides:
                    write_shares(assessment, partial / SHARES)
                write_json(partial / "environment.json", described(command, seed=seed, **known))
    return EvaluationResult(assessment, folder)


def _forget_replaced(assessment: Assessment, cache: Path) -> None:
    """Have tiles read again that turned out to be others than what is kept of them."""
    from gastropath.data.audit.readings import forget

    if any(refusal and refusal.code == "replaced" for refusal in assessment.predictions.refusals):
        forget(cache, assessment.index.root)
