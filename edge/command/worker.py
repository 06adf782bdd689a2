"""Worker process of `birdlisten analyze`: hears recordings that its parent names.

python -m edge.command.worker       (messages on stdin and stdout, see edge.analysis.messages)
"""

import logging
import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from edge.analysis.analyst import Analyst
from edge.analysis.messages import WorkerGone, receive, send
from edge.analysis.pool import PoolJob
from edge.analysis.recording_file import RecordingFile
from edge.command.opening import open_listener, open_recognizer
from edge.config import Settings
from edge.contract.errors import BirdlistenError
from edge.system.memory import keep_freed_memory


class RememberingHandler(logging.Handler):
    """Keeps messages, to be told by the parent."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.told.append((record.levelno, record.getMessage()))

    def take(self) -> list[tuple[int, str]]:
        """Those since the last time."""
        taken, self.told = self.told, []
        return taken


def open_analyst(settings: Settings, keeps_embeddings: bool = False) -> Analyst:
    """An analyst, as the settings have it.

    Args:
        settings: of the run.
        keeps_embeddings: an analysis has its encoded windows, too.

    Raises:
        BirdlistenError: bundle or settings can't be used.
    """
    listener = open_listener(settings, open_recognizer(settings))
    return Analyst(settings, listener, keeps_embeddings)


def main() -> int:
    """Hear recordings until stdin closes."""
    requests, answers = sys.stdin.buffer, _own_stdout()
    with suppress(WorkerGone):  # here it is the parent
        _work(receive(requests), requests, answers)
    return 0


def _work(job: PoolJob, requests: BinaryIO, answers: BinaryIO) -> None:
    handler = RememberingHandler()
    logging.basicConfig(handlers=[handler], level=job.log_level, force=True)
    keep_freed_memory()  # it computes, and ends with the analysis
    settings = job.settings
    try:
        one_thread = settings if settings.threads is not None else replace(settings, threads=1)
        analyst = open_analyst(one_thread, job.keeps_embeddings)
    except BirdlistenError as error:
        send(answers, error)
        return
    send(answers, None)
    handler.take()  # every worker would say the same
    while True:
        file: RecordingFile = receive(requests)
        analysis = analyst.analyse(file)
        analysis.told = handler.take()
        send(answers, analysis)


def _own_stdout() -> BinaryIO:
    """The pipe to the parent; what a library prints goes to stderr."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


if __name__ == "__main__":
    sys.exit(main())
