"""Memory that stays as large as what is used, for a process that runs for a year."""

import ctypes

_ARENAS, _MMAP_FROM = -8, -3
"""M_ARENA_MAX and M_MMAP_THRESHOLD of mallopt(3)."""
_LARGE = 1 << 20


def return_what_is_freed() -> None:
    """Give large arrays back to the system as soon as they are freed.

    glibc raises the size from which it does so by itself, and keeps a heap a thread: clips that
    come and go leave holes then, which look like a leak. Does nothing where there is no glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_ARENAS, 2)
    mallopt(_MMAP_FROM, _LARGE)
