"""A folder of recordings that grows: each file once it is finished."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.source.tree import list_recordings

_POLL_S = 2.0
_State = tuple[int, int]


def watched(
    folder: Path,
    stopped: threading.Event,
    is_done: Callable[[Path, int, int], bool] = lambda path, size, modified_ns: False,
    poll_s: float = _POLL_S,
) -> Iterator[Path]:
    """Files that are there, then those that come, until stopped.

    A file is finished when neither its size nor its time has changed from one look to the next. One
    that is written anew is yielded again.

    Args:
        folder: and all below it.
        stopped: set to end.
        is_done: tells of a file of a size and time that it was yielded before a restart.
        poll_s: seconds between two looks.
    """
    seen: dict[Path, _State] = {}
    done: dict[Path, _State] = {}
    while not stopped.is_set():
        found = _states(folder)
        for path, state in found.items():
            if seen.get(path) == state != done.get(path):
                done[path] = state
                if not is_done(path, *state):
                    yield path
        # What was removed is forgotten: memory stays bounded where files are moved away.
        seen, done = found, {path: state for path, state in done.items() if path in found}
        stopped.wait(poll_s)


def _states(folder: Path) -> dict[Path, _State]:
    """Size and time of every recording."""
    states = ((path, file_state(path)) for path in list_recordings(folder))
    return {path: state for path, state in states if state is not None}


def file_state(path: Path) -> _State | None:
    """Size in bytes and time in nanoseconds of a file; None if it has gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
