"""What a listener has used once is given back."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
from pathlib import Path
import numpy as np
from edge.system.memory import return_what_is_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def use(small):
    held = np.ones(3_000_000, np.uint8)  # teaches glibc what is large
    del held
    large = []
    for _ in range(50):
        large.append(np.ones(2_000_000, np.uint8))
        small.append(bytearray(100_000))  # lies between them, and stays

if sys.argv[1] == "True":
    return_what_is_freed()
before, small = resident(), []
one = threading.Thread(target=use, args=(small,))
one.start()
one.join()
print((resident() - before) // 1_000_000)
"""


HOLES = """
import sys, time
from pathlib import Path
from edge.system import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

memory._TRIM_S = 0.1
if sys.argv[1] == "True":
    memory.return_what_is_freed()
    memory.return_what_is_freed()  # once is enough
before = resident()
held = [bytearray(60_000) for _ in range(1000)]
del held[:-1]  # the newest stays on top of the holes
time.sleep(1)
print((resident() - before) // 1_000_000)
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others do so anyway")


@pytest.mark.parametrize("script", [SCRIPT, HOLES], ids=["large", "holes"])
@glibc
def test_what_comes_and_goes_leaves_no_holes(script: str) -> None:
    command = [sys.executable, "-c", script]
    kept, plain = (
        int(subprocess.run([*command, one], capture_output=True, text=True, check=True).stdout)
        for one in ("True", "False")
    )
    assert kept < 20 <= plain  # 5 MB are held


CIRCLES = """
import gc, sys
from pathlib import Path
from edge.system.memory import settle

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

gc.disable()
before = resident()
for _ in range(500):
    circle = [bytearray(60_000)]
    circle.append(circle)
if sys.argv[1] == "True":
    settle()
print((resident() - before) // 1_000_000)
"""


@glibc
def test_what_a_start_leaves_in_circles_is_given_back() -> None:
    settled, plain = (
        int(subprocess.check_output([sys.executable, "-c", CIRCLES, word]))
        for word in ("True", "False")
    )
    assert settled < 10 < 25 < plain
