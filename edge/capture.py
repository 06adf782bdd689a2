"""The capture child: PortAudio in callback mode, framed PCM on stdout.

    python -m edge.capture --device 0 --rate 48000      a device by index or part of its name
    python -m edge.capture --list                       JSON list of input devices

Runs in a process of its own because PortAudio can hang, loop or flood stderr when a device
vanishes: the parent kills it and starts another, which also scans the devices afresh. Imports
neither numpy nor onnxruntime.
"""

import argparse
import json
import os
import queue
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from edge.source import pcm

_BLOCK_S = 0.1
_QUEUED_BLOCKS = 300


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


class CaptureFault(Exception):
    """Why no audio comes: `kind` is `absent`, `library` or `device`."""

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
            one["index"],
            one["name"],
            one["max_input_channels"],
            int(one["default_samplerate"]),
            apis[one["hostapi"]],
            one["index"] == default,
        )
        for one in portaudio.query_devices()
        if one["max_input_channels"] > 0
    ]


def choose_device(devices: list[Device], wanted: str | None) -> Device:
    """The device with an index, a name, or a part of a name; None takes the default or first.

    Raises:
        CaptureFault: there is none, or several match.
    """
    if not devices:
        raise CaptureFault("absent", "no input device found")
    if wanted is None:
        return next((one for one in devices if one.default), devices[0])
    if wanted.isdecimal():
        found = [one for one in devices if one.index == int(wanted)]
    else:
        found = [one for one in devices if one.name.lower() == wanted.lower()]
        found = found or [one for one in devices if wanted.lower() in one.name.lower()]
    if len(found) != 1:
        problem = "no input device" if not found else "more than one input device"
        raise CaptureFault("absent", f"{problem} matches {wanted!r}")
    return found[0]


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
        hello = {"device": device.name, "rate_hz": rate_hz, "channels": channels}
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
        print(json.dumps([asdict(one) for one in list_devices()]))
    else:
        capture(choose_device(list_devices(), args.device), args.rate)


def main() -> int:
    """Run the child; a fault is the last frame on stdout."""
    parser = argparse.ArgumentParser(prog="python -m edge.capture", description=__doc__)
    parser.add_argument("--device")
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
