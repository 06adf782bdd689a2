"""Pool of worker processes that hear recordings, one each at a time.

A decoder that crashes, or is killed for its memory, takes one recording with it: the process is
started anew for the next.
"""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import BinaryIO

from edge.analysis.analyst import Analysis
from edge.analysis.messages import WorkerGone, receive, send
from edge.analysis.recording_file import RecordingFile
from edge.config import Settings
from edge.contract.errors import BirdlistenError
from edge.system.process import ONE_THREAD, leashed, python_module

_AHEAD = 4
"""Recordings a worker that are handed out before the oldest is done: results are in order."""
_END_S = 5.0


@dataclass(frozen=True)
class PoolJob:
    """Work of a pool: the first message to each worker."""

    module: str
    """The worker's, to be run."""
    settings: Settings
    log_level: int
    keeps_embeddings: bool = False


class WorkerPool:
    """Hears recordings by several processes; a context.

    Args:
        job: what every worker is told first.
        count: of workers.
    """

    def __init__(self, job: PoolJob, count: int) -> None:
        self._job, self._count = job, count
        self._own = threading.local()
        self._workers: list[Worker] = []
        self._beginning, self._ended = threading.Lock(), False
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        # A worker that is killed leaves its files; they go with the pool.
        self._folder = TemporaryDirectory(prefix="birdlisten-", ignore_cleanup_errors=True)

    def analyses(self, files: Iterable[RecordingFile]) -> Iterator[tuple[RecordingFile, Analysis]]:
        """Recordings with what was found in them, in order.

        Raises:
            BirdlistenError: a worker can't begin, for the bundle or a setting.
        """
        left, going = iter(files), deque[tuple[RecordingFile, Future[Analysis]]]()
        while True:
            for file in islice(left, _AHEAD * self._count - len(going)):
                going.append((file, self._threads.submit(self._analyse, file)))
            if not going:
                return
            file, result = going.popleft()
            yield file, result.result()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers; in the middle of their recordings, if there was an error."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._beginning:
            self._ended = True
        for worker in self._workers:
            worker.end()
        self._threads.shutdown()
        self._folder.cleanup()

    def _analyse(self, file: RecordingFile) -> Analysis:
        try:
            return self._worker().analyse(file)
        except WorkerGone:
            worker: Worker = self._own.worker
            self._own.worker = None
            worker.end()
            return Analysis(fault=f"{file}: the process that heard it {worker.death}")

    def _worker(self) -> "Worker":
        """That of this thread; none is begun once the pool has ended."""
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is not None:
            return worker
        with self._beginning:
            if self._ended:
                raise CancelledError
            self._own.worker = worker = Worker(self._job.module, self._folder.name)
            self._workers.append(worker)
        worker.begin(self._job)
        return worker


class Worker:
    """A process that hears recordings; the kernel ends it with the thread that has started it.

    Args:
        module: of Python, to be run.
        folder: for its temporary files.
    """

    def __init__(self, module: str, folder: str) -> None:
        self._process = subprocess.Popen(
            leashed(python_module(module)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**ONE_THREAD, **os.environ, "TMPDIR": folder},
            start_new_session=True,  # a Ctrl-C is for the parent
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._stdout: BinaryIO = self._process.stdout  # type: ignore[assignment]

    def begin(self, job: PoolJob) -> None:
        """Make it ready.

        Raises:
            BirdlistenError: bundle or settings can't be used.
            WorkerGone: the process has died of them.
        """
        send(self._stdin, job)
        problem = receive(self._stdout)
        if isinstance(problem, BirdlistenError):
            raise problem

    def analyse(self, file: RecordingFile) -> Analysis:
        """Everything that is found in a recording.

        Raises:
            WorkerGone: the process has died of it.
        """
        send(self._stdin, file)
        answer = receive(self._stdout)
        assert isinstance(answer, Analysis)
        return answer

    @property
    def death(self) -> str:
        """The end of a process that has ended by itself, in words."""
        status = self._process.poll()
        if status is not None and status < 0:
            return f"died (signal {-status})"
        return f"died (status {status})"

    def end(self) -> None:
        """End it, now if need be."""
        with suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_S)
        self._stdout.close()
