"""What each command needs beyond the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from gastropath.errors import MissingExtra


@dataclass(frozen=True)
class Needs:
    """Modules that a command imports beyond the core, and the extras that bring them, written as pip takes them."""

    extras: str
    modules: tuple[str, ...]


_NOTHING = Needs("", ())
_SLIDES = Needs("slides", ("openslide", "scipy", "tifffile", "shapely", "pydicom"))
_HUB = Needs("hub", ("huggingface_hub",))
_TRAINING = Needs("train", ("tensorflow", "keras", "sklearn", "jinja2"))

NEEDS: Mapping[str, Needs] = {
    "demo": Needs("train,slides", (*_TRAINING.modules, *_SLIDES.modules)),
    "fetch": _NOTHING,
    "audit": Needs("evaluate", ("jinja2", "sklearn", "threadpoolctl")),
    "split": Needs("evaluate", ("scipy", "threadpoolctl")),
    "train": _TRAINING,
    "train --folds": Needs("train", (*_TRAINING.modules, "cleanlab")),
    "train --scheduler": Needs("train,cluster", (*_TRAINING.modules, "dask", "distributed")),
    "train --tensorboard": Needs("tensorboard", (*_TRAINING.modules, "tensorboard")),
    "evaluate": Needs("evaluate", ("sklearn", "jinja2")),
    "adapt": Needs("evaluate", ("jinja2", "threadpoolctl")),
    "compare": Needs("evaluate", ("jinja2",)),
    "predict": _NOTHING,
    "explain": _NOTHING,
    "slide": _SLIDES,
    "slide --features": Needs("slides", (*_SLIDES.modules, "h5py")),
    "slide --scheduler": Needs("slides,cluster", (*_SLIDES.modules, "dask", "distributed")),
    "view": Needs("view", (*_SLIDES.modules, "bokeh", "tornado")),
    "teach": Needs("view,evaluate", (*_SLIDES.modules, "h5py", "bokeh", "tornado", "jinja2", "threadpoolctl")),
    "export": _TRAINING,
    "app": Needs("app", ("streamlit", "scipy")),
    "space": _NOTHING,
    "space --push": _HUB,
    "push": _HUB,
    "--model hf://…": _HUB,
    "doctor": _NOTHING,
}
"""Every command, and each option that needs more than its command."""


def missing(command: str) -> tuple[str, ...]:
    """Return the modules of a row of :data:`NEEDS` that are not installed; none is imported."""
    return tuple(module for module in NEEDS[command].modules if find_spec(module) is None)


def need(command: str) -> None:
    """Check that everything a command needs is installed, before anything is read.

    Parameters
    ----------
    command
        A row of :data:`NEEDS`.

    Raises
    ------
    MissingExtra
        Names the first module that is missing, and how to install it.
    """
    for module in missing(command):
        named = command.replace("--", "`", 1) + "`" if "--" in command else command
        raise MissingExtra(f"gastropath {named}", NEEDS[command].extras, module)


def need_tensorflow(command: str) -> None:
    """Check the same of a command that trains, and load TensorFlow with its start-up lines going nowhere."""
    need(command)
    from gastropath.training.network import start_tensorflow

    start_tensorflow()
