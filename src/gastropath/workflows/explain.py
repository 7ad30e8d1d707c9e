"""Where images speak for a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, opened, optional, paths
from gastropath.workflows.predict import MODEL_SOURCE

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier
    from gastropath.inference.explain import Explanation

TABLE = "explanations.csv"

_COLUMNS = ("path", "explained_label", "overlay", "predicted_label", "confidence", "decision", "reason", "detail")


@dataclass(frozen=True)
class ExplanationResult:
    """Where each image speaks for a class.

    Attributes
    ----------
    classifier
        The model.
    explanations
        One an image, with its heat map as an array; none where they were written instead, so that any number fits.
    overlays
        The pictures written, in the order of the images.
    refused
        Path and reason of each image that has no answer.
    folder
        Where overlays and table were written; ``None`` where nothing was.
    """

    classifier: Classifier
    explanations: tuple[Explanation, ...]
    overlays: tuple[Path, ...]
    refused: dict[str, str]
    folder: Path | None

    @property
    def table(self) -> Path | None:
        """The table with a row an image; ``None`` where nothing was written."""
        return self.folder / TABLE if self.folder else None


def explain(
    images: Paths,
    model: StrPath | Classifier | None = None,
    out: StrPath | None = None,
    *,
    code: str | None = None,
    mpp: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExplanationResult:
    """Show where each image speaks for a class: its activation map, laid over it.

    Parameters
    ----------
    images
        Image files, and folders of them.
    model
        A run or bundle folder, or a model from ``gastropath.load``; by default the starter model.
    out
        Folder for the overlays and ``explanations.csv``; by default the explanations are returned instead.
    code
        Class to explain; by default the predicted one of each image.
    mpp
        Micrometres per pixel of the images; by default not known.
    overwrite
        Replace earlier explanations in ``out``.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    ExplanationResult
        The heat maps, or where they lie.

    Raises
    ------
    NoTilesFound
        If there is nothing to explain.
    BadBundle
        If the model cannot be used.
    UnknownSetting
        If the model has no such class.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.explain("tile.png", code="TUM")  # doctest: +SKIP
    >>> found.explanations[0].heat.shape                    # doctest: +SKIP
    (224, 224)
    """
    from gastropath.inference.explain import explanations
    from gastropath.inference.gathering import gather
    from gastropath.outputs import replacing_folder

    files, folder, classifier = gather(paths(images)), optional(out), opened(model)
    stage = Stages(["explaining"], progress)["explaining"]
    told = explanations(classifier, files, code=code, mpp=mpp, progress=stage)
    if folder is None:
        every = tuple(told)
        refused = {str(one.source): one.answer.detail for one in every if one.pixels is None}
        return ExplanationResult(classifier, every, (), refused, None)
    writer = _Writer(classifier.card.source)
    with replacing_folder(folder, (TABLE, "*.png"), overwrite=overwrite) as partial:
        for one in told:
            writer.add(one, partial)
        writer.finish(partial)
    return ExplanationResult(classifier, (), tuple(folder / name for name in writer.names), writer.refused, folder)


class _Writer:
    """Writes one explanation after the other into a folder."""

    def __init__(self, source: str) -> None:
        self._source = {MODEL_SOURCE: source} if source else {}
        self.names: list[str] = []
        self.refused: dict[str, str] = {}
        self._rows: list[dict[str, object]] = []
        self._taken: set[str] = set()

    def add(self, one: Explanation, folder: Path) -> None:
        from PIL import Image

        answer, path = one.answer, str(one.source)
        row: dict[str, object] = {
            **self._source,
            "path": path,
            "predicted_label": answer.label,
            "confidence": None if answer.confidence is None else f"{answer.confidence:.6f}",
            "decision": answer.decision,
            "reason": answer.reason,
            "detail": answer.detail,
        }
        if one.pixels is None:
            self.refused[path] = answer.detail
        else:
            name = _free(f"{Path(path).stem}_{one.code}", self._taken)
            Image.fromarray(one.overlay()).save(folder / name)
            self.names.append(name)
            row |= {"explained_label": one.code, "overlay": name}
        self._rows.append(row)

    def finish(self, folder: Path) -> None:
        from gastropath.tables import write_table

        write_table(folder / TABLE, (*_COLUMNS, *self._source), self._rows)


def _free(stem: str, taken: set[str]) -> str:
    """Return a file name that no other image has got, whatever the case of its letters."""
    stem = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "-" for c in stem)[:100]
    name, number = f"{stem}.png", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}.png"
    taken.add(name.lower())
    return name
