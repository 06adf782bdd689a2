"""Pool of hearers on a Ray cluster, for more recordings than one machine hears (extra `scale`).

Ray Data hands the recordings out and gives their results back in order. Each hearer keeps a worker
process of its own, as here at home: a decoder that crashes takes one recording with it, while a
recording whose hearer or machine is lost is heard by another. The recordings, the station if there
is one, and a bundle that is not packaged lie where every machine finds them by the same path.
"""

import logging
import os
import pickle
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from edge.analysis.analyst import Analysis
from edge.analysis.pool import PoolJob, WorkerPool
from edge.analysis.recording_file import RecordingFile
from edge.config import PACKAGED_BUNDLE
from edge.contract.errors import BirdlistenError, ConfigError, MissingPackageError, in_words

_MOST_BLOCKS = 4096
"""Parts of the recordings at most: what is lost of a part is heard again."""
_ANSWER_S = 10.0
_PATHS = ("bundle", "species", "include", "exclude", "overrides", "occurrence")
"""Settings that may name a file."""
_FILE, _PLACE, _RESULT = "file", "place", "result"


class RayPool:
    """Hears recordings by a cluster; a context.

    Args:
        job: what every worker is told first.
        address: of the cluster as Ray has it: `auto`, `local`, `ray://HOST:10001`.
        count: of hearers, a core each; None: one for each core of the cluster.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigError: no cluster answers there.
    """

    def __init__(self, job: PoolJob, address: str, count: int | None) -> None:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its talk is not ours
        try:
            import ray.data
        except ImportError as error:
            raise MissingPackageError(
                f"--ray needs {error.name}: pip install 'birdlisten[scale]'"
            ) from error
        self._ray: Any = ray
        _check_reachable(address)
        for chatty in ("ray", "ray.data"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address == "local" else None,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _nowhere(address, error) from error
        self._talk = redirect_stdout(sys.stderr)  # Ray tells there who has died
        self._job = _portable(job)
        self._count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def analyses(self, files: Sequence[RecordingFile]) -> Iterator[tuple[RecordingFile, Analysis]]:
        """Recordings with what was found in them, in order.

        Raises:
            BirdlistenError: a worker can't begin, for the bundle or a setting.
        """
        data, count = self._ray.data, min(self._count, len(files))
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        rows = [{_PLACE: n, _FILE: pickle.dumps(_placed(file))} for n, file in enumerate(files)]
        heard = data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map(
            Hearer, fn_constructor_args=(self._job,), compute=data.ActorPoolStrategy(size=count)
        )
        for row in self._rows(heard):
            result = pickle.loads(row[_RESULT])
            if isinstance(result, BirdlistenError):
                raise result
            yield files[row[_PLACE]], result

    def _rows(self, heard: Any) -> Iterator[dict[str, Any]]:
        """Rows as they come, and what the cluster fails at in a line."""
        try:
            yield from heard.iter_rows()
        except self._ray.exceptions.RayError as error:
            problem = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise BirdlistenError(f"ray: the cluster has failed: {problem}") from error

    def __enter__(self) -> "RayPool":
        self._talk.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the cluster go; what it hears for us ends."""
        self._ray.shutdown()
        self._talk.__exit__(kind, error, trace)


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


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody answers: Ray would try for minutes."""
    named, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return  # `auto`, `local`
    try:
        socket.create_connection((named.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError, ValueError) as error:
        raise _nowhere(address, error) from error


def _nowhere(address: str, error: Exception) -> ConfigError:
    problem = in_words(error).splitlines()[0]
    return ConfigError(f"ray: no cluster at {address!r} ({problem}); `ray start --head` begins one")


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
