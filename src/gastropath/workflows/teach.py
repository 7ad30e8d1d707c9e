"""Teaching a model on slides: a page on which its user corrects it, and a new model at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.errors import CannotReadSlide, CannotResume, GastroPathError, OutputExists, UnknownSetting
from gastropath.progress import Progress
from gastropath.workflows.adapt import adapt
from gastropath.workflows.arguments import Paths, StrPath, codes, now, opened, paths
from gastropath.workflows.extras import need
from gastropath.workflows.slides import map_slides
from gastropath.workflows.view import PORT

if TYPE_CHECKING:
    from gastropath.inference.classifier import Classifier
    from gastropath.teach.lesson.lesson import Lesson

LESSON = "lesson.json"
MAPS, SEALED = "maps", "model"


@dataclass
class TeachResult:
    """A lesson, as it was when its page was closed.

    Attributes
    ----------
    folder
        Holds labels and maps, and the model in ``model`` once it was sealed; names the model as a run does.
    labels
        How many there are.
    is_sealed
        Whether a model was sealed.
    refused
        Path of each slide that could not be mapped, and why.
    """

    folder: Path
    labels: int = 0
    is_sealed: bool = False
    refused: dict[str, str] = field(default_factory=dict)


def teach(
    slides: Paths,
    model: StrPath | Classifier | None = None,
    out: StrPath = "taught",
    *,
    classes: Sequence[str] | None = None,
    mpp: float | None = None,
    mask: bool = True,
    labelled_by: str = "",
    port: int = PORT,
    progress: Progress | None = None,
    on_classes: Callable[[Sequence[str], Sequence[str]], object] | None = None,
    on_refused: Callable[[Mapping[str, GastroPathError]], object] | None = None,
    on_ready: Callable[[str], object] | None = None,
    on_sealed: Callable[[Sequence[str]], object] | None = None,
) -> TeachResult:
    """Show slides on a page of this computer, where a model learns from each label at once, until interrupted.

    Slides that are not mapped yet are mapped first. Interrupted or killed, the same call goes on: a label that the page
    shows as given is on the disk.

    Parameters
    ----------
    slides
        Files, and folders for all slides in them.
    model
        A run or bundle folder, or a model from ``gastropath.load``; by default the starter model.
    out
        Folder for labels, maps and the sealed model; one that an earlier call made is gone on with.
    classes
        Of the new model: more than the model has, or fewer; by default the same.
    mpp
        Micrometres per pixel of slides that do not tell.
    mask
        Leave glass, pen marks and dark borders out.
    labelled_by
        Who labels, for the record.
    port
        To listen on, at 127.0.0.1; 0 for any that is free.
    progress
        Called as ``progress(what, done, total)``.
    on_classes
        Called once with classes that the model has not, and with those of the model that are left out, where there are
        some.
    on_refused
        Called with the path of each slide that cannot be mapped, and the error, where there are some.
    on_ready
        Called with the page's address, its token included, once it can be opened.
    on_sealed
        Called with lines about the model each time it was sealed.

    Returns
    -------
    TeachResult
        What there is when the page is closed.

    Raises
    ------
    MissingExtra
        If the extra ``view`` or ``evaluate`` is not installed.
    BadBundle
        If the model cannot be used, or is of an earlier version that carries no labelled features.
    UnknownSetting
        If no slide is named, or fewer than two classes.
    CannotReadSlide, CannotReadTable
        If no slide can be mapped, or labels of an earlier call cannot be read.
    CannotResume, OutputExists, CannotWrite
        If ``out`` holds something else or is of another model, another process is at work there, or it cannot be
        written.
    CannotListen
        If the port is taken.
    """
    need("teach")
    from gastropath.locks import alone
    from gastropath.teach.adapted import base_of
    from gastropath.teach.lesson.lesson import Lesson
    from gastropath.teach.lesson.routes import also
    from gastropath.teach.lesson.running import Running
    from gastropath.teach.server import serve

    folder, found = Path(out), TeachResult(Path(out))
    classifier = opened(model)
    base_of(classifier)
    wanted = _classes(classes, classifier)
    _check_slides(slides)
    added = [code for code in wanted if code not in classifier.classes]
    left_out = [code for code in classifier.classes if code not in wanted]
    if on_classes and (added or left_out):
        on_classes(added, left_out)
    _begin(folder, classifier)
    with alone(folder, "lesson"), ExitStack() as ending:
        lesson = Lesson(folder, classifier, wanted, labelled_by, now)
        ending.callback(lesson.end)

        def mapped(told: Progress) -> None:
            refused = _map(lesson, slides, mpp, mask, _both(told, progress))
            found.refused |= {path: error.reason for path, error in refused.items()}
            if refused and on_refused:
                on_refused(refused)

        def sealed(replaces: bool, told: Progress) -> tuple[str, ...]:
            lines = _seal(lesson, replaces, mpp, told)
            if on_sealed:
                on_sealed(lines)
            return lines

        running = Running(lesson.put, mapped, sealed)
        ending.callback(running.end)
        with suppress(KeyboardInterrupt):  # the way to stop it, and no failure
            serve(lesson.atlas, port, on_ready or _nobody, also=also(lesson, running.seal), beside=running.begin)
        if running.error:
            raise running.error
    found.labels, found.is_sealed = len(lesson.record.labels), (folder / SEALED).is_dir()
    return found


def _classes(given: Sequence[str] | None, classifier: Classifier) -> tuple[str, ...]:
    wanted = codes(given) or list(classifier.classes)
    if len(set(wanted)) != len(wanted) or len(wanted) < 2:
        raise UnknownSetting(f"{','.join(wanted)}; expected two classes or more, each once", parameter="classes")
    return tuple(wanted)


def _check_slides(slides: Paths) -> None:
    """Check that some slide is there, before anything is made."""
    from gastropath.slides.entries import find_slides

    entries = find_slides(paths(slides))
    if not entries:
        raise UnknownSetting("names no slide; expected at least one", parameter="slides")
    wrong = [entry.error or (None if entry.path.exists() else _absent(entry.path)) for entry in entries]
    if all(wrong) and wrong[0]:
        raise wrong[0]


def _absent(path: Path) -> CannotReadSlide:
    return CannotReadSlide("no such file", where=path)


def _begin(folder: Path, classifier: Classifier) -> None:
    """Begin a lesson in a folder, or check that the one in it is of the same model."""
    from gastropath.bundle.files import GRAPH
    from gastropath.outputs import content, write_json

    card, file = classifier.card, folder / LESSON
    record = {"model": card.name, "sha256": card.files.get(GRAPH, ""), "source": card.source}
    if not content(folder):
        write_json(file, record)
        return
    try:
        earlier = json.loads(file.read_text("utf-8"))
        sha256, name = str(earlier["sha256"]), str(earlier["model"])
    except (OSError, ValueError, KeyError, TypeError):
        what = "already exists, and holds no lesson"
        raise OutputExists(what, where=folder, remedy="choose another `out`") from None
    if sha256 != record["sha256"]:
        what = f"a lesson of another model ({name}) has begun here"
        raise CannotResume(what, where=folder, remedy="name that `model`, or choose another `out`")


def _map(
    lesson: Lesson, slides: Paths, mpp: float | None, mask: bool, progress: Progress
) -> dict[str, GastroPathError]:
    """Map what is not mapped yet, with features, open all maps of the lesson, and return why others are not there."""
    from gastropath.teach.maps import find_maps, readable_maps

    done = map_slides(
        slides, lesson.folder / MAPS, lesson.classifier, mpp=mpp, mask=mask, features=True, progress=progress
    )
    if not done.mapped and not done.same:
        raise done.failed[0].error
    summaries, unread = readable_maps(find_maps([lesson.folder / MAPS]))
    lesson.begin(summaries, paths(slides))
    return {str(slide.path): slide.error for slide in done.failed} | {str(each): why for each, why in unread.items()}


def _seal(lesson: Lesson, replaces: bool, mpp: float | None, progress: Progress) -> tuple[str, ...]:
    """Write the model that was taught, and say how it is used."""
    from gastropath.outputs import content, replacing
    from gastropath.teach.adapted import in_words
    from gastropath.teach.lesson.kept import LABELS_CSV

    target = lesson.folder / SEALED
    if content(target) and not replaces:
        raise OutputExists("a model was sealed here before", where=target, remedy="seal again to replace it")
    lesson.keep()
    with replacing(target) as partial:
        done = adapt(
            lesson.classifier, partial, labels=lesson.folder / LABELS_CSV, classes=lesson.codes, mpp=mpp,
            progress=progress,
        )  # fmt: skip
    return (
        *in_words(done.card),
        f"wrote {target}; look at {target / done.report.name}",
        f"use it:  gastropath slide SLIDES --model {lesson.folder} --out maps",
        f"judge it on other slides:  gastropath evaluate --model {lesson.folder} --labels OTHER.csv --slides FOLDER",
    )


def _both(one: Progress, other: Progress | None) -> Progress:
    def told(what: str, done: int, total: int) -> None:
        one(what, done, total)
        if other:
            other(what, done, total)

    return told


def _nobody(address: str) -> None:
    """Tell nobody."""
