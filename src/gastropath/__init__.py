"""GastroPath: classify gastric-cancer tissue in H&E histology. Research use only.

``load`` opens a model, a ``Classifier``, which answers with ``Predictions``. ``audit``, ``split``, ``train``,
``adapt``, ``evaluate``, ``evaluate_predictions``, ``compare``, ``explain``, ``map_slide`` and ``fetch`` do what the
commands do: plain arguments in, a typed result out. ``errors`` holds what they raise. Everything else may change.

Each name is loaded when it is used, so importing the package costs nothing. ``help(gastropath.train)`` tells the rest.

Examples
--------
>>> import gastropath
>>> model = gastropath.load()
>>> model
<Classifier 'GastroPath starter': 8 classes, tiles of 224 px at 0.5 µm/px, float16>
>>> run = gastropath.train("HMU-GC-HE-30K", "run")    # doctest: +SKIP
>>> gastropath.load("run").predict("new").to_frame()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gastropath import errors
    from gastropath.inference.classifier import Classifier
    from gastropath.results.predictions import Predictions
    from gastropath.workflows.adapt import adapt
    from gastropath.workflows.audit import audit
    from gastropath.workflows.compare import compare
    from gastropath.workflows.evaluate import evaluate
    from gastropath.workflows.evaluate_predictions import evaluate_predictions
    from gastropath.workflows.explain import explain
    from gastropath.workflows.fetch import fetch
    from gastropath.workflows.load import load
    from gastropath.workflows.slides import map_slide
    from gastropath.workflows.split import split
    from gastropath.workflows.train import train

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "Predictions",
    "adapt",
    "audit",
    "compare",
    "errors",
    "evaluate",
    "evaluate_predictions",
    "explain",
    "fetch",
    "load",
    "map_slide",
    "split",
    "train",
]

_MODULES = {
    "Classifier": "inference.classifier",
    "Predictions": "results.predictions",
    "adapt": "workflows.adapt",
    "audit": "workflows.audit",
    "compare": "workflows.compare",
    "errors": "errors",
    "evaluate": "workflows.evaluate",
    "evaluate_predictions": "workflows.evaluate_predictions",
    "explain": "workflows.explain",
    "fetch": "workflows.fetch",
    "load": "workflows.load",
    "map_slide": "workflows.slides",
    "split": "workflows.split",
    "train": "workflows.train",
}
"""Where each name lies."""


def __getattr__(name: str) -> object:
    """Load a name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_MODULES[name]}")
    found = module if name == "errors" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
