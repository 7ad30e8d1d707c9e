"""Labels that may be wrong: which tiles to look at again, the most suspicious first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath.data.matching import PIXELS
from gastropath.data.review import REVIEW_COLUMNS
from gastropath.data.split.split import Split
from gastropath.evaluation.assessment import Assessment
from gastropath.tables import write_table


@dataclass(frozen=True)
class Suspect:
    """A tile whose label does not fit what models say that never saw it.

    Attributes
    ----------
    path, file
        As in the index, and where it lies.
    label, suggested
        Its label, and the most probable class.
    part
        Of the split; a review changes nothing in ``test``.
    quality
        Probability of its label, 0 to 1: the lower, the more suspicious.
    confidence
        Probability of the suggested class.
    pixels
        By which the tile is known, whatever it is called then; empty where nobody has read it.
    """

    path: str
    file: Path
    label: str
    suggested: str
    part: str
    quality: float
    confidence: float
    pixels: str = ""


def suspected_errors(assessment: Assessment, split: Split) -> list[Suspect]:
    """Find labels to doubt by confident learning (Northcutt et al. 2021, the library cleanlab).

    Parameters
    ----------
    assessment
        Of out-of-fold answers: models that learned a label would defend it.
    split
        Says which part each tile belongs to.

    Returns
    -------
    list of Suspect
        The most suspicious first; how many there are follows from how sure the models are of each class.
    """
    from cleanlab.filter import find_label_issues

    index, answers = assessment.index, assessment.predictions
    judged, true = assessment.judged, assessment.true
    present = np.unique(true[judged])  # cleanlab wants a label of every class
    probabilities = answers.probabilities[np.ix_(judged, present)].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.searchsorted(present, true[judged])
    if len(present) < 2:
        return []
    ranked = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    part, found = dict(zip(split.index.paths, split.parts, strict=True)), []
    for place in ranked:
        row, best = judged[place], int(probabilities[place].argmax())
        found.append(
            Suspect(
                path=index.paths[row],
                file=index.root / index.paths[row],
                label=index.labels[row],
                suggested=answers.classes[present[best]],
                part=part.get(index.paths[row], ""),
                quality=float(probabilities[place, labels[place]]),
                confidence=float(probabilities[place, best]),
                pixels=index.pixels[row] if index.pixels else "",
            )
        )
    return found


def write_suspects(suspects: Sequence[Suspect], path: Path) -> None:
    """Write a table to fill in: its last column, ``decision``, is empty."""
    rows = (
        {
            "path": suspect.path,
            "label": suspect.label,
            "part": suspect.part,
            "suggested_label": suspect.suggested,
            "quality": f"{suspect.quality:.6f}",
            "confidence": f"{suspect.confidence:.6f}",
            PIXELS: suspect.pixels,
            "decision": "",
        }
        for suspect in suspects
    )
    write_table(path, REVIEW_COLUMNS, rows)
