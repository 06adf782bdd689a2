"""Memory that stays as large as what is used, for a process that runs for a year."""

import ctypes
import threading
import time
from collections.abc import Callable
from functools import cache

_ARENAS, _MMAP_FROM = -8, -3
"""M_ARENA_MAX and M_MMAP_THRESHOLD of mallopt(3)."""
_LARGE = 1 << 20
_TRIM_S = 60.0


@cache
def return_what_is_freed() -> None:
    """Give freed memory back to the system: large arrays at once, the rest once a minute.

    glibc raises the size from which it does so by itself, and keeps a heap a thread: clips that
    come and go leave holes then, which look like a leak. Does nothing where there is no glibc.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, trim = library.mallopt, library.malloc_trim
    except (AttributeError, OSError):
        return
    mallopt(_ARENAS, 2)
    mallopt(_MMAP_FROM, _LARGE)
    threading.Thread(target=_trim_for_ever, args=(trim,), name="trim", daemon=True).start()


def _trim_for_ever(trim: Callable[[int], int]) -> None:
    while True:
        time.sleep(_TRIM_S)
        trim(0)  # ctypes lets the other threads run meanwhile
