"""Volume of a file: the card or disk that it lies on, by what stays when it is put in again."""

import os
from functools import lru_cache
from pathlib import Path

_BY_UUID, _MOUNTS = Path("/dev/disk/by-uuid"), Path("/proc/self/mountinfo")


def volume_of(path: Path) -> str:
    """UUID of the file system, else the name it was mounted by, else the device's numbers."""
    return _name(path.stat().st_dev)


@lru_cache(maxsize=64)
def _name(device: int) -> str:
    numbers = f"{os.major(device)}:{os.minor(device)}"
    return _uuid(device) or _mounted_as(numbers) or numbers


def _uuid(device: int) -> str | None:
    try:
        links = sorted(_BY_UUID.iterdir())
    except OSError:
        return None
    return next((link.name for link in links if _is_device(link, device)), None)


def _is_device(link: Path, device: int) -> bool:
    try:
        return link.stat().st_rdev == device
    except OSError:
        return False


def _mounted_as(numbers: str) -> str | None:
    """Such as `//server/share`."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    parts = (line.split() for line in lines)
    return next((words[words.index("-") + 2] for words in parts if words[2] == numbers), None)
