"""Files of live states: in memory where the system has a place for it, else in the station.

    $XDG_RUNTIME_DIR/birdlisten/STATION-SOURCE      if set
    /dev/shm/birdlisten-UID/STATION-SOURCE          else
    STATION/birdlisten.live-SOURCE                  else, seldom and without the spectrogram

STATION and SOURCE are digests of the folder's path and of the source that was asked for. A file is
replaced as a whole, so that nobody reads half of one. It is never synced: a card lasts longer.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from edge.records.live_state import HeardNow, LiveState, decoded_state, encoded

_SHARED, _USERS = Path("/dev/shm"), Path("/run/user")
_IN_STATION = "birdlisten.live-"
_MOST_BYTES = 4_000_000
STORED_S, FLEETING_S = 30.0, 0.5
"""From one state to the next, on a card and in memory."""


class LiveFile:
    """The file that the state of one source is written to.

    Args:
        station: the station's folder.
        asked: the source, as the settings name it: its state takes the place of the one before.
        environment: `os.environ`.
    """

    def __init__(
        self, station: Path, asked: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._station, self._source = station, _digest(asked)
        self._environment = os.environ if environment is None else environment
        self._paths = [
            *(folder / f"{_key(station)}-{self._source}" for folder in self._folders()),
            station / f"{_IN_STATION}{self._source}",
        ]

    @property
    def every_s(self) -> float:
        """Interval at which the next state is due."""
        return FLEETING_S if len(self._paths) > 1 else STORED_S

    def write(self, state: LiveState) -> None:
        """Replace the state; a place that refuses it is given up for the next one.

        Raises:
            OSError: the last place refuses it, too.
        """
        while len(self._paths) > 1:
            try:
                self._put(encoded(replace(state, every_s=self.every_s)))
                return
            except OSError:
                self.remove()
                self._paths.pop(0)
        self._put(encoded(replace(state, every_s=self.every_s, spectrogram=None)))

    def remove(self) -> None:
        """Take the file away: nobody listens any more."""
        with suppress(OSError):
            self._paths[0].unlink(missing_ok=True)

    def _put(self, content: bytes) -> None:
        path = self._paths[0]
        if path.parent != self._station:
            _own(path.parent)
        new = path.with_name(f"{path.name}.new")
        try:
            # No link that another has laid here is followed.
            new.unlink(missing_ok=True)
            with new.open("xb", buffering=0) as file:
                if file.write(content) != len(content):
                    raise OSError("no room")
            new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def _folders(self) -> Iterator[Path]:
        """Folders in memory that are ours, swept of what dead listeners left."""
        for folder in _in_memory(self._environment.get("XDG_RUNTIME_DIR"), [os.geteuid()]):
            with suppress(OSError):
                _own(folder)
                _sweep(folder)
                yield folder


def live_states(station: Path, environment: Mapping[str, str] | None = None) -> list[LiveState]:
    """The states of a station's sources, newest of each, by source; those that ended abruptly, too.

    `LiveState.is_current` tells which of them go on. Whatever is damaged, foreign or of another
    version is left out.
    """
    given = (os.environ if environment is None else environment).get("XDG_RUNTIME_DIR")
    with suppress(OSError):
        owners = {os.geteuid(), station.stat().st_uid, 0}
        folders = _in_memory(given, sorted(owners)) + [
            _USERS / f"{user}/birdlisten" for user in owners
        ]
        places = [(folder, f"{_key(station)}-") for folder in folders]
        newest: dict[str, LiveState] = {}
        for folder, start in (*places, (station, _IN_STATION)):
            for source, state in _read(folder, start, owners):
                if source not in newest or state.age_s < newest[source].age_s:
                    newest[source] = state
        return sorted(newest.values(), key=lambda state: state.source)
    return []


def heard_now(station: Path) -> list[tuple[str, HeardNow]]:
    """Species that pass in the windows of this moment, each with its source."""
    states = (state for state in live_states(station) if state.is_current)
    return [(state.source, heard) for state in states for heard in state.heard]


def _read(folder: Path, start: str, owners: set[int]) -> Iterator[tuple[str, LiveState]]:
    """States below a folder by their source; those of others could be forged."""
    with suppress(OSError):
        for path in sorted(folder.glob(f"{start}*")):
            state = None if path.suffix == ".new" else _state_at(path, owners)
            if state is not None:
                yield path.name.removeprefix(start), state


def _state_at(path: Path, owners: set[int]) -> LiveState | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in owners:
            return None
        with suppress(OSError):
            return decoded_state(file.read(_MOST_BYTES))
    return None


def _in_memory(given: str | None, users: list[int]) -> list[Path]:
    """Folders in memory, best first, whether they are there or not."""
    home = [Path(given) / "birdlisten"] if given else []
    return home + [_SHARED / f"birdlisten-{user}" for user in users]


def _own(folder: Path) -> None:
    """Make a folder, or be sure that it is ours: /dev/shm is everybody's.

    Raises:
        OSError: it can't be made, or is another's.
    """
    with suppress(FileExistsError):
        folder.mkdir()
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} is another's")


def _sweep(folder: Path) -> None:
    """Take away the states of processes that are no more."""
    for path in folder.iterdir():
        state = _state_at(path, {os.geteuid()})
        if state is not None and not _is_alive(state.process):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _key(station: Path) -> str:
    return _digest(os.fsencode(station.resolve()))


def _digest(name: str | bytes) -> str:
    return sha256(os.fsencode(name)).hexdigest()[:16]
