"""GUANO: metadata of a record within a WAV, as Kaleidoscope and others read it.

Format: github.com/riggsd/guano-spec, a chunk `guan` of UTF-8 lines, each a name and a value.
"""

import io
import struct
import wave
from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.contract.arrays import Int16s
from edge.report.row import Row

_VERSION = "1.0"
_HEAD = struct.Struct("<4sI")
_SIZE_AT = 4
"""Place of the size in a RIFF's head; what is behind it counts."""


def wav_with_guano(samples: Int16s, rate_hz: int, text: str) -> bytes:
    """A WAV of int16[samples] with a GUANO chunk at its end."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate_hz)
            sound.writeframes(samples.astype("<i2").tobytes())
        content = bytearray(file.getvalue())
    content += _chunk(b"guan", text.encode())
    struct.pack_into("<I", content, _SIZE_AT, len(content) - _HEAD.size)
    return bytes(content)


def guano_text(row: Row, before_s: float, rate_hz: int, length_s: float) -> str:
    """The lines of a record's clip.

    Args:
        row: the record, with what people said of it.
        before_s: sound of the clip before the record begins, in seconds.
        rate_hz: the clip's.
        length_s: the clip's.
    """
    fields = _fields(row, before_s)
    lines = [
        f"GUANO|Version: {_VERSION}",
        f"Samplerate: {rate_hz}",
        f"Length: {length_s:.3f}",
        *(f"{name}: {' '.join(value.split())}" for name, value in fields if value),
    ]
    return "\n".join(lines) + "\n"


def _fields(row: Row, before_s: float) -> Iterator[tuple[str, str]]:
    record, place = row.record, row.place
    moment = record.local_time()
    yield "Timestamp", "" if moment is None else _timestamp(moment - timedelta(seconds=before_s))
    yield "Loc Position", "" if place is None else f"{place.latitude:.6f} {place.longitude:.6f}"
    yield "Original Filename", row.path
    yield "Species Auto ID", record.scientific_name
    yield "Species Manual ID", row.confirmed_scientific_name
    yield "birdlisten|Record", record.id
    yield "birdlisten|Confidence", f"{record.confidence:.4f}"
    yield "birdlisten|Model", f"{record.bundle} {record.model_id}"


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _chunk(name: bytes, content: bytes) -> bytes:
    """With a byte of padding behind an odd length, which does not count."""
    return _HEAD.pack(name, len(content)) + content + b"\0" * (len(content) % 2)
