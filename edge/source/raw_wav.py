"""Decoding of a WAV whose header tells a wrong length: every sample that the file holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge.contract.arrays import Float32s
from edge.source.decoding import Decoding, part_samples
from edge.source.riff import WavLayout


@contextmanager
def decode(path: Path, layout: WavLayout) -> Iterator[Decoding]:
    """Open a WAV by a layout that is true."""
    with path.open("rb") as file:
        yield Decoding(
            rate_hz=layout.rate_hz,
            channels=layout.form.channels,
            parts=_parts(file, layout),
            promised=layout.promised // layout.form.frame_bytes,
            is_float=layout.form.is_float,
        )


def _parts(file: BinaryIO, layout: WavLayout) -> Iterator[Float32s]:
    file.seek(layout.start)
    form = layout.form
    left, most = layout.size, part_samples(layout.rate_hz) * form.frame_bytes
    while content := file.read(min(most, left)):
        left -= len(content)
        whole = len(content) - len(content) % form.frame_bytes
        yield form.decode(content[:whole])
