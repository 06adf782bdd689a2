"""Streams by a real ffmpeg from a real web server: endless, finite, killed, absent."""

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.stream import Stream
from edge.source.supervisor import Patience, Supervisor
from tests.support import ROOT
from tests.support.radio import Radio

RATE_HZ = 16_000
PATIENCE = Patience(first_block_s=8, silence_s=2, backoff_s=0.1, backoff_max_s=0.5)


@pytest.fixture
def radio(tone) -> Iterator[Radio]:
    radio = Radio(tone(1000, 3, RATE_HZ), RATE_HZ)
    yield radio
    radio.stop()


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
        stream = Stream(f"{radio.url}{path}", RATE_HZ)
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
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) == 3 * RATE_HZ
    assert pitch(samples, RATE_HZ) == pytest.approx(1000, abs=2)
    assert all(block.monotonic_ns for block in blocks)


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


class Camera:
    """A network camera that can be unplugged."""

    def __init__(self) -> None:
        self.port = "0"
        self.start()

    def start(self) -> None:
        command = [
            "/usr/bin/python3",
            str(ROOT / "tests" / "support" / "camera.py"),
            "1500",
            self.port,
        ]
        self.it = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.it.stdout
        self.port = self.it.stdout.readline().strip()

    def stop(self) -> None:
        self.it.kill()
        self.it.communicate()


@pytest.fixture
def camera() -> Iterator[Camera]:
    has_server = ["/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"]
    if subprocess.run(has_server, capture_output=True).returncode:
        pytest.skip("GStreamer's RTSP server isn't installed")
    camera = Camera()
    yield camera
    camera.stop()


def some(blocks: Iterator[Block], seconds: float) -> np.ndarray:
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        parts.append(next(blocks).samples)
    return np.concatenate(parts)


def test_a_camera_is_heard_and_heard_again_after_it_was_unplugged(camera: Camera, pitch) -> None:
    blocks = Supervisor(
        Stream(f"rtsp://127.0.0.1:{camera.port}/live", RATE_HZ), patience=PATIENCE
    ).blocks()
    assert pitch(some(blocks, 2), RATE_HZ) == pytest.approx(1500, abs=2)
    camera.stop()
    threading.Timer(1.0, camera.start).start()
    assert sounds_after_a_gap(blocks)
    assert pitch(some(blocks, 2), RATE_HZ) == pytest.approx(1500, abs=2)
    blocks.close()
    assert ffmpegs() == []


@pytest.fixture
def playlist(tmp_path: Path) -> Iterator[str]:
    """A live HLS stream, made as a broadcaster does; its URL."""
    sound = ["-re", "-f", "lavfi", "-i", "sine=frequency=1500:sample_rate=48000"]
    segments = ["-f", "hls", "-hls_time", "1", "-hls_flags", "delete_segments", "live.m3u8"]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", *sound, "-c:a", "aac", *segments]
    serve = partial(Quiet, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with subprocess.Popen(command, cwd=tmp_path) as broadcaster:
        while not (tmp_path / "live.m3u8").exists():
            time.sleep(0.1)
        yield f"http://127.0.0.1:{server.server_address[1]}/live.m3u8"
        broadcaster.kill()
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_playlist_is_heard_without_a_gap(playlist: str, pitch) -> None:
    blocks = Supervisor(Stream(playlist, RATE_HZ), patience=PATIENCE).blocks()
    heard = some(blocks, 8)
    blocks.close()
    assert pitch(heard, RATE_HZ) == pytest.approx(1500, abs=2)
    assert np.abs(heard[RATE_HZ : 8 * RATE_HZ]).reshape(-1, RATE_HZ // 10).max(axis=1).min() > 0.05


def test_passwords_are_told_to_nobody() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = Stream(f"http://user:secret@127.0.0.1:{port}/x", RATE_HZ)
    assert stream.name == f"http://127.0.0.1:{port}/x"
    with pytest.raises(AudioError) as caught:
        next(Supervisor(stream, patience=PATIENCE).blocks())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("secret", ["me:hunter2@{}/live", "{}/live?password=hunter2"])
def test_a_password_is_in_no_command_line_and_no_log(radio: Radio, secret: str, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    stream = Stream("http://" + secret.format(f"127.0.0.1:{radio.port}"), RATE_HZ)
    blocks = Supervisor(stream, patience=PATIENCE).blocks()
    next(blocks)
    (process,) = ffmpegs()
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    assert b"ffmpeg" in command
    assert b"hunter2" not in command
    blocks.close()  # type: ignore[attr-defined]
    assert "127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_file_behind_a_password_is_heard_once(radio: Radio, pitch) -> None:
    stream = Stream(f"http://me:it's@127.0.0.1:{radio.port}/file.wav", RATE_HZ)
    blocks = list(Supervisor(stream, patience=PATIENCE).blocks())
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) == 3 * RATE_HZ
    assert pitch(samples, RATE_HZ) == pytest.approx(1000, abs=2)


def test_a_camera_with_a_password_is_heard(camera: Camera, pitch) -> None:
    stream = Stream(f"rtsp://me:hunter2@127.0.0.1:{camera.port}/live", RATE_HZ)
    blocks = Supervisor(stream, patience=PATIENCE).blocks()
    assert pitch(some(blocks, 2), RATE_HZ) == pytest.approx(1500, abs=2)
    blocks.close()  # type: ignore[attr-defined]


def test_a_camera_is_asked_for_sound_alone() -> None:
    command = Stream("rtsp://camera/stream", RATE_HZ)._command()
    assert command.index("-allowed_media_types") < command.index("-i")
    assert command[command.index("-allowed_media_types") + 1] == "audio"
    assert "-vn" in command


def test_without_ffmpeg_the_error_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match="apt install ffmpeg"):
        next(Supervisor(Stream("http://x/", RATE_HZ), wait=True).blocks())
