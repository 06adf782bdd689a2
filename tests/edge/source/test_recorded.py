"""Time and place of a recording, by what recorders write into files and their names."""

import struct
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.source.recorded import Recorded, recorded
from edge.system.clock import iso_utc

BERLIN = ZoneInfo("Europe/Berlin")
SOUND = bytes(9600)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


FORM = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16))


def wav(path: Path, *chunks: bytes, first: bool = False) -> Path:
    """A WAV with further chunks behind its sound, or before it."""
    sound = chunk(b"data", SOUND)
    body = b"WAVE" + FORM + b"".join([*chunks, sound] if first else [sound, *chunks])
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def guano(*lines: str) -> bytes:
    return chunk(b"guan", "\n".join(("GUANO|Version: 1.0", *lines)).encode())


def comment(text: str) -> bytes:
    return chunk(b"LIST", b"INFO" + chunk(b"ICMT", text.encode() + b"\0"))


def bext(date: str, time: str) -> bytes:
    return chunk(b"bext", bytes(320) + date.encode() + time.encode() + bytes(264))


def begun(found: Recorded) -> str | None:
    return None if found.begun_ms is None else iso_utc(found.begun_ms)


@pytest.mark.parametrize(
    ("name", "zone", "expected", "gps"),
    [
        ("20240501_043000.WAV", None, "2024-05-01T04:30:00.000Z", False),
        ("20240501_043000.WAV", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("20240501_043000T.WAV", None, "2024-05-01T04:30:00.000Z", False),
        ("24F319055FDF2205_20240501_043000.WAV", None, "2024-05-01T04:30:00.000Z", False),
        ("5F16A04E.WAV", None, "2020-07-21T07:59:10.000Z", False),
        ("SMM01_20240501_043000.wav", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("SMM01_20240501$043000.wav", BERLIN, "2024-05-01T02:30:00.000Z", True),
        ("SM3_0+1_20240501_043000.wav", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("S4A_20240501_043000_123456.wav", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("SwiftOne_20240501_043000_-0400.wav", None, "2024-05-01T08:30:00.000Z", False),
        ("SwiftOne_20240501_043000_-0400.wav", BERLIN, "2024-05-01T08:30:00.000Z", False),
        ("20240501T043000+1000_REC.flac", None, "2024-04-30T18:30:00.000Z", False),
        ("OWL_12_2024-05-01_04-30-00.WAV", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("2024-05-01-birdnet-04:30:00.wav", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("2024-05-01-birdnet-RTSP_2-04:30:00.wav", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("2024-05-01 04.30.00.m4a", BERLIN, "2024-05-01T02:30:00.000Z", False),
        ("song.wav", BERLIN, None, False),
        ("20241350_043000.wav", BERLIN, None, False),
        ("19700101_000012.WAV", None, None, False),
        ("DEADBEEF.wav", None, None, False),
        ("00000001.wav", None, None, False),
        ("XC123456.mp3", BERLIN, None, False),
        ("120240501_0430001.wav", BERLIN, None, False),
    ],
)
def test_a_name_in_a_recorders_form_is_a_time(
    tmp_path: Path, name: str, zone: tzinfo | None, expected: str | None, gps: bool
) -> None:
    found = recorded(tmp_path / name, zone)
    assert (begun(found), found.synchronised) == (expected, gps)
    assert not found.lacks_zone


@pytest.mark.parametrize("name", ["SMM01_20240501_043000.wav", "2024-05-01-birdnet-04:30:00.wav"])
def test_a_local_time_of_no_zone_is_told_and_not_guessed(tmp_path: Path, name: str) -> None:
    found = recorded(tmp_path / name)
    assert found.begun_ms is None
    assert found.lacks_zone


@pytest.mark.parametrize(
    ("line", "expected", "zone"),
    [
        ("2024-05-01T04:30:00+02:00", "2024-05-01T02:30:00.000Z", "UTC+02:00"),
        ("2024-05-01T04:30:00.5Z", "2024-05-01T04:30:00.500Z", "UTC"),
        ("2024-05-01 04:30:00-0930", "2024-05-01T14:00:00.000Z", "UTC-09:30"),
        ("2024-05-01T04:30:00.123456789+00:00", "2024-05-01T04:30:00.123Z", "UTC"),
    ],
)
def test_guano_says_when_and_where(tmp_path: Path, line: str, expected: str, zone: str) -> None:
    lines = (f"Timestamp: {line}", "Loc Position: 52.5 -13.4", "Make: Wildlife Acoustics")
    found = recorded(wav(tmp_path / "SMM01_20200101_000000.wav", guano(*lines)))
    assert (begun(found), found.zone) == (expected, zone)
    assert found.place is not None
    assert (found.place.latitude, found.place.longitude) == (52.5, -13.4)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("19:22:55 14/12/2020 (UTC-5)", "2020-12-15T00:22:55.000Z"),
        ("19:22:55 14/12/2020 (UTC)", "2020-12-14T19:22:55.000Z"),
        ("19:22:55 14/12/2020 (UTC+0130)", "2020-12-14T17:52:55.000Z"),
        ("19:22:55.250 14/12/2020 (UTC+5:30)", "2020-12-14T13:52:55.000Z"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_audiomoths_comment(tmp_path: Path, said: str, expected: str, first: bool) -> None:
    text = f"Recorded at {said} by AudioMoth 24F319055FDF2205 at medium gain while battery was 4V."
    assert begun(recorded(wav(tmp_path / "a.wav", comment(text), first=first))) == expected


def test_the_surest_source_counts(tmp_path: Path) -> None:
    """GUANO, then bext, then the comment, then the name."""
    said = "Recorded at 01:00:00 01/05/2024 (UTC) by AudioMoth 24F319055FDF2205 at medium gain."
    chunks = [comment(said), bext("2024-05-01", "02:00:00"), guano("Timestamp: 2024-05-01T03:00Z")]
    file = tmp_path / "20240501_000000.WAV"
    hours = [int((begun(recorded(file, timezone.utc)) or "")[11:13])]
    hours += [
        int((begun(recorded(wav(file, *chunks[: n + 1]), timezone.utc)) or "")[11:13])
        for n in range(3)
    ]
    assert hours == [0, 1, 2, 3]


def test_a_header_without_an_offset_takes_the_zone_that_is_given(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", guano("Timestamp: 2024-05-01T04:30:00"))
    assert recorded(file).lacks_zone
    found = recorded(file, BERLIN)
    assert (begun(found), found.zone) == ("2024-05-01T02:30:00.000Z", "Europe/Berlin")
    half_past = timezone(timedelta(hours=5, minutes=30))
    assert begun(recorded(file, half_past)) == "2024-04-30T23:00:00.000Z"


@pytest.mark.parametrize(
    "content",
    [
        guano("Timestamp: yesterday", "Loc Position: here"),
        guano("Loc Position: 152.5 13.4"),
        bext("0000-00-00", "00:00:00"),
        comment("Recorded at 25:00:00 01/05/2024 (UTC) by AudioMoth 24F319055FDF2205"),
        chunk(b"guan", b"\xff\xfe\0\0Timestamp"),
        chunk(b"bext", b"short"),
    ],
)
def test_a_header_that_says_nothing_usable_is_none(tmp_path: Path, content: bytes) -> None:
    found = recorded(wav(tmp_path / "a.wav", content), BERLIN)
    assert found == Recorded()
