"""Faults of a live source that can pass. Standard library only."""


class SourceFault(Exception):
    """Nothing usable comes any more; a fresh process may do better."""


class SourceAbsent(SourceFault):
    """The device or the server isn't there (yet)."""
