"""The pipe between a capture child and its parent: framed PCM. Standard library only.

A frame is a 28-byte little-endian header and its payload:

    magic b"BLF1" | kind u32 | payload bytes u32 | first_sample u64 | monotonic_ns u64

`HELLO` carries JSON {"device", "index", "lasting", "rate_hz", "channels"}; `AUDIO` carries
interleaved float32; `FAULT` carries JSON {"kind", "message"} and is the last frame.
"""

import json
import math
import os
import select
import struct
import threading
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

from edge.source.fault import SourceFault

HEADER = struct.Struct("<4sIIQQ")
MAGIC = b"BLF1"
HELLO, AUDIO, FAULT = 1, 2, 3
_MAX_PAYLOAD = 1 << 24
_GLANCE_S = 0.2
"""Between two looks whether it is stopped: another reader may wait for the same source."""


@dataclass(frozen=True)
class Frame:
    """One frame off the pipe."""

    kind: int
    payload: bytes
    first_sample: int
    monotonic_ns: int

    def json(self) -> dict[str, Any]:
        """The payload of a HELLO or FAULT frame.

        Raises:
            SourceFault: it is no JSON object.
        """
        try:
            return dict(json.loads(self.payload))
        except (ValueError, TypeError) as error:
            raise SourceFault("the capture process wrote a broken message") from error


def write_frame(pipe: BinaryIO, frame: Frame) -> None:
    """Write and flush one frame."""
    header = HEADER.pack(
        MAGIC, frame.kind, len(frame.payload), frame.first_sample, frame.monotonic_ns
    )
    pipe.write(header + frame.payload)
    pipe.flush()


def write_message(pipe: BinaryIO, kind: int, content: dict[str, Any]) -> None:
    """Write a HELLO or FAULT frame."""
    write_frame(pipe, Frame(kind, json.dumps(content).encode(), 0, 0))


def read_frame(descriptor: int, patience_s: float, stopped: threading.Event | None = None) -> Frame:
    """Read one frame.

    Args:
        descriptor: read end of the pipe.
        patience_s: seconds to wait for each part.
        stopped: set to end, as if the pipe had closed.

    Raises:
        SourceFault: nothing came in time, the pipe closed, or the header is wrong.
    """
    header = _read_exactly(descriptor, HEADER.size, patience_s, stopped)
    magic, kind, size, first_sample, monotonic_ns = HEADER.unpack(header)
    if magic != MAGIC or size > _MAX_PAYLOAD:
        raise SourceFault("the capture process wrote something that is no audio frame")
    payload = _read_exactly(descriptor, size, patience_s, stopped)
    return Frame(kind, payload, first_sample, monotonic_ns)


def read_all(descriptor: int, patience_s: float) -> bytes:
    """Read until the pipe closes.

    Raises:
        SourceFault: nothing came for `patience_s`.
    """
    parts = []
    while part := read_part(descriptor, 1 << 16, patience_s):
        parts.append(part)
    return b"".join(parts)


def _read_exactly(
    descriptor: int, size: int, patience_s: float, stopped: threading.Event | None
) -> bytes:
    parts = []
    while size:
        part = read_part(descriptor, size, patience_s, stopped)
        if not part:
            raise SourceFault("the capture process ended")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_part(
    descriptor: int, size: int, patience_s: float | None, stopped: threading.Event | None = None
) -> bytes:
    """Read what is there, at most `size` bytes; b"" is the end.

    Args:
        descriptor: of the pipe.
        size: in bytes.
        patience_s: seconds to wait; None waits for ever.
        stopped: set to end.

    Raises:
        SourceFault: nothing came in time.
    """
    end = math.inf if patience_s is None else time.monotonic() + patience_s
    while stopped is None or not stopped.is_set():
        left_s = max(end - time.monotonic(), 0)
        if select.select([descriptor], [], [], min(left_s, _GLANCE_S))[0]:
            return os.read(descriptor, size)
        if left_s <= _GLANCE_S:
            raise SourceFault(f"no audio for {patience_s:g} s")
    return b""
