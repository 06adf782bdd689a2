"""A worker of a pool that dies of some recordings, for tests."""

import os
import signal
import sys
import time
from contextlib import suppress

from edge.analysis.analyst import Analysis
from edge.analysis.messages import WorkerGone, receive, send
from edge.contract.errors import ConfigError


def main() -> None:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    job = receive(requests)
    refused = job.settings.input == "refuse"
    send(answers, ConfigError("no such species") if refused else None)
    while not refused:
        name = receive(requests).source
        if name == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "exit":
            os._exit(3)
        if name == "sleep":
            time.sleep(60)
        send(answers, Analysis(length_s=1.0))


if __name__ == "__main__":
    with suppress(WorkerGone):
        main()
