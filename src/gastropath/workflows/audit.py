"""Looking at every tile of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gastropath.progress import Progress, Stages
from gastropath.workflows.arguments import Paths, StrPath, cache_folder, codes, optional, paths
from gastropath.workflows.extras import need

if TYPE_CHECKING:
    from gastropath.data.audit.against import Against
    from gastropath.data.audit.audit import Audit
    from gastropath.data.colour.study import ColourStudy
    from gastropath.data.index import TileIndex

FILES = ("index.csv", "duplicates.csv", "against.csv", "audit.json", "audit.html")
"""What an audit writes."""


@dataclass(frozen=True)
class AuditResult:
    """What the tiles are like.

    Attributes
    ----------
    audit
        A record a tile, and what follows from them: duplicates, label conflicts, problems, balance of the classes.
    against
        The tiles that the other data holds too; ``None`` where none was named.
    colour
        How far colour alone tells the classes apart; ``None`` where there are too few tiles to say.
    folder
        Where the tables and the page were written; ``None`` where nothing was.
    """

    audit: Audit
    against: Against | None
    colour: ColourStudy | None
    folder: Path | None

    @property
    def page(self) -> Path | None:
        """The page ``audit.html``; ``None`` where nothing was written."""
        return self.folder / "audit.html" if self.folder else None

    @property
    def refused(self) -> Mapping[str, str]:
        """Path and reason of each file that could not be read."""
        return self.audit.refused()

    def summary(self) -> dict[str, object]:
        """Return what ``audit.json`` holds."""
        return self.audit.summary() | self._more()

    def _more(self) -> dict[str, object]:
        more: dict[str, object] = {"colour_alone": self.colour.summary() if self.colour else None}
        return more | ({"against": self.against.summary()} if self.against else {})


def audit(
    data: Paths,
    out: StrPath | None = None,
    *,
    classes: Sequence[str] | None = None,
    against: StrPath | None = None,
    near: bool = True,
    overwrite: bool = False,
    on_tiles: Callable[[TileIndex], object] | None = None,
    progress: Progress | None = None,
) -> AuditResult:
    """Look at every tile: duplicates, label conflicts, classes, colour, glass, blur, sizes, unreadable files.

    Parameters
    ----------
    data
        Folders with a sub-folder for each class (or a folder above one), or a CSV file with the columns ``path,label``
        and optionally ``group``.
    out
        Folder for ``index.csv``, ``duplicates.csv``, ``audit.json`` and ``audit.html``; by default nothing is written.
    classes
        Use only these.
    against
        Other tiles: find those that ``data`` holds too.
    near
        Search for near-duplicates, not only identical tiles.
    overwrite
        Replace an earlier audit in ``out``.
    on_tiles
        Called with the tiles that were found before any is read, and with those of ``against``.
    progress
        Called as ``progress(what, done, total)``.

    Returns
    -------
    AuditResult
        A file that cannot be read is a finding, not an error: see its ``refused``.

    Raises
    ------
    MissingExtra
        If the extra ``evaluate`` is not installed.
    NoTilesFound, CannotReadTable, UnknownSetting
        If ``data`` holds no tiles in a form that is understood, or a class does not occur.
    OutputExists, CannotWrite
        If ``out`` already exists, or cannot be written.

    Examples
    --------
    >>> found = gastropath.audit("HMU-GC-HE-30K", "audit")  # doctest: +SKIP
    >>> len(found.audit.duplicates.groups)                  # doctest: +SKIP
    932
    """
    need("audit")
    from gastropath.data.audit.against import compare
    from gastropath.data.audit.audit import audit_tiles
    from gastropath.data.colour.study import study_colour
    from gastropath.data.index import find_tiles
    from gastropath.outputs import check_replaceable

    folder, other_data = optional(out), optional(against)
    if folder:
        check_replaceable(folder, FILES, overwrite=overwrite)
    stages = Stages(["auditing tiles", *(["comparing data sets"] if other_data else []), "studying colour"], progress)
    index = find_tiles(paths(data), codes(classes))
    if on_tiles:
        on_tiles(index)
    other = find_tiles([other_data]) if other_data else None
    if on_tiles and other:
        on_tiles(other)
    kept = cache_folder(None)
    result = audit_tiles(index, near=near, cache=kept, progress=stages["auditing tiles"])
    shared = compare(result, other, near=near, cache=kept, progress=stages["comparing data sets"]) if other else None
    colour = study_colour(result, progress=stages["studying colour"])
    found = AuditResult(result, shared, colour, folder)
    if folder:
        _write(found, folder, overwrite=overwrite)
    return found


def _write(found: AuditResult, out: Path, *, overwrite: bool) -> None:
    from gastropath.data.audit_page.page import audit_page
    from gastropath.outputs import replacing_folder

    with replacing_folder(out, FILES, overwrite=overwrite) as folder:
        if found.against:
            found.against.write(folder / "against.csv")
        found.audit.write(folder, found._more())
        audit_page(found.audit, colour=found.colour, against=found.against).write(folder / "audit.html")
