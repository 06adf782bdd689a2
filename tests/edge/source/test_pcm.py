import io
import os
import struct
import threading
from collections.abc import Iterator

import pytest

from edge.source import pcm
from edge.source.fault import SourceFault

PATIENCE_S = 5.0
FRAMES = [
    pcm.Frame(pcm.AUDIO, b"", 0, 0),
    pcm.Frame(pcm.AUDIO, bytes(range(256)) * 100, 2**63, 2**64 - 1),
    pcm.Frame(pcm.HELLO, b'{"device": "x"}', 1, 2),
]


class Pipe:
    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def close(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
        self.write_end = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()
    os.close(pipe.read_end)


def written(frame: pcm.Frame) -> bytes:
    file = io.BytesIO()
    pcm.write_frame(file, frame)
    return file.getvalue()


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_comes_back_as_it_was_written(pipe: Pipe, frame: pcm.Frame) -> None:
    os.write(pipe.write_end, written(frame))
    assert pcm.read_frame(pipe.read_end, PATIENCE_S) == frame


def test_the_layout_is_the_documented_one() -> None:
    content = written(pcm.Frame(pcm.AUDIO, b"abc", 5, 7))
    assert content == b"BLF1" + struct.pack("<IIQQ", 2, 3, 5, 7) + b"abc"


@pytest.mark.parametrize("size", [1, 7, 28, 29])
def test_short_reads_are_put_together(pipe: Pipe, size: int) -> None:
    content = b"".join(map(written, (FRAMES[0], FRAMES[2])))

    def trickle() -> None:
        for start in range(0, len(content), size):
            os.write(pipe.write_end, content[start : start + size])

    thread = threading.Thread(target=trickle)
    thread.start()
    assert pcm.read_frame(pipe.read_end, PATIENCE_S) == FRAMES[0]
    assert pcm.read_frame(pipe.read_end, PATIENCE_S) == FRAMES[2]
    thread.join()


def test_a_frame_larger_than_the_pipes_buffer_comes_through(pipe: Pipe) -> None:
    frame = pcm.Frame(pcm.AUDIO, bytes(1_000_000), 0, 0)

    def write() -> None:
        with os.fdopen(os.dup(pipe.write_end), "wb") as file:
            pcm.write_frame(file, frame)

    thread = threading.Thread(target=write)
    thread.start()
    assert pcm.read_frame(pipe.read_end, PATIENCE_S) == frame
    thread.join()


@pytest.mark.parametrize("kept", [0, 1, 27, 28, 40])
def test_a_pipe_that_closes_anywhere_is_a_fault(pipe: Pipe, kept: int) -> None:
    os.write(pipe.write_end, written(FRAMES[2])[:kept])
    pipe.close()
    with pytest.raises(SourceFault, match="ended"):
        pcm.read_frame(pipe.read_end, PATIENCE_S)


@pytest.mark.parametrize("kept", [0, 10, 30])
def test_a_pipe_that_falls_silent_is_a_fault(pipe: Pipe, kept: int) -> None:
    os.write(pipe.write_end, written(FRAMES[2])[:kept])
    with pytest.raises(SourceFault, match=r"no audio for 0\.01 s"):
        pcm.read_frame(pipe.read_end, 0.01)


@pytest.mark.parametrize(
    "content",
    [
        b"ALSA lib pcm.c:2664: unknown PCM",
        bytes(64),
        b"BLF2" + bytes(40),
        b"BLF1" + struct.pack("<IIQQ", 2, (1 << 24) + 1, 0, 0),
        b"BLF1" + struct.pack("<IIQQ", 2, 0xFFFFFFFF, 0, 0),
    ],
)
def test_what_is_no_frame_is_a_fault_before_anything_is_read(pipe: Pipe, content: bytes) -> None:
    os.write(pipe.write_end, content)
    with pytest.raises(SourceFault, match="no audio frame"):
        pcm.read_frame(pipe.read_end, PATIENCE_S)


def test_messages_carry_json(pipe: Pipe) -> None:
    content = {"kind": "absent", "message": "no device 'Höhe'"}
    file = io.BytesIO()
    pcm.write_message(file, pcm.FAULT, content)
    os.write(pipe.write_end, file.getvalue())
    frame = pcm.read_frame(pipe.read_end, PATIENCE_S)
    assert (frame.kind, frame.json()) == (pcm.FAULT, content)
