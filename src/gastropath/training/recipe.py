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


class Recipe(BaseModel):
    """How a model is trained. Unknown keys are refused, so a typo is never a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["cnn"]
    """Network: ``"cnn"`` is the specified one."""
    tile_px: Annotated[int, Field(ge=32, le=1024)]
    """Side of a tile in pixels; others are resampled to it."""
    mpp: PositiveFloat
    """Micrometres per pixel at which the model is meant to be used."""
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training tiles at most."""
    batch_size: Annotated[int, Field(ge=1, le=4096)]
    """Tiles in one step of the optimizer."""
    learning_rate: PositiveFloat
    """Of Adam."""
    monitor: Literal["val_loss", "val_accuracy"]
    """What early stopping and the checkpoint watch."""
    patience: Annotated[int, Field(ge=0, le=10_000)]
    """Epochs without improvement before training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Of initial weights, dropout and shuffling."""

    def write(self, path: Path) -> None:
        """Write the recipe as TOML."""
        write_text(path, "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.model_dump().items()))


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
    for key in settings:
        if key not in Recipe.model_fields:
            raise UnknownSetting(f"recipe {name}: there is no setting {key!r}{did_you_mean(key, Recipe.model_fields)}")
    try:
        return Recipe.model_validate(settings, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise UnknownSetting(f"recipe {name}: {where}: {first['msg'].lower()}{found}") from None
