"""``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gastropath.cli import console
from gastropath.cli.options import Model, Mpp, Overwrite, model_folder

_TABLE = "explanations.csv"
_COLUMNS = ("path", "explained_label", "overlay", "predicted_label", "confidence", "decision", "reason", "detail")


def explain(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Image files, and folders of them.")],
    model: Model = None,
    out: Annotated[Path, typer.Option(help=f"Folder for the overlays and {_TABLE}.")] = Path("explanations"),
    code: Annotated[
        str | None, typer.Option("--class", metavar="CODE", help="Class to explain; by default the predicted one.")
    ] = None,
    mpp: Mpp = None,
    overwrite: Overwrite = False,
) -> None:
    """Show where each image speaks for a class: its activation map, laid over it."""
    from PIL import Image

    from gastropath.inference.classifier import Classifier
    from gastropath.inference.explain import explanations
    from gastropath.inference.gathering import gather
    from gastropath.outputs import replacing_folder
    from gastropath.tables import write_table

    files = gather(images)
    classifier = Classifier.load(model_folder(model))
    rows: list[dict[str, object]] = []
    refused: dict[str, str] = {}
    names: set[str] = set()
    with replacing_folder(out, (_TABLE, "*.png"), overwrite=overwrite) as folder:
        with console.progress() as progress:
            for told in explanations(classifier, files, code=code, mpp=mpp, progress=progress):
                answer, path = told.answer, str(told.source)
                row: dict[str, object] = {
                    "path": path,
                    "predicted_label": answer.label,
                    "confidence": None if answer.confidence is None else f"{answer.confidence:.6f}",
                    "decision": answer.decision,
                    "reason": answer.reason,
                    "detail": answer.detail,
                }
                rows.append(row)
                if told.pixels is None:
                    refused[path] = answer.detail
                    continue
                name = _free(f"{Path(path).stem}_{told.code}", names)
                Image.fromarray(told.overlay()).save(folder / name)
                row |= {"explained_label": told.code, "overlay": name}
        write_table(folder / _TABLE, _COLUMNS, ({column: row.get(column, "") for column in _COLUMNS} for row in rows))
    console.say(f"wrote {len(names):,} overlays and {_TABLE} into {out}")
    console.refusals(refused)
    if refused:
        raise typer.Exit(console.EXIT_REFUSED)


def _free(stem: str, taken: set[str]) -> str:
    """Return a file name that no other image has got, whatever the case of its letters."""
    stem = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "-" for c in stem)[:100]
    name, number = f"{stem}.png", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}.png"
    taken.add(name.lower())
    return name
