"""A run folder: settings and split in, trained model and draft bundle out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gastropath.bundle.files import KERAS_MODEL, Bundle, open_bundle
from gastropath.data.index import TileIndex
from gastropath.data.learned import LEARNED, learned_tiles, write_learned
from gastropath.data.review import Review, read_review
from gastropath.data.split.split import Split, read_split, split_of_run
from gastropath.errors import CannotResume, OutputExists
from gastropath.inference.classifier import Classifier
from gastropath.jobs.folder import SETTINGS, JobFolder, differences
from gastropath.outputs import new_folder, write_json
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.tables import read_table
from gastropath.training.context import HISTORY, WORK_FOLDER, TrainingContext
from gastropath.training.cross_validation import OutOfFold, cross_validate
from gastropath.training.draft_card import uncalibrated
from gastropath.training.features import FeatureStore
from gastropath.training.recipe import Recipe, read_recipe
from gastropath.training.start import RunOptions, Start

_RECIPE, _SPLIT, _ENVIRONMENT, _REVIEW, _BUNDLE = "recipe.toml", "split.csv", "environment.json", "review.csv", "model"

_UNFINISHED = "unfinished"
"""Keeps the work folder, which says that something is left to do, even where a method keeps nothing in it."""

_WORDS = {"tiles": "other tiles", "split": "another split", "review": "another review of labels"}
_WHO = "gastropath train"


@dataclass(frozen=True)
class Run:
    """A run folder, begun or not.

    Attributes
    ----------
    folder
        Where it lies.

    Examples
    --------
    >>> run = Run(Path("run"))
    >>> run.begin(Start(split, read_recipe("transfer")), environment)                       # doctest: +SKIP
    >>> bundle = run.train(start, name="my tiles", created="2026-01-01", store=store)       # doctest: +SKIP
    """

    folder: Path

    @property
    def bundle(self) -> Path:
        """Folder of the model."""
        return self.folder / _BUNDLE

    @property
    def has_begun(self) -> bool:
        """Whether the folder holds a run that can go on.

        Raises
        ------
        OutputExists
            If it holds something else.
        """
        if (self.folder / _RECIPE).is_file():
            return True
        ours = (".partial-", "split.", LEARNED, "environment.", _REVIEW, WORK_FOLDER)
        if self.folder.is_dir() and not all(entry.name.startswith(ours) for entry in self.folder.iterdir()):
            raise OutputExists(
                "holds files but no run that could be resumed", where=self.folder, remedy="choose another `out`"
            )
        return False

    @property
    def is_finished(self) -> bool:
        """Whether it has its sealed bundle and needs nothing more."""
        return (
            (self.folder / "metrics.json").is_file()
            and (self.bundle / "card.json").is_file()
            and not (self.folder / WORK_FOLDER).exists()
        )

    def begin(self, start: Start, environment: Mapping[str, object], *, overwrite: bool = False) -> None:
        """Make the folder and write what the run starts from: the recipe last, as the sign that all of it is there.

        Parameters
        ----------
        start
            What to train on, and how.
        environment
            What it is computed with, for the record.
        overwrite
            Replace what an interrupted beginning left.

        Raises
        ------
        TooFewTiles
            If the split cannot be trained on, or no longer can after the review, or one of its folds cannot.
        OutputExists, CannotWrite
            If the folder holds something, or cannot be written.
        """
        start.check()
        new_folder(self.folder, overwrite=overwrite)
        (self.folder / WORK_FOLDER).mkdir(exist_ok=True)
        (self.folder / WORK_FOLDER / _UNFINISHED).touch()
        start.split.write(self.folder / _SPLIT)
        write_learned(start.split, self.folder)
        if start.review:
            start.review.among(start.split.index).write(self.folder / _REVIEW)
        write_json(self.folder / _ENVIRONMENT, {**environment, **asdict(start.options)})
        start.recipe.write(self.folder / _RECIPE)

    @property
    def options(self) -> RunOptions:
        """What it began with beside its recipe."""
        record = json.loads((self.folder / _ENVIRONMENT).read_text("utf-8"))
        return RunOptions(record.get("folds"), record.get("mpp"))

    def resume(
        self,
        index: TileIndex,
        *,
        recipe: Recipe | None = None,
        table: Path | None = None,
        review: Review | None = None,
        options: RunOptions | None = None,
    ) -> Start:
        """Read back what the run started from, and check that it is still the same, as far as it is given.

        A recipe that an earlier version wrote may lack settings: they have their defaults.

        Parameters
        ----------
        index
            Tiles as they are found now, which must hold those of the run.
        recipe, table, review, options
            What is asked for now; ``None`` for what the run began with. ``table`` is that of a split.

        Raises
        ------
        CannotResume
            If the data, the settings or the review differ from those the run began with, or an earlier GastroPath
            began it, which did not note what the tiles look like.
        """
        begun, before = read_recipe(str(self.folder / _RECIPE)), self.options
        given = {name: value for name, value in asdict(options or RunOptions()).items() if value is not None}
        index = index.with_mpp(before.mpp) if before.mpp else index
        wanted = recipe.model_dump(mode="json") if recipe else {}
        if recipe and recipe.method != begun.method:
            wanted = {"method": recipe.method}  # its settings are others
        self._check_same({SETTINGS: begun.model_dump(mode="json")}, {SETTINGS: wanted})
        self._check_same({SETTINGS: asdict(before)}, {SETTINGS: given})  # its mpp is that of the tiles
        split = split_of_run(self.folder, index)
        if split is None and learned_tiles(self.folder).run_is_older:
            raise CannotResume(
                "was begun by an earlier GastroPath, which did not note what its tiles look like: whether those now at "
                f"{index.root} are the same cannot be told",
                where=self.folder,
                remedy="train again into another `out`",
            )
        if split is None:
            raise CannotResume(
                f"began with other tiles than those now at {index.root}", where=self.folder, remedy=_remedy("data")
            )
        applied = self._review(split.index)
        asked = {}
        if table is not None:
            asked["split"] = read_split(table, index).sha256()
        if review is not None:
            asked["review"] = review.among(split.index).sha256()
        self._check_same({"split": split.sha256(), "review": applied.sha256() if applied else None}, asked)
        return Start(split, begun, before, applied)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second process out of the run while the block lasts.

        Raises
        ------
        CannotWrite
            If another process is at work in it.
        """
        work = self.folder / WORK_FOLDER
        with JobFolder(self.folder, work, {}, _WHO).alone():
            (work / _UNFINISHED).touch()
            yield

    def train(
        self,
        start: Start,
        *,
        name: str,
        created: str,
        store: FeatureStore,
        tensorboard: Path | None = None,
        progress: Progress = silent,
    ) -> Bundle:
        """Train (or go on), and export a draft bundle.

        Parameters
        ----------
        start
            From :meth:`begin` or :meth:`resume`.
        name, created
            Name of the data, and date and time, for the card.
        store
            Where features are computed, and kept from one run to the next.
        tensorboard
            Folder where each epoch is noted for TensorBoard.

        Raises
        ------
        BadBundle
            If training gives a model whose answers are not finite.
        """
        if (self.bundle / "card.json").is_file():
            return open_bundle(self.bundle)
        draft = start.draft(name, created)
        split = start.reviewed.in_fixed_order()
        trained = start.recipe.train(TrainingContext(split, self.folder, store, progress, tensorboard))
        return trained.write(start.calibrated(trained, draft), self.bundle, keras_file=self.folder / KERAS_MODEL)

    def cross_validate(
        self, start: Start, card: Card, store: FeatureStore, *, progress: Progress = silent
    ) -> OutOfFold:
        """Train a model for each fold of the split, or go on where an interrupted call stopped.

        Parameters
        ----------
        start
            From :meth:`begin` or :meth:`resume`.
        card
            Of the run's model: what the models of the folds answer with.
        store
            See :meth:`train`.
        """
        draft = uncalibrated(card)

        def train_fold(number: int, part: Split) -> Classifier:
            folder = self.folder / WORK_FOLDER / f"fold-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            learned = (start.review.applied(part) if start.review else part).in_fixed_order()
            trained = start.recipe.train(TrainingContext(learned, folder, store, progress))
            return trained.classifier(start.calibrated(trained, draft))

        return cross_validate(
            start.split, train_fold, with_validation=start.recipe.watches_validation, progress=progress
        )

    def history(self) -> list[dict[str, float]]:
        """Return the rows of ``history.csv``: an epoch each, or a strength that was tried."""
        _, rows = read_table(self.folder / HISTORY, ())
        return [{key: float(value) for key, value in row.items()} for row in rows]

    def finish(self) -> None:
        """Remove what only an unfinished run needs, and what killed processes left behind."""
        for folder in (self.folder / WORK_FOLDER, *self.folder.glob(".partial-*")):
            shutil.rmtree(folder, ignore_errors=True)

    def _review(self, index: TileIndex) -> Review | None:
        """Read the review of labels that the run applies; ``None`` where there is none."""
        table = self.folder / _REVIEW
        return read_review(table, index) if table.is_file() else None

    def _check_same(self, made: Mapping[str, object], asked: Mapping[str, object]) -> None:
        if changed := "; ".join(differences(made, asked, _WORDS)):
            raise CannotResume(f"began with other input ({changed})", where=self.folder, remedy=_remedy("it"))


def _remedy(what: str) -> str:
    return f"leave {what} as it was, or choose another `out`"
