"""A capture device: by PortAudio in a process of its own, or by arecord where that fails."""

import json
import logging
import re
import shutil
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from edge.contract.audio import Waveform
from edge.contract.errors import BirdlistenError, DeviceError
from edge.contract.text import json_line, visible
from edge.source import pcm
from edge.source.block import Block
from edge.source.capture import CaptureFault, Device, choose_device
from edge.source.child import Child
from edge.source.fault import SourceAbsent, SourceFault
from edge.source.raw import RawPcm
from edge.source.supervisor import Patience
from edge.system.process import python_module

_LOG = logging.getLogger(__name__)
_LIST_S = 20.0
AUTO, PORTAUDIO, ARECORD = "auto", "portaudio", "arecord"
_NUMBERED = re.compile(r"\d+|[0-9a-f]{4}:[0-9a-f]{4}")
_CONVERTING = ("default", "pulse", "pipewire", "plughw:")
"""Devices of ALSA that take any rate and number of channels."""


class Microphone:
    """A capture device, found again by its name at each start: indices change when one is plugged.

    Args:
        device: index, USB id (`0d8c:013c`), or part of the name; None takes the default device.
        rate_hz: wanted rate; a device that can't is opened at its own.
        backend: `portaudio`, `arecord`, or `auto`: arecord where PortAudio can't.
    """

    def __init__(self, device: str | None, rate_hz: int, backend: str = AUTO) -> None:
        self._device, self._rate_hz, self._backend = device, rate_hz, backend
        self._known: tuple[str, int] | None = None
        """How to find it again, and its last index, once it has been open."""
        self.name = device or "default"

    def blocks(self, patience: Patience) -> Generator[Block]:
        """As `Capture` has it.

        Raises:
            DeviceError: PortAudio is missing, and so is arecord.
        """
        if self._backend == ARECORD:
            yield from self._recorded(patience)
            return
        try:
            yield from self._captured(patience)
        except (SourceAbsent, DeviceError) as fault:
            if self._backend == PORTAUDIO or not self._arecord_has_it():
                raise
            _LOG.debug("%s; recording with arecord", fault)
            try:
                yield from self._recorded(patience)
            except SourceAbsent:
                raise fault from None

    def absent(self, error: SourceAbsent) -> BirdlistenError:
        """With the devices that are there."""
        return DeviceError("; ".join([str(error), *describe_devices(self._backend).split("\n")]))

    def _captured(self, patience: Patience) -> Iterator[Block]:
        with Child(self._command()) as child:
            stopped = patience.stopped
            hello = _checked(pcm.read_frame(child.pipe, patience.first_block_s, stopped)).json()
            self.name, rate_hz = str(hello["device"]), int(hello["rate_hz"])
            self._known = (str(hello["lasting"]), int(hello["index"]))
            patience_s = patience.first_block_s
            while True:
                frame = _checked(pcm.read_frame(child.pipe, patience_s, stopped))
                patience_s = patience.silence_s
                samples = _mono(frame.payload, int(hello["channels"]))
                yield Block(samples, rate_hz, frame.first_sample, frame.monotonic_ns)

    def _command(self) -> list[str]:
        command = python_module("edge.source.capture", "--rate", str(self._rate_hz))
        if self._known is not None:
            name, index = self._known
            return [*command, "--device", name, "--prefer", str(index)]
        return [*command, *(("--device", self._device) if self._device else ())]

    def _arecord_has_it(self) -> bool:
        """True if a device that PortAudio never had is there for arecord, by its name."""
        if self._known is not None or (self._device and _NUMBERED.fullmatch(self._device)):
            return False  # indices and USB ids are PortAudio's
        try:
            return bool(choose_device(arecord_devices(), self._device))
        except (CaptureFault, DeviceError):
            return False

    def _recorded(self, patience: Patience) -> Iterator[Block]:
        try:
            device = choose_device(arecord_devices(), self._device)
        except CaptureFault as fault:
            raise SourceAbsent(str(fault)) from fault
        self.name = device.name
        command = ["arecord", "-q", "-D", device.name, "-t", "raw", "-f", "S16_LE", "-c", "1"]
        with Child([*command, "-r", str(self._rate_hz)]) as child:
            begun = False
            for block in RawPcm(child.pipe).blocks(
                self._rate_hz,
                first_s=patience.first_block_s,
                silence_s=patience.silence_s,
                stopped=patience.stopped,
            ):
                begun = True
                yield block
            reason = child.said() or "arecord ended"
            raise SourceFault(reason) if begun else SourceAbsent(reason)


def input_devices(backend: str = AUTO) -> list[Device]:
    """Every input device, from a process of its own.

    Raises:
        DeviceError: PortAudio is missing or hangs, and arecord is missing, too.
    """
    if backend == ARECORD:
        return arecord_devices()
    try:
        return _portaudio_devices()
    except DeviceError:
        if backend == PORTAUDIO or not shutil.which("arecord"):
            raise
        return arecord_devices()


def arecord_devices() -> list[Device]:
    """Devices that ALSA can record from at any rate and in mono, by `arecord -L`.

    Raises:
        DeviceError: arecord is missing or hangs.
    """
    try:
        listed = subprocess.run(
            ["arecord", "-L"], capture_output=True, text=True, timeout=_LIST_S, errors="replace"
        )
    except FileNotFoundError as error:
        raise DeviceError("arecord is missing: sudo apt install alsa-utils") from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"arecord -L hangs for {_LIST_S:.0f} s; unplug the sound card") from error
    usable = [line for line in listed.stdout.splitlines() if line.startswith(_CONVERTING)]
    return [
        Device(
            index=n,
            name=name,
            channels=1,
            rate_hz=48_000,
            host_api="arecord",
            default=name == "default",
        )
        for n, name in enumerate(usable)
    ]


def describe_devices(backend: str = AUTO) -> str:
    """The input devices as lines for a person."""
    devices = input_devices(backend)
    if not devices:
        return (
            "No input device is connected. Plug in a microphone, or hear a recorded chorus: "
            "birdlisten demo"
        )
    return "\n".join(
        ["Input devices (* default):", *(visible(f"  {device}") for device in devices)]
    )


def _portaudio_devices() -> list[Device]:
    with Child(python_module("edge.source.capture", "--list")) as child:
        try:
            content = json.loads(pcm.read_all(child.pipe, _LIST_S) or b"[]")
            if isinstance(content, dict):
                raise DeviceError(content["message"])
            return [Device(**fields) for fields in content]
        except (ValueError, KeyError, TypeError, SourceFault) as error:
            raise DeviceError(f"the devices can't be listed ({error})") from error


def as_json(devices: list[Device]) -> str:
    """A JSON list."""
    return json_line([asdict(device) for device in devices])


def _checked(frame: pcm.Frame) -> pcm.Frame:
    if frame.kind == pcm.FAULT:
        raise _fault(frame.json())
    return frame


def _fault(content: dict[str, Any]) -> Exception:
    kinds = {"absent": SourceAbsent, "library": DeviceError}
    return kinds.get(content["kind"], SourceFault)(content["message"])


def _mono(payload: bytes, channels: int) -> Waveform:
    if channels < 1 or len(payload) % (4 * channels):
        raise SourceFault("the capture process wrote a broken audio frame")
    samples = np.frombuffer(payload, np.float32).reshape(-1, channels)
    # A driver that delivers NaN must not end a year of listening: it counts as silence.
    mono: Waveform = np.nan_to_num(samples.mean(axis=1, dtype=np.float32), posinf=0, neginf=0)
    return mono
