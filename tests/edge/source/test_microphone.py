"""The microphone against a real PulseAudio: arrival, a killed child, an unplugged device."""

import itertools
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import DeviceError
from edge.source.block import Block
from edge.source.capture import CaptureFault, Device, choose_device
from edge.source.microphone import (
    Microphone,
    arecord_devices,
    describe_devices,
    input_devices,
)
from edge.source.supervisor import Patience, Supervisor
from tests.support.pulse import Pulse, capture_children

IMPATIENT = Patience(first_block_s=4, silence_s=1, backoff_s=0.2, backoff_max_s=0.5)
PATIENCE_S = 30


def listened(device: str, wait: bool = False, backend: str = "auto") -> Supervisor:
    return Supervisor(Microphone(device, 48_000, backend), wait, IMPATIENT)


class Recorder:
    """Takes what a microphone delivers in a thread, so that no test can hang on it."""

    def __init__(self, microphone: Supervisor) -> None:
        self._blocks: queue.Queue[Block | BaseException] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._record, args=(microphone,))
        self._thread.start()

    def _record(self, microphone: Supervisor) -> None:
        source = microphone.blocks()
        try:
            for block in source:
                if len(block.samples):
                    self._blocks.put(block)
                if self._stop.is_set():
                    break
        except BaseException as error:
            self._blocks.put(error)
        finally:
            source.close()

    def next(self) -> Block:
        one = self._blocks.get(timeout=PATIENCE_S)
        if isinstance(one, BaseException):
            raise one
        return one

    def drain(self) -> Block:
        """The newest block that has arrived."""
        newest = self.next()
        while not self._blocks.empty():
            newest = self.next()
        return newest

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture
def record(pulse: Pulse) -> Iterator[Callable[[], Recorder]]:
    recorders: list[Recorder] = []

    def start() -> Recorder:
        recorders.append(Recorder(listened("pulse")))
        return recorders[-1]

    yield start
    for recorder in recorders:
        recorder.stop()


def test_the_devices_are_listed(pulse: Pulse) -> None:
    devices = input_devices()
    assert "pulse" in [device.name for device in devices]
    assert all(device.channels > 0 and device.rate_hz > 0 for device in devices)
    for device in devices:
        assert f"{device.index}  {device.name}" in describe_devices()


def test_listing_devices_again_and_again_gives_the_same(pulse: Pulse) -> None:
    first = input_devices()
    assert [input_devices() for _ in range(3)] == [first] * 3


def test_what_is_played_arrives_whole_and_in_order(
    record: Callable[[], Recorder], pulse: Pulse, tone, pitch, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(1234, 20), 48_000)
    recorder = record()
    recorder.next()
    pulse.play(tmp_path / "tone.wav")
    for _ in range(100):
        block = recorder.next()
        if np.abs(block.samples).max() > 0.2:
            break
    heard = [recorder.next() for _ in range(12)]
    assert all(a.end_sample == b.first_sample for a, b in itertools.pairwise(heard))
    samples = np.concatenate([one.samples for one in heard])
    assert {one.rate_hz for one in heard} == {48_000}
    assert samples.dtype == np.float32
    assert pitch(samples, 48_000) == pytest.approx(1234, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.3, rel=0.05)


def test_a_killed_child_is_replaced_and_the_gap_shows(record: Callable[[], Recorder]) -> None:
    recorder = record()
    before = recorder.next()
    (child,) = capture_children(os.getpid())
    os.kill(child, signal.SIGKILL)
    last = before
    for _ in range(200):
        block = recorder.next()
        if block.first_sample != last.end_sample:
            break
        last = block
    assert block.first_sample > last.end_sample
    assert recorder.next().first_sample == block.end_sample
    (successor,) = capture_children(os.getpid())
    assert successor != child


def test_no_child_is_left_when_listening_stops(pulse: Pulse) -> None:
    recorder = Recorder(listened("pulse"))
    recorder.next()
    assert len(capture_children(os.getpid())) == 1
    recorder.stop()
    assert capture_children(os.getpid()) == []


@pytest.mark.parametrize("name", ["no-such-device", "99"])
def test_an_absent_device_is_an_error_that_lists_those_that_are_there(
    pulse: Pulse, name: str
) -> None:
    with pytest.raises(DeviceError, match=name) as caught:
        next(listened(name).blocks())
    assert "pulse" in str(caught.value)


def test_an_absent_device_is_waited_for_when_asked(
    pulse: Pulse, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    supervisor = listened("no-such-device", wait=True)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            raise InterruptedError

    monkeypatch.setattr(supervisor._stopped, "wait", wait)
    with pytest.raises(InterruptedError):
        next(supervisor.blocks())
    assert waits == [0.2, 0.4, 0.5, 0.5]
    assert caplog.text.count("no-such-device") == 1


def test_an_unplugged_device_is_retried_quietly_and_comes_back(
    record: Callable[[], Recorder], pulse: Pulse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "edge.source")
    recorder = record()
    before = recorder.next()
    pulse.unplug()
    threading.Event().wait(2)
    last = recorder.drain() if not recorder._blocks.empty() else before
    assert sum(len(record.getMessage()) for record in caplog.records) < 20_000
    pulse.plug_in()
    for _ in range(200):
        after = recorder.next()
        if after.first_sample > last.end_sample + 48_000:
            break
    assert after.first_sample > last.end_sample + 48_000
    assert recorder.next().first_sample == after.end_sample


def test_arecord_stands_in_for_portaudio(pulse: Pulse, tone, pitch, tmp_path: Path) -> None:
    assert "pulse" in [device.name for device in arecord_devices()]
    soundfile.write(tmp_path / "tone.wav", tone(1234, 20), 48_000)
    pulse.play(tmp_path / "tone.wav")
    recorder = Recorder(listened("pulse", backend="arecord"))
    try:
        blocks = [recorder.next() for _ in range(20)]
    finally:
        recorder.stop()
    assert all(a.end_sample == b.first_sample for a, b in itertools.pairwise(blocks))
    samples = np.concatenate([block.samples for block in blocks[8:]])
    assert pitch(samples, 48_000) == pytest.approx(1234, abs=2)


def test_where_portaudio_is_missing_arecord_is_used_unasked(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    recorder = Recorder(listened("pulse"))
    try:
        assert len(recorder.next().samples)
    finally:
        recorder.stop()
    assert {device.host_api for device in input_devices()} == {"arecord"}
    with pytest.raises(DeviceError, match="libportaudio2"):
        next(listened("pulse", backend="portaudio").blocks())


def test_without_anything_to_record_with_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match="apt install"):
        next(listened("pulse", wait=True).blocks())


def test_a_device_is_found_again_by_its_name_when_indices_change() -> None:
    usb = Device(2, "USB Mic: - (hw:1,0)", 1, 48_000, "ALSA", False, usb_id="0d8c:013c")
    other = Device(3, "Webcam: - (hw:2,0)", 1, 48_000, "ALSA", True)
    twin = Device(4, "USB Mic: - (hw:1,0)", 1, 48_000, "ALSA", False, usb_id="0d8c:013c")
    assert choose_device([other, usb], "0d8c:013c") is usb
    assert choose_device([other, usb], "usb mic") is usb
    assert choose_device([other, usb], usb.lasting) is usb
    assert choose_device([replace(other, name="Webcam: - (hw:0,0)"), usb], other.lasting).index == 3
    assert choose_device([other, usb, twin], usb.name, preferred=4) is twin
    assert choose_device([other, twin], usb.name, preferred=2) is twin
    assert choose_device([usb, twin], "0d8c:013c", preferred=7) is usb
    with pytest.raises(CaptureFault, match="more than one"):
        choose_device([usb, twin], "USB")
