"""The settings of a training run: checked when read, written beside the result, and how each is trained.

Reading a recipe needs neither Keras nor TensorFlow.
"""

from __future__ import annotations

import json
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gastropath.errors import CannotReadTable, UnknownSetting, did_you_mean
from gastropath.outputs import write_text

if TYPE_CHECKING:
    import keras

    from gastropath.training.context import TrainingContext
    from gastropath.training.trained import Trained

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]


class Settings(BaseModel, ABC, frozen=True):
    """How a model is trained: what all methods have in common.

    Unknown keys are refused, so a typo is never a silent default. A key that is absent has its default, and a run
    writes all settings it was made with. The default of a key is therefore what runs did that were written before it
    came, and stays as it is; a better value belongs in ``recipes/*.toml``, where new runs take it from.
    """

    model_config = ConfigDict(extra="forbid")

    watches_validation: ClassVar[bool] = True
    """Whether training needs a validation part to stop by; a method that does not only calibrates on it."""

    method: str
    """What is trained, and how."""
    tile_px: Annotated[int, Field(ge=32, le=1024)] = 224
    """Side of a tile in pixels; others are resampled to it."""
    mpp: PositiveFloat = 0.5
    """Micrometres per pixel at which the model is meant to be used."""
    class_weights: Literal["balanced", "none"] = "balanced"
    """``"balanced"``: every class weighs the same in training, whatever its number of tiles."""
    abstain_by: Literal["accuracy", "coverage", "none"] = "accuracy"
    """What the threshold of confidence is chosen for: a share of right answers, or of answered tiles."""
    abstain_at: Share = 0.8
    """That share."""
    abstain_unmet: Literal["abstain", "answer"] = "abstain"
    """What a model does whose answers do not reach that accuracy: abstain on every tile, or answer and say so."""
    in_domain: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.95
    """Share of tiles of other groups that must not be called unlike the training tiles; with 1 nothing ever is."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of everything random."""

    @abstractmethod
    def train(self, context: TrainingContext) -> Trained:
        """Train a model, or go on where an interrupted call stopped."""

    def quantise(self, model: keras.Model, context: TrainingContext) -> Trained:
        """Bring a trained model to 8-bit integers, and fit to them what can be fitted anew.

        Raises
        ------
        UnknownSetting
            If the method has no head that can be fitted apart from the rest.
        """
        raise UnknownSetting(
            f"a model of the method {self.method!r} cannot be brought to 8-bit integers: only 'transfer' has a head "
            "that can be fitted anew on what the integer network gives",
            parameter="precision",
        )

    def write(self, path: Path) -> None:
        """Write all settings as TOML, also those that have their default."""
        write_text(path, "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.model_dump().items()))


class EpochSettings(Settings, frozen=True):
    """How the weights of a whole network are trained, epoch by epoch."""

    epochs: Epochs = 15
    """Passes over the training tiles at most."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    """Tiles in one step of the optimizer, over all GPUs."""
    learning_rate: PositiveFloat = 0.0003
    """Of Adam; with a schedule, its highest."""
    patience: Annotated[int, Field(ge=0, le=10_000)] = 8
    """Epochs without improvement before training stops."""


class CnnRecipe(EpochSettings, frozen=True):
    """The specified network, trained from scratch."""

    method: Literal["cnn"]
    class_weights: Literal["balanced", "none"] = "none"
    epochs: Epochs = 20
    learning_rate: PositiveFloat = 0.001
    patience: Annotated[int, Field(ge=0, le=10_000)] = 5
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    """What early stopping and the checkpoint watch."""

    def train(self, context: TrainingContext) -> Trained:
        """See :func:`gastropath.training.methods.cnn.train`."""
        from gastropath.training.network import start_tensorflow

        start_tensorflow()
        from gastropath.training.methods import cnn

        return cnn.train(self, context)


class PretrainedSettings(Settings, frozen=True):
    """A linear head on frozen features of a pretrained network."""

    backbone: Annotated[str, Field(min_length=1)] = "efficientnet-lite0"
    """``"efficientnet-lite0"``, or ``"keras:NAME"`` of ``keras.applications``."""
    weights: str = ""
    """Weights file of a ``keras:`` backbone; empty for ImageNet's."""
    maps: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)] = ("block_05", "block_11", "last")
    """Layers whose maps are pooled into features; ``"last"`` is the last map."""
    views: Annotated[int, Field(ge=0, le=8)] = 0
    """Flips and quarter turns of each training tile; 0 for four, or as many as 60,000 in all allow."""
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Inverse penalty of the head; 0 to choose it by grouped cross-validation."""


class TransferRecipe(PretrainedSettings, frozen=True):
    """The head is all that is trained."""

    watches_validation: ClassVar[bool] = False

    method: Literal["transfer"]

    def train(self, context: TrainingContext) -> Trained:
        """See :func:`gastropath.training.methods.transfer.train`."""
        from gastropath.training.methods import transfer

        return transfer.train(self, context)

    def quantise(self, model: keras.Model, context: TrainingContext) -> Trained:
        """See :func:`gastropath.training.methods.quantised.quantise`."""
        from gastropath.training.network import start_tensorflow

        start_tensorflow()
        from gastropath.training.methods import quantised

        return quantised.quantise(self, model, context)


class FinetuneRecipe(EpochSettings, PretrainedSettings, frozen=True):
    """All weights are trained on, end to end, from the model that :class:`TransferRecipe` gives."""

    method: Literal["finetune"]
    views: Annotated[int, Field(ge=0, le=8)] = 1
    warmup_epochs: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0
    """Epochs over which the learning rate rises from 0; behind them it falls to 0 along a cosine."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.1
    """Share of each label that is spread over all classes."""
    turns: bool = True
    """Augmentation: the eight flips and quarter turns."""
    zoom: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.2
    """Augmentation: enlarged or shrunk by up to 1 + this."""
    stain: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.2
    """Augmentation: amount of each stain changed by up to this share."""
    blur_px: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 1.0
    """Augmentation: standard deviation of a Gaussian filter at most."""

    def train(self, context: TrainingContext) -> Trained:
        """See :func:`gastropath.training.methods.finetune.train`."""
        from gastropath.training.network import start_tensorflow

        start_tensorflow()
        from gastropath.training.methods import finetune

        return finetune.train(self, context)


Recipe = CnnRecipe | TransferRecipe | FinetuneRecipe
"""How a model is trained."""

_METHODS: dict[str, type[Recipe]] = {"cnn": CnnRecipe, "transfer": TransferRecipe, "finetune": FinetuneRecipe}


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with GastroPath."""
    folder = resources.files("gastropath") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_recipe(name: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name, or from a TOML file.

    Parameters
    ----------
    name
        One of :func:`recipe_names`, or a path that ends in ``.toml``. Settings that it does not name have the defaults
        of its method.
    changes
        Settings that replace those of the recipe, each ``"KEY=VALUE"`` with the value as in TOML.

    Raises
    ------
    CannotReadTable
        If the file is not TOML.
    UnknownSetting
        If recipe or key do not exist, or a value is of the wrong kind or out of range.
    """
    settings = _read(name)
    for change in changes:
        key, sign, value = change.partition("=")
        if not sign:
            raise UnknownSetting(f"expected KEY=VALUE, e.g. epochs=5; found {change!r}", parameter="settings")
        settings[key.strip()] = _value(value.strip())
    return _checked(settings, name)


def _read(name: str) -> dict[str, object]:
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UnknownSetting("there is no such file", where=name, parameter="recipe")
        data = Path(name).read_bytes()
    else:
        if name not in recipe_names():
            raise UnknownSetting(f"there is no {name!r}{did_you_mean(name, recipe_names())}", parameter="recipe")
        data = (resources.files("gastropath") / "recipes" / f"{name}.toml").read_bytes()
    try:
        return tomllib.loads(data.decode("utf-8"))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise CannotReadTable(f"is not valid TOML: {error}", where=name, parameter="recipe") from None


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word, as it is typed on a command line: monitor=val_accuracy


def _checked(settings: dict[str, object], name: str) -> Recipe:
    place = f"recipe {name}"
    method = settings.get("method")
    kind = _METHODS.get(method) if isinstance(method, str) else None
    if kind is None:
        known = ", ".join(repr(key) for key in _METHODS)
        raise UnknownSetting(f"method is {method!r}; expected one of {known}", where=place)
    for key in settings:
        if key not in kind.model_fields:
            raise UnknownSetting(f"there is no setting {key!r}{did_you_mean(key, kind.model_fields)}", where=place)
    try:
        return kind.model_validate(settings, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(map(str, first["loc"]))
        raise UnknownSetting(f"{setting}: {first['msg'].lower()}, found {first['input']!r}", where=place) from None
