"""A capture process of one's own choice, supervised as a microphone is."""

import threading

from edge.contract.errors import BirdlistenError
from edge.source.microphone import Microphone
from edge.source.supervisor import Patience, Supervisor

_SECONDS = 0.2


class _Scripted(Microphone):
    def __init__(self, command: list[str]) -> None:
        super().__init__(None, 48_000, "portaudio")
        self._scripted = command

    def _command(self) -> list[str]:
        return self._scripted


def supervised(command: list[str]) -> int:
    """Listen to what a command writes, for a moment; 1 if it is refused in words."""
    stopped = threading.Event()
    patience = Patience(backoff_s=0.01, backoff_max_s=0.01, stopped=stopped)
    supervisor = Supervisor(_Scripted(command), patience=patience, stopped=stopped)
    end = threading.Timer(_SECONDS, stopped.set)
    end.start()
    try:
        for block in supervisor.blocks():
            assert block.samples.ndim == 1
    except BirdlistenError:
        return 1
    finally:
        stopped.set()
        end.join()
    return 0
