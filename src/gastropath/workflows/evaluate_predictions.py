"""What the predictions of any model are worth."""

from __future__ import annotations

from pathlib import Path

from gastropath.workflows.arguments import StrPath, optional
from gastropath.workflows.evaluate import EvaluationResult
from gastropath.workflows.extras import need


def evaluate_predictions(
    table: StrPath,
    out: StrPath | None = None,
    *,
    part: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
    command: str = "gastropath.evaluate_predictions",
) -> EvaluationResult:
    """Compute the figures of ``evaluate`` that follow from answers alone, for the predictions of any model.

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
