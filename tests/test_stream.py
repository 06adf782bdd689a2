"""Streams by a real ffmpeg from a real web server: endless, finite, killed, absent."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.stream import Stream
from edge.source.supervisor import Patience, Supervisor

RATE_HZ = 16_000
PATIENCE = Patience(first_block_s=8, silence_s=2, backoff_s=0.1, backoff_max_s=0.5)


class Radio:
    """A web server with an endless WAV at /live and a file of 3 s at /file.wav."""

    def __init__(self, folder: Path, tone: np.ndarray) -> None:
        soundfile.write(folder / "file.wav", tone, RATE_HZ)
        content, radio = (folder / "file.wav").read_bytes(), self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                live = self.path == "/live"
                if not live:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    self.wfile.write(_endless(content) if live else content)
                    while live and radio.playing.is_set():
                        if not radio.stalled.is_set():
                            self.wfile.write(content[44 : 44 + RATE_HZ // 5])
                        time.sleep(0.1)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._handler = Handler
        self.playing, self.stalled = threading.Event(), threading.Event()
        self.port = 0
        self.start()

    def start(self) -> None:
        self.playing.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.playing.clear()
        self._server.shutdown()
        self._server.server_close()


def _endless(content: bytes) -> bytes:
    """The header of a WAV that doesn't say how long it is."""
    size = b"\xff\xff\xff\xff"
    return content[:4] + size + content[8:40] + size


@pytest.fixture
def radio(tmp_path: Path, tone) -> Iterator[Radio]:
    one = Radio(tmp_path, tone(1000, 3, RATE_HZ))
    yield one
    one.stop()


def ffmpegs() -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"ffmpeg" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


@pytest.fixture
def listen(radio: Radio) -> Iterator[Callable[..., Iterator[Block]]]:
    opened: list[Iterator[Block]] = []

    def start(path: str, wait: bool = False) -> Iterator[Block]:
        stream = Stream(f"http://127.0.0.1:{radio.port}{path}", RATE_HZ)
        opened.append(Supervisor(stream, wait, PATIENCE).blocks())
        return opened[-1]

    yield start
    for one in opened:
        one.close()  # type: ignore[attr-defined]
    assert ffmpegs() == []


def sounds_after_a_gap(blocks: Iterator[Block]) -> bool:
    gap, begun = False, time.monotonic()
    for block in blocks:
        if gap and len(block.samples):
            return True
        gap = gap or not len(block.samples)
        assert time.monotonic() - begun < 60  # not for ever
    return False


def test_a_file_on_a_web_server_is_heard_whole_and_ends(listen, pitch) -> None:
    blocks = list(listen("/file.wav"))
    samples = np.concatenate([one.samples for one in blocks])
    assert len(samples) == 3 * RATE_HZ
    assert pitch(samples, RATE_HZ) == pytest.approx(1000, abs=2)
    assert all(one.monotonic_ns for one in blocks)


def test_a_killed_ffmpeg_is_replaced(listen) -> None:
    blocks = listen("/live")
    before = next(blocks)
    (process,) = ffmpegs()
    os.kill(process, signal.SIGKILL)
    assert sounds_after_a_gap(blocks)
    assert ffmpegs() != [process]
    assert next(blocks).first_sample > before.end_sample


def test_a_server_that_comes_back_is_heard_again(listen, radio: Radio) -> None:
    blocks = listen("/live")
    next(blocks)
    radio.stop()
    threading.Timer(1.0, radio.start).start()
    assert sounds_after_a_gap(blocks)


def test_a_stalled_stream_is_opened_anew(listen, radio: Radio) -> None:
    blocks = listen("/live")
    next(blocks)
    radio.stalled.set()
    threading.Timer(PATIENCE.silence_s + 0.5, radio.stalled.clear).start()
    before = ffmpegs()
    assert sounds_after_a_gap(blocks)
    assert ffmpegs() != before


def test_an_absent_server_is_an_error_at_the_start_unless_it_is_waited_for(listen, radio) -> None:
    radio.stop()
    with pytest.raises(AudioError, match=r"127\.0\.0\.1"):
        next(listen("/live"))
    threading.Timer(1.0, radio.start).start()
    assert len(next(listen("/live", wait=True)).samples)


def test_passwords_are_told_to_nobody() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = Stream(f"http://user:secret@127.0.0.1:{port}/x", RATE_HZ)
    assert stream.name == f"http://127.0.0.1:{port}/x"
    with pytest.raises(AudioError) as caught:
        next(Supervisor(stream, patience=PATIENCE).blocks())
    assert "secret" not in str(caught.value)


def test_a_camera_is_asked_for_sound_alone() -> None:
    command = Stream("rtsp://camera/stream", RATE_HZ)._command()
    assert command.index("-allowed_media_types") < command.index("-i")
    assert command[command.index("-allowed_media_types") + 1] == "audio"
    assert "-vn" in command


def test_without_ffmpeg_the_error_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match="apt install ffmpeg"):
        next(Supervisor(Stream("http://x/", RATE_HZ), wait=True).blocks())
