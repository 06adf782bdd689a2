"""Child processes: on a leash that ends them with their parent, never importing from the cwd.

    python -I -S process.py PARENT COMMAND...      becomes the command, on the leash

Standard library only: the leash runs by its path, without whatever is installed.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Environment that keeps numpy's linear algebra to one thread: after each product of a window's
size the others would spin for longer than it took, where the encoder wants the cores."""
_PR_SET_PDEATHSIG = 1
_ISOLATED = "-P" if sys.version_info >= (3, 11) else "-I"
"""The current folder may be anybody's: its queue.py is not ours."""
_NOT_STARTED = 127


def python_module(name: str, *arguments: str) -> list[str]:
    """Command that runs a module with this interpreter, whatever lies in the current folder."""
    return [str(Path(sys.executable).absolute()), _ISOLATED, "-m", name, *arguments]


def leashed(command: Sequence[str]) -> list[str]:
    """The command, killed by the kernel when the thread that starts it ends, however that ends."""
    interpreter = str(Path(sys.executable).absolute())
    return [interpreter, "-I", "-S", str(Path(__file__).absolute()), str(os.getpid()), *command]


def _become(parent: int, command: list[str]) -> int:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # of Linux
    if prctl:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return _NOT_STARTED  # it ended before it could be watched
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
    return _NOT_STARTED


if __name__ == "__main__":
    sys.exit(_become(int(sys.argv[1]), sys.argv[2:]))
