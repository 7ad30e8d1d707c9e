"""A run folder: settings and split in, trained model and draft bundle out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.bundle.files import GRAPH, KERAS_MODEL, Bundle, find_bundle, open_bundle, write_bundle
from gastropath.data.index import TileIndex
from gastropath.data.learned import LEARNED, learned_tiles, write_learned
from gastropath.data.review import Review, read_review
from gastropath.data.split.split import Split, check_trainable, read_split, split_of_run
from gastropath.errors import BadBundle, CannotResume, OutputExists, TooFewTiles
from gastropath.inference.classifier import Classifier
from gastropath.inference.selftest import with_self_test
from gastropath.jobs.folder import SETTINGS, JobFolder, differences
from gastropath.outputs import new_folder, write_json
from gastropath.progress import Progress, silent
from gastropath.results.card import Card
from gastropath.tables import read_table
from gastropath.training.context import HISTORY, WORK_FOLDER, TrainingContext
from gastropath.training.cross_validation import OutOfFold, cross_validate, fold_splits
from gastropath.training.draft_card import draft_card, uncalibrated, with_review
from gastropath.training.features import FeatureStore
from gastropath.training.network import Precision, start_tensorflow
from gastropath.training.recipe import Recipe, read_recipe
from gastropath.training.trained import Trained

if TYPE_CHECKING:
    import keras

_RECIPE, _SPLIT, _ENVIRONMENT, _REVIEW, _BUNDLE = "recipe.toml", "split.csv", "environment.json", "review.csv", "model"

_UNFINISHED = "unfinished"
"""Keeps the work folder, which says that something is left to do, even where a method keeps nothing in it."""

_WORDS = {"tiles": "other tiles", "split": "another split", "review": "another review of labels"}
_WHO = "gastropath train"

_NO_VNNI = (
    "Computed in 8-bit integers: faster than floating point on processors with VNNI instructions, hardly faster or "
    "slower on others."
)


@dataclass(frozen=True)
class RunOptions:
    """What a run was asked for beside its recipe; ``None`` where nothing was said."""

    folds: int | None = None
    mpp: float | None = None


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes
    ----------
    split
        The tiles as they are published, and how they are divided.
    recipe
        How a model is trained.
    options
        What was asked for beside that.
    review
        Labels that a person looked at again, to be applied before training; ``None`` where there are none.
    """

    split: Split
    recipe: Recipe
    options: RunOptions = RunOptions()
    review: Review | None = None

    @cached_property
    def reviewed(self) -> Split:
        """What is trained on: the split with the labels of the review."""
        return self.review.applied(self.split) if self.review else self.split

    def draft(self, name: str, created: str) -> Card:
        """Return the card of the model before it is trained, given the name of the data and the date."""
        draft = draft_card(self.reviewed, self.recipe, name=name, created=created)
        return with_review(draft, self.review, self.split) if self.review else draft

    def calibrated(self, trained: Trained, draft: Card) -> Card:
        """Return the card with what the recipe asks to be fitted on held-out tiles."""
        recipe = self.recipe
        unmet = recipe.abstain_unmet == "answer"
        return trained.calibrated(draft, recipe.abstain_by, recipe.abstain_at, recipe.in_domain, unmet)


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
        check_trainable(start.reviewed)
        if start.review and start.options.folds:
            _check_folds(start)
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
        options: RunOptions = RunOptions(),
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
        given = {name: value for name, value in asdict(options).items() if value is not None}
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
        self, start: Start, *, name: str, created: str, store: FeatureStore, progress: Progress = silent
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

        Raises
        ------
        BadBundle
            If training gives a model whose answers are not finite.
        """
        if (self.bundle / "card.json").is_file():
            return open_bundle(self.bundle)
        draft = start.draft(name, created)
        split = start.reviewed.in_fixed_order()
        trained = start.recipe.train(TrainingContext(split, self.folder, store, progress))
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

    def export(self, out: Path, precision: Precision) -> Bundle:
        """Export the model of the finished run again, in another precision of floating point.

        Raises
        ------
        BadBundle
            If the run has no bundle or no ``bestmodel.keras``, or the graph answers with numbers that are not finite.
        """
        from gastropath.training.export import export_graph

        bundle = open_bundle(find_bundle(self.folder))
        model, source = self._keras_model(bundle)
        graph = export_graph(model, precision, temperature=bundle.card.calibration.temperature)
        files: dict[str, Path | bytes] = {GRAPH: graph, KERAS_MODEL: source}
        if bundle.references.is_file():
            files[bundle.references.name] = bundle.references
        card = with_self_test(bundle.card.model_copy(update={"precision": precision}), graph)
        return write_bundle(out, card, files)

    def export_quantised(
        self, index: TileIndex, out: Path, store: FeatureStore, *, progress: Progress = silent
    ) -> Bundle:
        """Export the model in 8-bit integers, its head fitted anew on the tiles it was trained on.

        Parameters
        ----------
        index
            The tiles of the run.
        out
            Folder of the bundle.
        store
            See :meth:`train`.

        Raises
        ------
        BadBundle
            If the run has no bundle or no ``bestmodel.keras``.
        CannotResume
            If the tiles are not those of the run.
        UnknownSetting
            If its method has no head that can be fitted anew.
        """
        start, bundle = self.resume(index), open_bundle(find_bundle(self.folder))
        model, _ = self._keras_model(bundle)
        split = start.reviewed.in_fixed_order()
        trained = start.recipe.quantise(model, TrainingContext(split, self.folder, store, progress))
        draft = uncalibrated(bundle.card)
        more = {"precision": "int8", "limitations": (*draft.limitations, _NO_VNNI)}
        return trained.write(start.calibrated(trained, draft.model_copy(update=more)), out)

    def _keras_model(self, bundle: Bundle) -> tuple[keras.Model, Path]:
        """Return the Keras model of the run and its file."""
        start_tensorflow()
        import keras

        own = self.folder / KERAS_MODEL
        source = own if own.is_file() else bundle.keras_model
        if source is None:
            raise BadBundle(
                f"has no {KERAS_MODEL}, which an export starts from", where=self.folder, remedy="name a `run` folder"
            )
        model = keras.models.load_model(source, compile=False)
        assert isinstance(model, keras.Model), f"{source} is not a Keras model"
        return model, source

    def _review(self, index: TileIndex) -> Review | None:
        """Read the review of labels that the run applies; ``None`` where there is none."""
        table = self.folder / _REVIEW
        return read_review(table, index) if table.is_file() else None

    def _check_same(self, made: Mapping[str, object], asked: Mapping[str, object]) -> None:
        if changed := "; ".join(differences(made, asked, _WORDS)):
            raise CannotResume(f"began with other input ({changed})", where=self.folder, remedy=_remedy("it"))


def _remedy(what: str) -> str:
    return f"leave {what} as it was, or choose another `out`"


def _check_folds(start: Start) -> None:
    """Check that the review leaves each fold's model tiles of every class."""
    assert start.review is not None
    for number, part in fold_splits(start.split, with_validation=start.recipe.watches_validation):
        left = set(start.review.applied(part).part("train").labels)
        if missing := sorted(set(start.split.index.classes) - left):
            raise TooFewTiles(
                f"after the review no tile of class {missing[0]!r} is left to train on without fold {number}",
                parameter="review",
            )
