"""Messages between a pool and its workers: a length (u64) and a pickle, over a pipe.

Both ends are one program of one user; nobody else writes to the pipe.
"""

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


class WorkerGone(Exception):
    """The pipe has closed: the process at its other end died."""


def send(pipe: BinaryIO, message: Any) -> None:
    """Write a message.

    Raises:
        WorkerGone: nobody reads.
    """
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    try:
        pipe.write(_LENGTH.pack(len(content)) + content)
        pipe.flush()
    except OSError as error:
        raise WorkerGone from error


def receive(pipe: BinaryIO) -> Any:
    """Read a message.

    Raises:
        WorkerGone: there is none any more.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise WorkerGone
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    if len(content) < length:
        raise WorkerGone
    return pickle.loads(content)
