"""The capture child: PortAudio in callback mode, framed PCM on stdout.

    python -m edge.source.capture --device 0 --rate 48000      a device by index, name or USB id
    python -m edge.source.capture --list                       JSON list of input devices

Runs in a process of its own because PortAudio can hang, loop or flood stderr when a device
vanishes: the parent kills it and starts another, which also scans the devices afresh. Imports
neither numpy nor onnxruntime.
"""

import argparse
import json
import os
import queue
import re
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge.source import pcm

_BLOCK_S = 0.1
_QUEUED_BLOCKS = 300
RATES_HZ = (48_000, 44_100, 32_000, 16_000, 96_000)
"""Rates that are asked for, the encoder's first."""
_CARD = re.compile(r" \(hw:(\d+),\d+\)$")


@dataclass(frozen=True)
class Device:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    channels: int
    rate_hz: int
    """The device's default rate."""
    host_api: str
    default: bool
    rates_hz: tuple[int, ...] = ()
    """Those of `RATES_HZ` that it can be opened at; empty if that was not asked."""
    usb_id: str | None = None
    """Vendor and product, such as `0d8c:013c`; it stays when indices change."""

    @property
    def lasting(self) -> str:
        """Name that finds it again: the card's number at its end changes with the others."""
        return self.usb_id or _CARD.sub("", self.name)

    def __str__(self) -> str:
        """A line for a person."""
        rates = "/".join(f"{hz / 1000:g}" for hz in self.rates_hz or (self.rate_hz,))
        usb = f", USB {self.usb_id}" if self.usb_id else ""
        channels = f"{self.channels} in" if self.channels else "any"
        mark = "*" if self.default else " "
        return f"{mark} {self.index}  {self.name}  ({self.host_api}, {channels}, {rates} kHz{usb})"


class CaptureFault(Exception):
    """Reason that no audio comes: `kind` is `absent`, `library` or `device`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def list_devices() -> list[Device]:
    """Every input device.

    Raises:
        CaptureFault: PortAudio isn't installed.
    """
    portaudio = _portaudio()
    apis = [api["name"] for api in portaudio.query_hostapis()]
    default = portaudio.default.device[0]
    return [
        Device(
            index=device["index"],
            name=device["name"],
            channels=device["max_input_channels"],
            rate_hz=int(device["default_samplerate"]),
            host_api=apis[device["hostapi"]],
            default=device["index"] == default,
            usb_id=usb_id(device["name"]),
        )
        for device in portaudio.query_devices()
        if device["max_input_channels"] > 0
    ]


def usb_id(name: str, cards: Path = Path("/proc/asound")) -> str | None:
    """The USB id of an ALSA device by its name, `... (hw:1,0)`; None if it is no USB card."""
    card = _CARD.search(name)
    try:
        return (cards / f"card{card[1]}" / "usbid").read_text().strip() if card else None
    except OSError:
        return None


def choose_device(
    devices: list[Device], wanted: str | None, preferred: int | None = None
) -> Device:
    """The device with an index, a USB id, a name or a part of it; None takes the default or first.

    Args:
        devices: those there are.
        wanted: by a person, or the name it had when it was opened before.
        preferred: index that decides between several.

    Raises:
        CaptureFault: there is none, or several match.
    """
    if not devices:
        raise CaptureFault("absent", "no input device found")
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    found = _matching(devices, wanted)
    if preferred is not None and len(found) > 1:
        # It was open before: of twins any is better than none.
        found = [device for device in found if device.index == preferred] or found[:1]
    if len(found) != 1:
        problem = "no input device" if not found else "more than one input device"
        raise CaptureFault("absent", f"{problem} matches {wanted!r}")
    return found[0]


def _matching(devices: list[Device], wanted: str) -> list[Device]:
    if wanted.isdecimal():
        return [device for device in devices if device.index == int(wanted)]
    known = [device for device in devices if wanted.lower() in (device.usb_id, device.name.lower())]
    return known or [device for device in devices if wanted.lower() in device.name.lower()]


def capture(device: Device, rate_hz: int) -> None:
    """Stream a device to stdout until it faults or the parent goes away.

    Raises:
        CaptureFault: the device can't be opened, or has stopped.
    """
    portaudio = _portaudio()
    blocks: queue.Queue[pcm.Frame | None] = queue.Queue(_QUEUED_BLOCKS)
    channels, rate_hz = _open_format(portaudio, device, rate_hz)
    received = 0

    def take(data: Any, frames: int, _time: Any, status: Any) -> None:
        # Copies and enqueues, nothing else. Samples lost show as a gap in first_sample; PortAudio
        # doesn't say how many an overflow lost, so it counts as one.
        nonlocal received
        if not blocks.full():
            frame = pcm.Frame(pcm.AUDIO, bytes(data), received, time.monotonic_ns())
            blocks.put_nowait(frame)
        received += frames
        if status.input_overflow:
            received += 1

    stream = portaudio.RawInputStream(
        samplerate=rate_hz,
        blocksize=int(rate_hz * _BLOCK_S),
        device=device.index,
        channels=channels,
        dtype="float32",
        latency="high",
        callback=take,
        finished_callback=lambda: blocks.put(None),
    )
    with stream:
        hello = {
            "device": device.name,
            "index": device.index,
            "lasting": device.lasting,
            "rate_hz": rate_hz,
            "channels": channels,
        }
        pcm.write_message(sys.stdout.buffer, pcm.HELLO, hello)
        _forward(blocks)


def _forward(blocks: "queue.Queue[pcm.Frame | None]") -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            frame = blocks.get(timeout=1.0)
        except queue.Empty:
            continue
        if frame is None:
            raise CaptureFault("device", "the device stopped delivering audio")
        pcm.write_frame(sys.stdout.buffer, frame)


def _open_format(portaudio: Any, device: Device, rate_hz: int) -> tuple[int, int]:
    problem = ""
    for channels in dict.fromkeys((1, min(2, device.channels))):
        for rate in dict.fromkeys((rate_hz, device.rate_hz)):
            try:
                portaudio.check_input_settings(device.index, channels, "float32", None, rate)
            except portaudio.PortAudioError as error:
                problem = str(error)
            else:
                return channels, rate
    raise CaptureFault("device", f"{device.name!r} can't be opened: {problem}")


def _with_rates(device: Device) -> Device:
    """Rates and channels of a device, asked one by one: PortAudio knows no list."""
    portaudio, good = _portaudio(), []
    for rate_hz in RATES_HZ:
        try:
            portaudio.check_input_settings(device.index, 1, "float32", None, rate_hz)
        except portaudio.PortAudioError:
            continue
        good.append(rate_hz)
    return replace(device, rates_hz=tuple(good))


def _portaudio() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise CaptureFault(
            "library", f"PortAudio is missing ({error}): sudo apt install libportaudio2"
        ) from error
    return sounddevice


def _run(args: argparse.Namespace) -> None:
    if args.list:
        print(json.dumps([asdict(_with_rates(device)) for device in list_devices()]))
    else:
        capture(choose_device(list_devices(), args.device, args.prefer), args.rate)


def main() -> int:
    """Run the child; a fault is the last frame on stdout."""
    parser = argparse.ArgumentParser(prog="python -m edge.source.capture", description=__doc__)
    parser.add_argument("--device")
    parser.add_argument("--prefer", type=int, help="index, where several have the name")
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    try:
        _run(args)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone; nothing is left to flush to
    except CaptureFault as fault:
        _report(fault.kind, str(fault), args.list)
        return 1
    except Exception as error:  # PortAudio's own errors: the parent decides what to do
        _report("device", f"{type(error).__name__}: {error}", args.list)
        return 1
    return 0


def _report(kind: str, message: str, as_line: bool) -> None:
    content = {"kind": kind, "message": message}
    if as_line:
        print(json.dumps(content))
    else:
        pcm.write_message(sys.stdout.buffer, pcm.FAULT, content)


if __name__ == "__main__":
    sys.exit(main())
