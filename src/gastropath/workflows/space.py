"""Publishing a model as a web page: here, or as a Hugging Face Space."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.workflows.arguments import Paths, StrPath, cache_folder, folder_named, optional, paths
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.bundle.upload import Uploaded
    from gastropath.data.index import TileIndex


@dataclass(frozen=True)
class SpaceResult:
    """A Space.

    Attributes
    ----------
    folder
        That was written.
    uploaded
        Where it was put on the Hub; ``None`` where it was not.
    """

    folder: Path
    uploaded: Uploaded | None = None


def space(
    out: StrPath = "space",
    model: StrPath | None = None,
    *,
    title: str = "GastroPath",
    examples: Paths | None = None,
    push: str | None = None,
    private: bool = False,
    overwrite: bool = False,
    on_tiles: Callable[[TileIndex], object] | None = None,
) -> SpaceResult:
    """Write a folder that can be pushed to Hugging Face Spaces as it is, and push it.

    Parameters
    ----------
    out
        Folder to write.
    model
        A run or bundle folder, or ``hf://OWNER/NAME[@REVISION]``; by default the starter model.
    title
        Of the Space.
    examples
        Show tiles of these to visitors, of a run its validation tiles; by default drawn ones.
    push
        ``OWNER/NAME`` of the Space that it is put on the Hub as; by default it is not.
    private
        Show a new Space to nobody else.
    overwrite
        Replace an earlier Space, here and on the Hub, where its history stays.
    on_tiles
        Called once with the tiles of ``examples`` that were found.

    Returns
    -------
    SpaceResult
        The folder, and where it lies on the Hub.

    Raises
    ------
    MissingExtra
        If it is to be pushed and the extra ``hub`` is not installed.
    BadBundle
        If the model cannot be used.
    CannotUpload, UnknownSetting
        If the Hub cannot be reached or does not let this user, or ``push`` is not the name of a Space.
    NoTilesFound, CannotReadTable
        If ``examples`` holds no tile to show.
    OutputExists, CannotWrite
        If ``out`` already exists or cannot be written, or the Space on the Hub holds something.
    """
    if push:
        need("space --push")
    from gastropath.bundle.address import check_name
    from gastropath.bundle.files import open_bundle
    from gastropath.bundle.upload import push_space
    from gastropath.space.builder import build_space

    if push:
        check_name(push, "push")
    folder, place, write = folder_named(model), Path(out), None
    if examples:
        from gastropath.data.audit.audit import with_pixels
        from gastropath.data.examples import choose_examples
        from gastropath.data.index import find_tiles
        from gastropath.data.split.split import split_of_run

        index = find_tiles(paths(examples))
        if on_tiles:
            on_tiles(index)
        index = with_pixels(index, cache=cache_folder(None))
        write = choose_examples(index, split_of_run(folder, index), open_bundle(folder).card.codes).write
    build_space(folder, place, title=title, examples=write, overwrite=overwrite)
    return SpaceResult(place, push_space(place, push, private=private, overwrite=overwrite) if push else None)


def serve(
    model: StrPath | None = None,
    *,
    port: int = 8501,
    address: str = "localhost",
    base_path: str | None = None,
    examples: StrPath | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve the web page on this computer, until interrupted.

    Parameters
    ----------
    model
        A run or bundle folder; by default the starter model.
    port, address
        To listen on.
    base_path
        Path that a reverse proxy puts before the page's and passes on.
    examples
        Example tiles: the folder ``examples`` of a Space.
    on_ready
        Called with the page's address once it can be opened.

    Raises
    ------
    MissingExtra
        If the extra ``app`` is not installed.
    BadBundle
        If the model cannot be used.
    CannotListen
        If the address or port cannot be used.
    """
    need("app")
    from gastropath.app.examples import read_examples
    from gastropath.app.server import listen
    from gastropath.app.server import serve as serve_page
    from gastropath.bundle.files import open_bundle

    bundle, shown = open_bundle(folder_named(model)), optional(examples)
    if shown:
        read_examples(shown, bundle.card.codes)
    with listen(address, port) as listening, suppress(KeyboardInterrupt):  # the way to stop it, and no failure
        host = "localhost" if address in {"0.0.0.0", "::"} else address
        if on_ready:
            on_ready(f"http://{host}:{port}" + (f"/{base_path.strip('/')}" if base_path else ""))
        serve_page(bundle.folder, listening, base_path=base_path, examples=shown)
