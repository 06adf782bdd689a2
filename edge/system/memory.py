"""Freed memory: a process that runs for a year gives it back, one that computes keeps it."""

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from functools import cache

_ARENAS, _MMAP_FROM, _TRIM_FROM = -8, -3, -1
"""M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3)."""
_LARGE, _KEPT = 1 << 20, 1 << 28
_TRIM_S = 60.0


@cache
def return_what_is_freed() -> None:
    """Give freed memory back to the system: large arrays at once, the rest once a minute.

    glibc raises the size from which it does so by itself, and keeps a heap a thread: clips that
    come and go leave holes then, which look like a leak. Does nothing where there is no glibc.
    """
    library = _glibc()
    if library is None:
        return
    library.mallopt(_ARENAS, 2)
    library.mallopt(_MMAP_FROM, _LARGE)
    trim = library.malloc_trim
    threading.Thread(target=_trim_for_ever, args=(trim,), name="trim", daemon=True).start()


def settle() -> None:
    """Give back what a start has left; what is there now stays, and is no longer looked through.

    Modules and compiled templates leave a megabyte of circles behind them, among what stays.
    """
    gc.collect()
    gc.freeze()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def keep_freed_memory() -> None:
    """Keep what is freed: asking for the same pages again takes as long as decoding."""
    library = _glibc()
    if library is not None:
        library.mallopt(_TRIM_FROM, _KEPT)
        library.mallopt(_MMAP_FROM, _KEPT)


def _glibc() -> ctypes.CDLL | None:
    """None where another C library is."""
    try:
        library = ctypes.CDLL(None)
        return library if library.mallopt and library.malloc_trim else None
    except (AttributeError, OSError):
        return None


def _trim_for_ever(trim: Callable[[int], int]) -> None:
    while True:
        time.sleep(_TRIM_S)
        trim(0)  # ctypes lets the other threads run meanwhile
