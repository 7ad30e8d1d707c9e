"""Getting the published data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.progress import Progress, silent
from gastropath.workflows.arguments import StrPath, optional, today

if TYPE_CHECKING:
    from gastropath.data.fetch.dataset import Fetched

API = "https://api.figshare.com"


def fetch(
    out: StrPath = "gastric_data",
    *,
    archive: StrPath | None = None,
    keep_archive: bool = False,
    api: str = API,
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Download the data set HMU-GC-HE-30K (3.3 GB), verify and unpack it; goes on where it was interrupted.

    Parameters
    ----------
    out
        Folder for the data set; the folder ``HMU-GC-HE-30K`` appears in it when it is complete.
    archive
        A zip file that was downloaded before, from figshare or Kaggle; no network is then needed.
    keep_archive
        Keep the downloaded zip file beside the tiles.
    api
        Another server with figshare's API.
    tell
        Called with a sentence about what could not be had at once and is tried again.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    Fetched
        The folder, the tiles of each class, and where they came from.

    Raises
    ------
    CannotDownload
        If the archive cannot be had, or is not the published one.
    BadArchive
        If the archive is damaged, holds what must not be unpacked, or holds no tiles of this data set.
    OutputExists, CannotWrite
        If other content lies where the data set goes, or there is too little room.

    Examples
    --------
    >>> fetched = gastropath.fetch("gastric_data")  # doctest: +SKIP
    >>> sum(fetched.counts.values())                # doctest: +SKIP
    31096
    """
    from gastropath.data.fetch.dataset import fetch as fetched

    return fetched(
        Path(out),
        archive=optional(archive),
        keep_archive=keep_archive,
        api=api,
        today=today(),
        progress=progress or silent,
        tell=tell or (lambda sentence: None),
    )
