"""Looking at the maps of slides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from gastropath.errors import GastroPathError
from gastropath.workflows.arguments import Paths, StrPath, folder_named, paths
from gastropath.workflows.extras import need

PORT = 8502


def view(
    maps: Paths,
    *,
    slides: Paths | None = None,
    model: StrPath | None = None,
    port: int = PORT,
    on_refused: Callable[[Mapping[str, GastroPathError]], object] | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> dict[str, str]:
    """Show maps of slides on a page of this computer, until interrupted.

    Parameters
    ----------
    maps
        Folders that ``gastropath.map_slide`` has made, or folders of such.
    slides
        Where the slides lie now, if they have moved: files, or folders that are searched. They are known again by their
        content.
    model
        The run or bundle that made the maps, for activation maps; by default the bundle whose hash a map records is
        looked for: the starter model, and those beside the maps or in the folder you are in.
    port
        To listen on, at 127.0.0.1; 0 for any that is free.
    on_refused
        Called once with the folder of each map that cannot be read, and the error, where there are some.
    on_ready
        Called with the page's address, its token included, once it can be opened.

    Returns
    -------
    dict
        The folder of each map that cannot be read, and why.

    Raises
    ------
    MissingExtra
        If the extra ``view`` is not installed.
    NoTilesFound
        If a folder holds no map.
    CannotReadTable
        If there is no map that can be read.
    BadBundle
        If the model cannot be used.
    CannotListen
        If the port is taken.
    """
    need("view")
    from gastropath.bundle.files import open_bundle
    from gastropath.teach.atlas import Atlas
    from gastropath.teach.maps import find_maps, readable_maps
    from gastropath.teach.server import serve

    readable, failed = readable_maps(find_maps(paths(maps)))
    if not readable:
        raise next(iter(failed.values()))
    bundle = open_bundle(folder_named(model)).folder if model is not None else None
    refused = {str(folder): error for folder, error in failed.items()}
    if refused and on_refused:
        on_refused(refused)
    atlas = Atlas(readable, paths(slides) if slides is not None else (), bundle)
    with suppress(KeyboardInterrupt):  # the way to stop it, and no failure
        serve(atlas, port, on_ready or _nobody)
    return {folder: error.reason for folder, error in refused.items()}


def _nobody(address: str) -> None:
    """Tell nobody."""
