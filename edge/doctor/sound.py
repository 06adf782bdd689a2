"""Checks of the sound: permission, devices, and the level of what is recorded."""

import grp
import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.config import Settings
from edge.contract.audio import Waveform
from edge.contract.errors import BirdlistenError
from edge.doctor.finding import BAD, DOUBT, GOOD, Finding, judged
from edge.dsp.gate import GateConfig
from edge.source.fault import SourceFault
from edge.source.microphone import Microphone, input_devices
from edge.source.supervisor import Patience

_RATE_HZ = 48_000
_QUIET_DBFS, _LOUD_DBFS = -55.0, -12.0
"""A quiet wood should be above the one, a dawn chorus below the other."""
_CLIPPED_SHARE = 1e-4


@dataclass(frozen=True)
class Level:
    """Level of some seconds of sound."""

    dbfs: float
    """Root mean square, in dB re full scale."""
    peak_dbfs: float
    clipped: float
    """Share of the samples."""
    offset: float
    """Mean, of full scale."""
    flat: bool
    """Nothing moves at all."""


def check_permission(folder: Path = Path("/dev/snd")) -> Finding:
    """Check that sound cards may be opened."""
    cards = sorted(folder.glob("pcm*c")) if folder.is_dir() else []
    if not cards:
        return Finding(
            "permission",
            DOUBT,
            f"no capture device in {folder}",
            "plug in a microphone; in a container add --device /dev/snd; a sound server works too",
        )
    closed = [card for card in cards if not os.access(card, os.R_OK | os.W_OK)]
    if not closed:
        return Finding("permission", GOOD, f"{len(cards)} capture devices can be opened")
    owner = _group(closed[0].stat().st_gid)
    return Finding(
        "permission",
        BAD,
        f"{closed[0]} belongs to the group {owner}, which you are not in",
        f"sudo usermod -aG {owner} $USER, and log in again; in a container --group-add {owner}",
    )


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:  # the host's, in a container
        return str(number)


def check_devices(settings: Settings) -> Finding:
    """Check that anything can be recorded from."""
    try:
        devices = input_devices(settings.backend)
    except BirdlistenError as error:
        return Finding("devices", BAD, str(error), "install what is missing")
    names = ", ".join(device.name for device in devices)
    return judged(
        "devices", bool(devices), names or "none", "plug in a microphone; try --backend arecord"
    )


def check_sound(settings: Settings, seconds: float) -> Iterator[Finding]:
    """Record for some seconds: the rate that is got, and the level, with advice."""
    microphone = Microphone(settings.device, _RATE_HZ, settings.backend)
    try:
        samples, rate_hz = _record(microphone, seconds)
    except (SourceFault, BirdlistenError) as fault:
        advice = "birdlisten devices lists what is there; is another program recording?"
        yield Finding("microphone", BAD, f"{microphone.name}: {fault}", advice)
        return
    yield judged(
        "microphone",
        good=rate_hz == _RATE_HZ,
        found=f"{microphone.name} at {rate_hz} Hz",
        advice=f"{_RATE_HZ} Hz is wanted: birds sing up to 12 kHz, and less is resampled",
        otherwise=DOUBT,
    )
    yield judge_level(measure(samples))


def _record(microphone: Microphone, seconds: float) -> tuple[Waveform, int]:
    recorded: list[Waveform] = []
    with closing(microphone.blocks(Patience())) as blocks:
        for block in blocks:
            recorded.append(block.samples)
            if block.end_sample >= seconds * block.rate_hz:
                break
    return np.concatenate(recorded), block.rate_hz


def measure(samples: Waveform) -> Level:
    """The level of float32[samples]."""
    offset = float(samples.mean())
    rms = float(np.sqrt(np.mean(np.square(samples - np.float32(offset)))))
    loudest = float(np.abs(samples).max())
    clipped = float((np.abs(samples) >= GateConfig.clip_level).mean())
    return Level(
        dbfs=_dbfs(rms), peak_dbfs=_dbfs(loudest), clipped=clipped, offset=offset, flat=rms == 0
    )


def judge_level(level: Level) -> Finding:
    """Advice about a level."""
    found = f"{level.dbfs:.0f} dBFS, peak {level.peak_dbfs:.0f} dBFS"
    if level.flat:
        return Finding("level", BAD, "the signal does not move", "unmute it: alsamixer, F4, space")
    if level.clipped > _CLIPPED_SHARE:
        share = f"{100 * level.clipped:.2g} % clipped"
        return Finding("level", BAD, f"{found}, {share}", "lower the gain: alsamixer, F4")
    if level.dbfs > _LOUD_DBFS:
        return Finding("level", DOUBT, found, "loud: lower the gain, or mind what hums near by")
    if level.dbfs < _QUIET_DBFS:
        return Finding("level", DOUBT, found, "raise the gain: alsamixer, F4")
    return Finding("level", GOOD, found)


def _dbfs(value: float) -> float:
    return 20 * math.log10(max(value, 1e-9))
