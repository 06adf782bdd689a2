"""Faults of every kind that Python itself raises, for tests of borders."""

import builtins

FAULTS = [
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning)
]
"""Every kind that Python itself raises."""


def raised(kind: type[Exception]) -> Exception:
    """An error of a kind, with what its constructor wants."""
    if issubclass(kind, UnicodeDecodeError):
        return kind("utf-8", b"\xff", 0, 1, "no start byte")
    if issubclass(kind, UnicodeEncodeError):
        return kind("ascii", "ü", 0, 1, "not in range")
    if issubclass(kind, UnicodeTranslateError):
        return kind("ü", 0, 1, "not in range")
    if kind.__name__ == "ExceptionGroup":  # of Python 3.11
        return kind("several", [ValueError("a")])
    return kind("what was wrong")
