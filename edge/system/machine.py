"""Name of the machine."""

import platform
from pathlib import Path


def processor() -> str:
    """Name of the board, or of its processor."""
    for file, key in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        try:
            lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        named = next((line for line in lines if line.startswith(key)), "")
        if named:
            return named.rpartition(":")[2].strip(" \0\t")
    return platform.machine()
