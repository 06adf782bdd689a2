"""`birdlisten export clips`: WAV files whose metadata other programs read."""

import wave
from pathlib import Path

import numpy as np
import pytest

from edge.clip.store import ClipStore, ClipStoreConfig
from edge.records.detection import Clip, ClipKept
from edge.records.store import Store
from edge.report.guano import guano_text, wav_with_guano
from edge.report.row import Row
from edge.source.recorded import recorded
from edge.source.recording import read_recording
from tests.support.factories import detection

guano = pytest.importorskip("guano")
RATE_HZ = 48_000
SOUND = (np.sin(np.arange(RATE_HZ * 2 + 1) / 9) * 20_000).astype(np.int16)
PLACE = {"latitude": 52.5, "longitude": 13.25}


def of(number: int, **change: object):
    return detection(
        id=f"01990000-0000-7000-8000-{number:012}",
        detected_at=f"2026-05-0{number}T04:30:00.000Z",
        time_zone="Europe/Berlin",
        start_s=10.0,
        **change,
    )


@pytest.fixture
def station(tmp_path: Path) -> Path:
    station = tmp_path / "station"
    store = Store(station)
    clips = ClipStore(station, ClipStoreConfig(free_bytes=0))
    for record in (of(1, **PLACE), of(2), of(3), of(4)):
        store.write(record)
        if record.id[-1] != "4":
            path = clips.put(Clip(record, SOUND, RATE_HZ, SOUND))
            store.write_all([ClipKept(record.id, path)])
    store.review(of(1).id, "confirmed", "parus_major")
    store.review(of(2).id, "rejected")
    store.close()
    return station


def test_each_clip_is_a_wav_with_its_species(birdlisten, station: Path, tmp_path: Path) -> None:
    ended = birdlisten("export", "clips", "--output", tmp_path / "out", "--station", station)
    assert ended.code == 0
    files = sorted(map(Path, ended.out.splitlines()))
    assert [file.parent.name for file in files] == ["Common_Cuckoo", "Common_Cuckoo", "Parus_major"]
    (great_tit,) = (file for file in files if file.parent.name == "Parus_major")
    told = guano.GuanoFile(str(great_tit))
    assert told["Species Auto ID"] == "Cuculus canorus"
    assert told["Species Manual ID"] == "Parus major"
    assert told["Timestamp"].isoformat() == "2026-05-01T06:29:57+02:00"  # 3 s before the record
    assert told["Loc Position"] == (52.5, 13.25)
    assert told["Samplerate"] == RATE_HZ
    assert told["birdlisten", "Record"] == of(1).id
    assert "Species Manual ID" not in guano.GuanoFile(str(files[0]))
    with wave.open(str(great_tit)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    np.testing.assert_array_equal(samples, SOUND)
    assert recorded(great_tit).begun_ms is not None


def test_a_copy_can_be_heard_again(birdlisten, station: Path, tmp_path: Path) -> None:
    day = ("--day", "2026-05-02")
    ended = birdlisten("export", "clips", *day, "--output", tmp_path / "o", "--station", station)
    (copy,) = ended.out.splitlines()
    sound, rate_hz = read_recording(Path(copy))
    assert (len(sound), rate_hz) == (len(SOUND), RATE_HZ)


def test_what_can_not_be_copied_is_named_and_the_rest_goes_on(
    birdlisten, station: Path, tmp_path: Path
) -> None:
    first, second, _ = sorted((station / "clips").rglob("*.flac"))
    first.write_bytes(b"fLaC")
    second.unlink()
    ended = birdlisten("export", "clips", "--output", tmp_path / "out", "--station", station)
    assert ended.code == 1
    assert first.name in ended.err
    assert len(ended.out.splitlines()) == 1


def test_without_clips_it_says_what_keeps_them(birdlisten, station: Path, tmp_path: Path) -> None:
    where = ("--output", tmp_path / "out", "--station", station)
    ended = birdlisten("export", "clips", "--day", "2026-05-04", *where)
    assert ended.code == 2
    assert "--clips" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["", "a\nb: c", "é\u2028x\x85y\0", "Species Auto ID: z", "x" * 999]
)
@pytest.mark.parametrize("length", [0, 1, 2])
def test_no_name_breaks_a_line_or_the_wav(tmp_path: Path, name: str, length: int) -> None:
    row = Row(detection(scientific_name=name, source="a\nSpecies Auto ID: x.wav"))
    text = guano_text(row, before_s=0.0, rate_hz=8000, length_s=length / 8000)
    assert sum(line.startswith("Species Auto ID") for line in text.splitlines()) <= 1
    file = tmp_path / "a.wav"
    file.write_bytes(wav_with_guano(np.zeros(length, np.int16), 8000, text))
    with wave.open(str(file)) as sound:
        assert sound.getnframes() == length
    assert guano.GuanoFile(str(file))["Samplerate"] == 8000
