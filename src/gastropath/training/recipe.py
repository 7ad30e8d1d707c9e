"""The settings of a training run: checked when read, and written beside the result."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gastropath.errors import CannotReadTable, UnknownSetting, did_you_mean
from gastropath.outputs import write_text

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]


class Settings(BaseModel):
    """How a model is trained: what all methods have in common.

    Unknown keys are refused, so a typo is never a silent default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tile_px: Annotated[int, Field(ge=32, le=1024)]
    """Side of a tile in pixels; others are resampled to it."""
    mpp: PositiveFloat
    """Micrometres per pixel at which the model is meant to be used."""
    class_weights: Literal["balanced", "none"]
    """``"balanced"``: every class weighs the same in training, whatever its number of tiles."""
    abstain_by: Literal["accuracy", "coverage", "none"]
    """What the threshold of confidence is chosen for: a share of right answers, or of answered tiles."""
    abstain_at: Share
    """That share."""
    in_domain: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)]
    """Share of tiles of other groups that must not be called unlike the training tiles; with 1 nothing ever is."""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Of everything random."""

    def write(self, path: Path) -> None:
        """Write the recipe as TOML."""
        write_text(path, "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.model_dump().items()))


class EpochSettings(Settings):
    """How the weights of a whole network are trained, epoch by epoch."""

    epochs: Epochs
    """Passes over the training tiles at most."""
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    """Tiles in one step of the optimizer, over all GPUs."""
    learning_rate: PositiveFloat
    """Of Adam; with a schedule, its highest."""
    patience: Annotated[int, Field(ge=0, le=10_000)]
    """Epochs without improvement before training stops."""


class CnnRecipe(EpochSettings):
    """The specified network, trained from scratch."""

    method: Literal["cnn"]
    monitor: Literal["val_loss", "val_accuracy"]
    """What early stopping and the checkpoint watch."""


class PretrainedSettings(Settings):
    """A linear head on frozen features of a pretrained network."""

    backbone: Annotated[str, Field(min_length=1)]
    """``"efficientnet-lite0"``, or ``"keras:NAME"`` of ``keras.applications``."""
    weights: str
    """Weights file of a ``keras:`` backbone; empty for ImageNet's."""
    maps: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]
    """Layers whose maps are pooled into features; ``"last"`` is the last map."""
    views: Annotated[int, Field(ge=0, le=8)]
    """Flips and quarter turns of each training tile; 0 for as many as 60,000 tile views allow."""
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Inverse penalty of the head; 0 to choose it by grouped cross-validation."""


class TransferRecipe(PretrainedSettings):
    """The head is all that is trained."""

    method: Literal["transfer"]


class FinetuneRecipe(EpochSettings, PretrainedSettings):
    """All weights are trained on, end to end, from the model that :class:`TransferRecipe` gives."""

    method: Literal["finetune"]
    warmup_epochs: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
    """Epochs over which the learning rate rises from 0; behind them it falls to 0 along a cosine."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    """Share of each label that is spread over all classes."""
    turns: bool
    """Augmentation: the eight flips and quarter turns."""
    zoom: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Augmentation: enlarged or shrunk by up to 1 + this."""
    stain: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Augmentation: amount of each stain changed by up to this share."""
    blur_px: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)]
    """Augmentation: standard deviation of a Gaussian filter at most."""


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
        One of :func:`recipe_names`, or a path that ends in ``.toml``.
    changes
        Settings that replace those of the recipe, each ``"KEY=VALUE"`` with the value as in TOML.

    Raises
    ------
    UnknownSetting
        If recipe or key do not exist, or a value is of the wrong kind or out of range.
    """
    if name.endswith(".toml"):
        source = Path(name)
        if not source.is_file():
            raise UnknownSetting(f"--recipe {name}: there is no such file")
        text = source.read_text("utf-8")
    else:
        if name not in recipe_names():
            raise UnknownSetting(f"--recipe: there is no recipe {name!r}{did_you_mean(name, recipe_names())}")
        text = (resources.files("gastropath") / "recipes" / f"{name}.toml").read_text("utf-8")
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CannotReadTable(f"--recipe {name}: is not valid TOML: {error}") from None
    for change in changes:
        key, sign, value = change.partition("=")
        if not sign:
            raise UnknownSetting(f"--set {change}: expected KEY=VALUE, e.g. --set epochs=5")
        settings[key.strip()] = _value(value.strip())
    return _checked(settings, name)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word, as on the command line: --set monitor=val_accuracy


def _checked(settings: dict[str, object], name: str) -> Recipe:
    method = settings.get("method")
    kind = _METHODS.get(method) if isinstance(method, str) else None
    if kind is None:
        known = ", ".join(repr(key) for key in _METHODS)
        raise UnknownSetting(f"recipe {name}: method is {method!r}; expected one of {known}")
    for key in settings:
        if key not in kind.model_fields:
            raise UnknownSetting(f"recipe {name}: there is no setting {key!r}{did_you_mean(key, kind.model_fields)}")
    try:
        return kind.model_validate(settings, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise UnknownSetting(f"recipe {name}: {where}: {first['msg'].lower()}{found}") from None
