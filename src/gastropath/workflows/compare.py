"""Models compared on the same tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.workflows.arguments import StrPath, optional
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.evaluation.comparison import Comparison


@dataclass(frozen=True)
class ComparisonResult:
    """Models compared with the first.

    Attributes
    ----------
    comparison
        Each model's figures, and the paired differences.
    folder
        Where page and tables were written; ``None`` where nothing was.
    """

    comparison: Comparison
    folder: Path | None

    @property
    def page(self) -> Path | None:
        """The page ``compare.html``; ``None`` where nothing was written."""
        return self.folder / "compare.html" if self.folder else None


def compare(
    runs: Iterable[StrPath], out: StrPath | None = None, *, seed: int = 0, overwrite: bool = False
) -> ComparisonResult:
    """Compare models with the first named, on the same tiles: paired intervals and McNemar's test.

    Parameters
    ----------
    runs
        Folders of finished runs or evaluations, at least two, judged on the same tiles.
    out
        Folder for ``compare.html`` and the tables; by default nothing is written.
    seed
        Of the intervals.
    overwrite
        Replace an earlier comparison in ``out``.

    Returns
    -------
    ComparisonResult
        The figures are its ``comparison``.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate`` is not installed.
    CannotCompare
        If a folder holds no evaluation, or the models were judged on different tiles.
    CannotReadTable
        If a table in them is damaged.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.compare(["transfer", "finetune"])   # doctest: +SKIP
    >>> print(found.comparison.differences[0].accuracy)       # doctest: +SKIP
    0.021 (0.004–0.038)
    """
    need("compare")
    from gastropath.evaluation.comparison import compare as compared
    from gastropath.evaluation.comparison import read_judged
    from gastropath.evaluation.comparison_page import FILES, write_comparison
    from gastropath.outputs import replacing_folder

    folders, folder = [Path(run) for run in runs], optional(out)
    judged = [read_judged(run, name) for run, name in zip(folders, distinct_names(folders), strict=True)]
    found = compared(judged, seed=seed)
    if folder:
        with replacing_folder(folder, FILES, overwrite=overwrite) as partial:
            write_comparison(found, partial)
    return ComparisonResult(found, folder)


def distinct_names(runs: Sequence[Path]) -> list[str]:
    """Return the shortest endings of the folders' paths that tell them apart."""
    parts = [run.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(of_run[-length:]) for of_run in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{of_run[-1]} ({i})" for i, of_run in enumerate(parts, start=1)]  # a folder named twice
