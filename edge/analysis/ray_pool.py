"""Pool of hearers on a Ray cluster, for more recordings than one machine hears (extra `scale`).

Each hearer keeps a worker
process of its own, as here at home: a decoder that crashes takes one recording with it, while a
recording whose hearer or machine is lost is heard by another. The recordings, the station if there
is one, and a bundle that is not packaged lie where every machine finds them by the same path.
"""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from edge.analysis.analyst import Analysis
from edge.analysis.pool import PoolJob, WorkerPool
from edge.analysis.ray_cluster import RayCluster
from edge.analysis.recording_file import RecordingFile
from edge.config import PACKAGED_BUNDLE
from edge.contract.errors import BirdlistenError

_PATHS = ("bundle", "species", "include", "exclude", "overrides", "occurrence")
"""Settings that may name a file."""
_FILE, _PLACE, _RESULT = "file", "place", "result"


class RayPool:
    """Hears recordings by a cluster; a context.

    Args:
        job: what every worker is told first.
        address: as `edge.analysis.ray_cluster.RayCluster` has it.
        count: of hearers, a core each; None: one for each core of the cluster.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigError: no cluster answers there.
    """

    def __init__(self, job: PoolJob, address: str, count: int | None) -> None:
        self._cluster, self._job = RayCluster(address, count), _portable(job)

    def analyses(self, files: Sequence[RecordingFile]) -> Iterator[tuple[RecordingFile, Analysis]]:
        """Recordings with what was found in them, in order.

        Raises:
            BirdlistenError: a worker can't begin, for the bundle or a setting.
        """
        rows = [{_PLACE: n, _FILE: pickle.dumps(_placed(file))} for n, file in enumerate(files)]
        for row in self._cluster.mapped(rows, Hearer, self._job):
            result = pickle.loads(row[_RESULT])
            if isinstance(result, BirdlistenError):
                raise result
            yield files[row[_PLACE]], result

    def __enter__(self) -> "RayPool":
        self._cluster.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the cluster go; what it hears for us ends."""
        self._cluster.__exit__(kind, error, trace)


class Hearer:
    """Actor that hears a recording at a time, in a worker process of its own.

    Args:
        job: the worker's.
    """

    def __init__(self, job: PoolJob) -> None:
        self._pool = WorkerPool(job, 1)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row's recording with what was found in it, or with why no worker can begin."""
        result: Analysis | BirdlistenError
        try:
            ((_, result),) = self._pool.analyses([pickle.loads(row[_FILE])])
        except BirdlistenError as error:
            result = error
        return {_PLACE: row[_PLACE], _RESULT: pickle.dumps(result)}


def _portable(job: PoolJob) -> PoolJob:
    """With paths that any process of any machine finds.

    A packaged bundle goes by its name, for other machines have it elsewhere.
    """
    settings = job.settings
    named = {name: getattr(settings, name) for name in _PATHS}
    there: dict[str, Any] = {
        name: str(Path(path).absolute()) for name, path in named.items() if _is_there(path)
    }
    if settings.bundle_path == PACKAGED_BUNDLE:
        there["bundle"] = PACKAGED_BUNDLE.name
    if settings.station_path.exists():
        there["station"] = str(settings.station_path.absolute())
    return replace(job, settings=replace(settings, **there))


def _is_there(path: str | None) -> bool:
    try:
        return path is not None and Path(path).exists()
    except OSError:  # a list of names, longer than a path may be
        return False


def _placed(file: RecordingFile) -> RecordingFile:
    """A recording that any process finds, whatever its working directory."""
    is_here = type(file) is RecordingFile
    return replace(file, path=file.path.absolute()) if is_here else file
