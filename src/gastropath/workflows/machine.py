"""What there is to compute with."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from gastropath.parallel import cores

_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "VNNI",
    "avx512_vnni": "VNNI",
    "asimddp": "dot product",
    "i8mm": "i8mm",
}
"""What Linux calls the instructions that decide how fast a model is, those for 8-bit integers last."""

_FOR_INTEGERS = frozenset({"VNNI", "dot product", "i8mm"})


@dataclass(frozen=True)
class Machine:
    """What computes.

    Attributes
    ----------
    platform
        Operating system and architecture.
    processor
        Its name.
    cores
        Those this process may use.
    instructions
        Which of the instructions that decide how fast a model is are there; ``None`` where the system does not tell.
    memory_bytes
        All memory that this process may use; ``None`` where the system does not tell.
    """

    platform: str
    processor: str
    cores: int
    instructions: tuple[str, ...] | None
    memory_bytes: int | None

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        told = _text(Path("/proc/cpuinfo"))
        name = re.search(r"^model name\s*: *(.+)$", told, re.MULTILINE)
        return cls(
            platform=platform.platform(),
            processor=name[1] if name else platform.processor() or platform.machine(),
            cores=cores(),
            instructions=instructions(told),
            memory_bytes=_memory_bytes(),
        )

    def document(self) -> dict[str, object]:
        """Return all of it, for a JSON file."""
        return {**asdict(self), "fast_integers": self.fast_integers}

    @property
    def fast_integers(self) -> bool | None:
        """Whether int8 models gain speed here; ``None`` where the system does not tell."""
        return None if self.instructions is None else not _FOR_INTEGERS.isdisjoint(self.instructions)


def instructions(cpuinfo: str) -> tuple[str, ...] | None:
    """Find the instructions that decide how fast a model is.

    Parameters
    ----------
    cpuinfo
        Content of Linux's ``/proc/cpuinfo``; empty elsewhere.

    Returns
    -------
    tuple or None
        Their names; ``None`` where the text lists no instructions at all.
    """
    listed = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    if listed is None:
        return None
    there = set(listed[1].split())
    return tuple(dict.fromkeys(name for flag, name in _INSTRUCTIONS.items() if flag in there))


def _memory_bytes() -> int | None:
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, other systems not every name
        return None
    limit = _text(Path("/sys/fs/cgroup/memory.max")).strip()  # of a container
    return min(whole, int(limit)) if limit.isdecimal() else whole


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
