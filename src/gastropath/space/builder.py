"""The folder that is pushed to Hugging Face Spaces."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from gastropath.bundle.files import KERAS_MODEL, open_bundle, sha256, write_bundle
from gastropath.errors import CannotWrite
from gastropath.outputs import replacing_folder
from gastropath.report.markdown import escaped, model_card_body
from gastropath.results.card import Card
from gastropath.space.wheel import write_wheel

_FILES = (
    "README.md", "Dockerfile", ".dockerignore", ".gitattributes", ".streamlit", "app.py", "requirements.txt",
    "gastropath-*.whl", "model", "examples", KERAS_MODEL,
)  # fmt: skip
_KEPT = (".git", ".gitignore", ".github")
"""What stays where a Space is written into the repository it is pushed from."""

_LARGE_FILES = ("*.keras", "*.tflite", "*.npz", "*.whl")


def build_space(
    model: Path,
    out: Path,
    *,
    title: str = "GastroPath",
    examples: Callable[[Path], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a Space whose image builds and starts from this folder alone; an old one's ``.git`` stays.

    Parameters
    ----------
    model
        A run folder or bundle; its ``bestmodel.keras``, where it has one, is published beside it.
    out
        Folder to write; it appears when complete.
    title
        Shown on the Hub.
    examples
        Writes example tiles and their table into a folder; by default computer-drawn ones are copied.

    Raises
    ------
    BadBundle
        If the bundle is damaged.
    CannotWrite
        If the model is inside ``out``, or ``out`` cannot be written.
    OutputExists
        If there is an older Space and ``overwrite`` is false, or ``out`` holds anything else.
    """
    bundle = open_bundle(model)
    keras_model = bundle.keras_model
    if bundle.folder.resolve().is_relative_to(out.resolve()):
        what = "holds the model itself, which would be replaced"
        raise CannotWrite(what, where=out, remedy="choose another `out`")
    templates = resources.files("gastropath") / "space"
    with replacing_folder(out, _FILES, keeps=_KEPT, overwrite=overwrite) as partial:
        for name in ("Dockerfile", "app.py"):
            (partial / name).write_bytes((templates / name).read_bytes())
        (partial / ".streamlit").mkdir()
        (partial / ".streamlit" / "config.toml").write_bytes((templates / "config.toml").read_bytes())
        served = {name: bundle.folder / name for name in bundle.card.files if name != KERAS_MODEL}
        write_bundle(partial / "model", bundle.card, served)
        if examples:
            (partial / "examples").mkdir()
            examples(partial / "examples")
        else:
            shutil.copytree(str(resources.files("gastropath") / "app" / "drawn"), partial / "examples")
        if keras_model:
            shutil.copyfile(keras_model, partial / KERAS_MODEL)
        wheel = write_wheel(partial)
        locked = (templates / "requirements.lock").read_text("utf-8")
        large = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE_FILES)
        for name, text in {
            "requirements.txt": f"{locked}./{wheel.name} \\\n    --hash=sha256:{sha256(wheel)}\n",
            ".dockerignore": f"{KERAS_MODEL}\n.git\n.gitattributes\nREADME.md\n",
            ".gitattributes": large,
            "README.md": _readme(bundle.card, title, with_keras=keras_model is not None),
        }.items():
            (partial / name).write_text(text, encoding="utf-8", newline="\n")


def _readme(card: Card, title: str, *, with_keras: bool) -> str:
    """Write the Space's README: the header the Hub reads (a JSON string is a YAML string), then the model card."""
    synthetic = " (model of synthetic tiles)" if card.training_data.synthetic else ""
    header = [
        "---",
        f"title: {json.dumps(title, ensure_ascii=False)}",
        "emoji: 🔬",
        "colorFrom: pink",
        "colorTo: purple",
        "sdk: docker",
        "app_port: 8501",
        "pinned: false",
        "license: apache-2.0",
        f'short_description: "Gastric tissue in H&E tiles{synthetic}"',  # the Hub takes at most 60 characters
        "tags: [histopathology, gastric-cancer, tissue-classification, h-and-e, research-only, streamlit]",
        "---",
        "",
    ]
    about = (
        "This Space runs GastroPath's web page with the model in `model/`"
        + (f", a copy of {escaped(card.source)}" if card.source else "")
        + ". The image is built from this folder alone. "
        + (f"`{KERAS_MODEL}` is the same model for Keras; it is not part of the image. " if with_keras else "")
        + "Uploads stay in memory."
    )
    return "\n".join([*header, *model_card_body(card), "", "## About this Space", "", about, ""])
