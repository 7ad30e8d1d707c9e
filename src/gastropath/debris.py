"""What systems and programs leave in folders: one list, used wherever folders and archives are read."""

from __future__ import annotations

import re
from fnmatch import translate

_LEFT = (
    # macOS
    ".ds_store", "._*", "__macosx", "icon\r", ".appledouble", ".appledb", ".appledesktop", ".apdisk", ".fseventsd",
    ".spotlight-v100", ".temporaryitems", ".trashes", ".documentrevisions-v100", ".volumeicon.icns",
    "network trash folder", "temporary items",
    # Windows
    "thumbs.db", "thumbs.db:*", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler",
    "system volume information", "found.[0-9][0-9][0-9]", "~$*",
    # storage in the network: Synology, QNAP, NetApp
    "@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin", "*@synoeastream", "*@synoresource",
    "@__thumb", ".@__thumb", "@recycle", "@recently-snapshot", ".streams", ".snapshot", "~snapshot",
    # Linux
    "lost+found", ".trash-*", ".directory", ".nfs*", ".thumbnails",
    # programs: Jupyter, Python, version control, synchronisation, picture viewers, editors, GastroPath's half-written
    ".ipynb_checkpoints", "__pycache__", ".git", ".svn", ".hg", ".cache", ".dropbox*", ".owncloudsync*", ".sync_*.db*",
    "._sync_*.db*", ".stfolder", ".stversions", ".tmp.drive*", ".picasa.ini", "picasa.ini", ".picasaoriginals",
    "zbthumbnail.info", "*~", ".partial-*",
)  # fmt: skip
"""Names in small letters; ``*`` stands for anything."""

_EXACT = frozenset(name for name in _LEFT if not set(name) & set("*?["))
_PATTERNS = re.compile("|".join(translate(name) for name in _LEFT if name not in _EXACT))


def is_left_by_system(name: str) -> bool:
    """Tell whether a system or a program left a file or folder of this name, not a person.

    Examples
    --------
    >>> is_left_by_system("Thumbs.db"), is_left_by_system("@eaDir"), is_left_by_system(".mine.png")
    (True, True, False)
    """
    small = name.lower()
    return small in _EXACT or _PATTERNS.match(small) is not None


def is_debris(name: str) -> bool:
    """Tell whether a file or folder of this name is passed over: a system left it, or its name hides it.

    Examples
    --------
    >>> is_debris("Thumbs.db"), is_debris(".mine.png"), is_debris("TUM_1.png")
    (True, True, False)
    """
    return name.startswith(".") or is_left_by_system(name)
