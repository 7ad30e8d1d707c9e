"""Memory is given back once it is free."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

KEPT = """
import sys
import numpy as np
from gastropath.memory import give_back_large_buffers

def held_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

if sys.argv[1] == "given back":
    give_back_large_buffers()
before = held_mb()
np.ones(2**25, np.uint8)  # from here on glibc keeps what is as large
pinned = []
for _ in range(5):
    large = np.ones(2**24, np.uint8)
    pinned.append(np.ones(2**16, np.uint8))  # lies behind it, and stays
    del large
    pinned.append(np.ones(2**23, np.uint8)[: 2**10].copy())
print(held_mb() - before)
"""


def held(how: str) -> float:
    return float(subprocess.run([sys.executable, "-c", KEPT, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back by themselves")
def test_large_buffers_are_given_back_once_they_are_free():
    assert held("kept") > 10
    assert held("given back") < 3
