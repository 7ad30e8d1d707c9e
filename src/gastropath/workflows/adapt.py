"""Adapting: a model learns from a few labels of its user, and says what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gastropath.errors import UnknownSetting
from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, at_hand, codes, folder_of, now, opened, paths
from gastropath.workflows.extras import need
from gastropath.workflows.labelled import GivenLabels, examples_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gastropath.inference.classifier import Classifier
    from gastropath.results.adaptation import Adaptation
    from gastropath.results.card import Card

_SLIDES, _TILES, _LEARNING = "reading slides", "reading tiles", "learning"


@dataclass(frozen=True)
class AdaptResult:
    """A model that learned from its user's labels.

    Attributes
    ----------
    folder
        Of the bundle.
    card
        Its card.
    refused
        Path and reason of each tile that could not be read.
    """

    folder: Path
    card: Card
    refused: Mapping[str, str]

    @property
    def adaptation(self) -> Adaptation:
        """What was learned, and what it is worth."""
        assert self.card.adaptation is not None
        return self.card.adaptation

    @property
    def report(self) -> Path:
        """The page about the model."""
        return self.folder / "report.html"


def adapt(
    model: StrPath | Classifier | None = None,
    out: StrPath = "adapted",
    *,
    tiles: Paths = (),
    labels: Paths = (),
    annotations: Paths = (),
    slide: Paths = (),
    slides: StrPath | None = None,
    classes: Sequence[str] | None = None,
    qupath_classes: StrPath | Mapping[str, str] | None = None,
    qupath_origin: Literal["bounds", "level0"] = "bounds",
    mpp: float | None = None,
    name: str = "",
    seed: int = 0,
    created: str | None = None,
    progress: Progress | None = None,
) -> AdaptResult:
    """Fit a model's head anew on the tiles it knows and on labels of your own; its features stay.

    Neither TensorFlow nor the original tiles are needed: a bundle carries features of tiles it learned from. The result
    is a bundle like any other. Its card says from which labels it learned, and how often it is right before and after,
    each label judged by a head that was fitted without the label's slide.

    Parameters
    ----------
    model
        A run or bundle folder, or a model from ``gastropath.load``; by default the starter model.
    out
        Folder of the new bundle.
    tiles
        Labelled tiles, in any form that ``gastropath.audit`` takes.
    labels
        Tables ``slide,x_px,y_px,width_px,height_px,label`` in pixels of level 0. ``source`` may say ``check``: such
        tiles judge the model, and it does not learn from them.
    annotations, slide
        GeoJSON with classes, as QuPath exports it, and the slide that each file was drawn on. Tiles mostly inside an
        annotation are its examples.
    slides
        Folder with the slides of ``labels``, where they are not where the tables say.
    classes
        Of the new model: more than the model has, or fewer; by default the same.
    qupath_classes
        What classes are called in QuPath, by code, or a CSV file ``code,name`` that says it.
    qupath_origin
        Where QuPath's coordinates begin: ``"bounds"`` of the slide, where it states them, or ``"level0"``.
    mpp
        Micrometres per pixel of slides and tiles that do not tell.
    name
        Of the new model.
    seed
        Of draws.
    created
        Date and time for the card; by default now.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    AdaptResult
        Its ``adaptation`` holds the figures.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate``, or for labels on slides ``slides``, is not installed.
    BadBundle
        If the model cannot be used, or is of an earlier version that carries no labelled features.
    CannotReadTable, CannotReadSlide, NoTilesFound, TooFewTiles
        If labels cannot be read, lie off their slide, contradict each other, or are too few.
    UnknownSetting
        If there is nothing to learn from, or fewer than two classes.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.adapt("run", "ours", labels="labels.csv")  # doctest: +SKIP
    >>> print(found.adaptation.headline.after)                        # doctest: +SKIP
    0.940 (0.900–0.975)
    """
    given = GivenLabels(tiles, labels, annotations, slide, slides, qupath_classes, qupath_origin, mpp)
    need("adapt")
    if given.on_slides:
        need("slide")
    from gastropath.outputs import check_absent
    from gastropath.parallel import one_thread_each
    from gastropath.results.learned import read_learned
    from gastropath.teach.adapted import adapted, base_of

    folder = Path(out)
    check_absent(folder)
    model = at_hand(model)
    home, classifier = folder_of(model), opened(model)
    whole = base_of(classifier)
    wanted = codes(classes) or list(classifier.classes)
    if len(set(wanted)) != len(wanted) or len(wanted) < 2:
        raise UnknownSetting(f"{','.join(wanted)}; expected two classes or more, each once", parameter="classes")
    stages = Stages(
        [*([_SLIDES] if given.on_slides else []), *([_TILES] if paths(given.tiles) else []), _LEARNING], progress
    )
    examples, unit, refused = examples_of(
        given, classifier, wanted, lambda kind: stages[_SLIDES if kind == "slides" else _TILES]
    )
    with one_thread_each():
        found = adapted(
            classifier, whole, examples, wanted, unit, created=created or now(), name=name, seed=seed,
            progress=stages[_LEARNING],
        )  # fmt: skip
    bundle = found.write(folder, read_learned(home).tiles if home else ())
    return AdaptResult(folder, bundle.card, refused)
