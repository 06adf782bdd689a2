"""The parent's side of a microphone: start the capture child, watch it, start it again."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from edge.capture import Device
from edge.contract.audio import Waveform
from edge.contract.errors import DeviceError
from edge.source import pcm
from edge.source.block import Block

_LOG = logging.getLogger(__name__)
_CHATTER_BYTES = 8192


@dataclass(frozen=True)
class CaptureConfig:
    """How patient the parent is."""

    first_block_s: float = 8.0
    """A device may take this long to deliver its first block."""
    silence_s: float = 3.0
    """Time without a block after which the child is taken for dead."""
    backoff_s: float = 1.0
    """Wait before the first restart; doubles up to `backoff_max_s`."""
    backoff_max_s: float = 30.0
    healthy_s: float = 60.0
    """Running this long resets the wait."""


class _Absent(Exception):
    """The device isn't there (yet)."""


class Microphone:
    """A capture device that is listened to for ever.

    Args:
        device: index, or part of the name; None takes the default device.
        rate_hz: wanted rate; a device that can't is opened at its own.
        wait: wait for a device that isn't there at the start.
        config: patience.
    """

    def __init__(
        self,
        device: str | None,
        rate_hz: int,
        wait: bool = False,
        config: CaptureConfig | None = None,
    ) -> None:
        self._device = device
        self._rate_hz = rate_hz
        self._wait = wait
        self._config = config or CaptureConfig()
        self.name = device or "default"

    def blocks(self) -> Iterator[Block]:
        """Blocks for ever; after a fault the child is replaced and `first_sample` jumps.

        Raises:
            DeviceError: the device isn't there at the start, and `wait` is off.
        """
        started, opened, backoff_s = time.monotonic(), False, self._config.backoff_s
        end_s = 0.0
        while True:
            begun = time.monotonic()
            try:
                # A device clock that runs fast may be ahead of ours: time never goes back.
                for block in self._blocks_of_one_child(max(begun - started, end_s)):
                    opened, end_s = True, block.end_sample / block.rate_hz
                    yield block
            except _Absent as error:
                if not (opened or self._wait):
                    raise DeviceError(f"{error}\n{describe_devices()}") from error
                _LOG.warning("%s; trying again in %.0f s", error, backoff_s)
            except pcm.PipeFault as fault:
                _LOG.warning("%s: %s; trying again in %.0f s", self.name, fault, backoff_s)
            if time.monotonic() - begun > self._config.healthy_s:
                backoff_s = self._config.backoff_s
            time.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, self._config.backoff_max_s)

    def _blocks_of_one_child(self, offset_s: float) -> Iterator[Block]:
        arguments = ["--rate", str(self._rate_hz)]
        arguments += [] if self._device is None else ["--device", self._device]
        with _child(arguments) as process:
            assert process.stdout is not None
            pipe = process.stdout.fileno()
            hello = _expect_hello(pcm.read_frame(pipe, self._config.first_block_s))
            self.name, rate_hz = str(hello["device"]), int(hello["rate_hz"])
            _LOG.info("listening to %s at %d Hz", self.name, rate_hz)
            base = int(offset_s * rate_hz)
            patience_s = self._config.first_block_s
            while True:
                frame = _expect_audio(pcm.read_frame(pipe, patience_s))
                patience_s = self._config.silence_s
                samples = _mono(frame.payload, int(hello["channels"]))
                yield Block(samples, rate_hz, base + frame.first_sample)


def input_devices() -> list[Device]:
    """Every input device, from a child of its own.

    Raises:
        DeviceError: PortAudio is missing or hangs.
    """
    with _child(["--list"]) as process:
        assert process.stdout is not None
        try:
            content = json.loads(_read_all(process) or b"[]")
        except ValueError as error:
            raise DeviceError(f"the devices can't be listed ({error})") from error
    if isinstance(content, dict):
        raise DeviceError(content["message"])
    return [Device(**one) for one in content]


def describe_devices() -> str:
    """The input devices as lines for a person."""
    devices = input_devices()
    if not devices:
        return (
            "No input device is connected. Plug in a microphone, or hear a recorded chorus: "
            "birdlisten demo"
        )
    lines = [
        f"  {'*' if one.default else ' '} {one.index}  {one.name}  ({one.host_api}, "
        f"{one.channels} in, {one.rate_hz} Hz)"
        for one in devices
    ]
    return "\n".join(["Input devices (* default):", *lines])


@contextmanager
def _child(arguments: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.capture", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is for the parent, which then kills the group
    )
    assert process.stderr is not None
    threading.Thread(target=_pump, args=(process.stderr,), daemon=True).start()
    try:
        yield process
    finally:
        _kill(process)


def _read_all(process: "subprocess.Popen[bytes]") -> bytes:
    # Not communicate(): it would read stderr too, which the pump drains and closes.
    assert process.stdout is not None
    timer = threading.Timer(20, process.kill)
    timer.start()
    try:
        return process.stdout.read()
    finally:
        timer.cancel()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _pump(stderr: IO[bytes]) -> None:
    """Drain PortAudio's and ALSA's chatter; the first bytes go to the debug log."""
    forwarded = 0
    with stderr:
        while line := stderr.readline(_CHATTER_BYTES):
            if forwarded < _CHATTER_BYTES:
                _LOG.debug("capture: %s", line.decode(errors="replace").rstrip())
            forwarded += len(line)


def _expect_hello(frame: pcm.Frame) -> dict[str, Any]:
    _raise_fault(frame)
    return frame.json()


def _expect_audio(frame: pcm.Frame) -> pcm.Frame:
    _raise_fault(frame)
    return frame


def _raise_fault(frame: pcm.Frame) -> None:
    if frame.kind != pcm.FAULT:
        return
    fault = frame.json()
    if fault["kind"] == "absent":
        raise _Absent(fault["message"])
    if fault["kind"] == "library":
        raise DeviceError(fault["message"])
    raise pcm.PipeFault(fault["message"])


def _mono(payload: bytes, channels: int) -> Waveform:
    if channels < 1 or len(payload) % (4 * channels):
        raise pcm.PipeFault("the capture process wrote a broken audio frame")
    samples = np.frombuffer(payload, np.float32).reshape(-1, channels)
    # A driver that delivers NaN must not end a year of listening: it counts as silence.
    mono: Waveform = np.nan_to_num(samples.mean(axis=1, dtype=np.float32), posinf=0, neginf=0)
    return mono
