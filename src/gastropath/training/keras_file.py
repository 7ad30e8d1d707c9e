"""A ``.keras`` file that older versions of Keras 3 open as well.

Each Keras writes all settings of a layer, also those that only it knows, and refuses what it does not know. Those that
say what every version does without them can be left out. The listed ones are all that 3.15 writes and 3.8 does not, for
the layers of ``keras.applications`` and the specified network; ``tools/keras_versions.py`` shows the files open.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

_NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The same model is the same bytes whenever it was written: the earliest time that a zip file can state."""

LATER: Mapping[str, object] = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "ragged": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Settings that came after Keras 3.8, each with the value that means what 3.8 does."""


def save_for_older_keras(model: keras.Model, file: Path) -> None:
    """Write a model as a ``.keras`` file without the settings that only a later Keras than 3.8 knows.

    A setting that says something else than 3.8 does stays: older versions refuse such a file, and answer nothing wrong.
    The same model gives the same bytes: neither the file nor what it holds says when it was saved.

    Parameters
    ----------
    model
        May hold other models.
    file
        Is replaced; its name ends with ``.keras``.
    """
    changes = {"config.json": without_later_settings, "metadata.json": _without_time}
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".partial-") as folder:
        own = Path(folder) / "own.keras"
        model.save(own)
        with zipfile.ZipFile(own) as source, zipfile.ZipFile(file, "w") as target:
            for part in source.infolist():
                part.date_time = _NO_TIME
                if change := changes.get(part.filename):
                    target.writestr(part, json.dumps(change(json.loads(source.read(part)))))
                    continue
                with source.open(part) as stored, target.open(part, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(stored, copy)


def _without_time(metadata: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in metadata.items() if key != "date_saved"}


def without_later_settings(described: object) -> object:
    """Leave the settings of :data:`LATER` out of a description of a model, at any depth, where they say nothing new.

    Examples
    --------
    >>> without_later_settings({"config": {"units": 3, "quantization_config": None}})
    {'config': {'units': 3}}
    >>> without_later_settings({"config": {"renorm": True}})
    {'config': {'renorm': True}}
    """
    if isinstance(described, dict):
        return {
            key: without_later_settings(value)
            for key, value in described.items()
            if not (key in LATER and value == LATER[key] and type(value) is type(LATER[key]))
        }
    if isinstance(described, list):
        return [without_later_settings(value) for value in described]
    return described
