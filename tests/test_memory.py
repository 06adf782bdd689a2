"""What a listener has used once is given back."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
from pathlib import Path
import numpy as np
from edge.memory import return_what_is_freed

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others do so anyway")
def test_large_arrays_that_come_and_go_leave_no_holes() -> None:
    command = [sys.executable, "-c", SCRIPT]
    kept, plain = (
        int(subprocess.run([*command, one], capture_output=True, text=True, check=True).stdout)
        for one in ("True", "False")
    )
    assert kept < 20 <= plain  # 5 MB are held
