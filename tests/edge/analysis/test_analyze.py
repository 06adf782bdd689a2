"""`birdlisten analyze`: recordings heard once, at their own time, and kept whole or not at all."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from edge.records.reader import open_records
from edge.system.clock import milliseconds
from tests.edge.source.test_recorded import comment, guano, wav
from tests.support import ROOT
from tests.support.factories import Ended

Birdlisten = Callable[..., Ended]


def lines(ended: Ended) -> list[tuple[Any, ...]]:
    return [(one["source"], one["species_id"], one["start_s"]) for one in ended.records()]


def kept(station: Path) -> list[tuple[Any, ...]]:
    with open_records(station) as records:
        found = [getattr(one, "candidate", one) for one in records.last(10_000)]
        done = len(records.files_done())
    told = [(one.root, one.source, one.channel, one.start_s, one.end_s, one.species_id, one.hits)
            for one in found]  # fmt: skip
    return [done, *sorted(told, key=repr)]


def test_a_recording_alone_is_analysed(birdlisten: Birdlisten, card: Path) -> None:
    ended = birdlisten(card / "DATA" / "song.flac")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 3
    assert "song.flac" not in ended.out
    assert lines(birdlisten(card / "DATA" / "song.flac", "--json"))


def test_the_line_of_a_folder_names_the_file(birdlisten: Birdlisten, card: Path) -> None:
    ended = birdlisten(card)
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 9
    assert ended.out.startswith("DATA/20240501_043000.WAV  00:00:02  ")


def test_processes_find_what_one_finds(birdlisten: Birdlisten, card: Path) -> None:
    alone = birdlisten("analyze", card, "--json", "--jobs", 1)
    assert lines(birdlisten("analyze", card, "--json", "--jobs", 3)) == lines(alone)
    assert len(alone.records()) == 9


def test_each_record_is_of_its_recordings_own_time(birdlisten: Birdlisten, card: Path) -> None:
    found = birdlisten("analyze", card, "--json", "--time-zone", "Europe/Berlin")
    dates = {one["source"][5:]: one["detected_at"] for one in reversed(found.records())}
    assert dates["song.flac"] is None
    assert dates["20240501_043000.WAV"] == "2024-05-01T02:30:02.208Z"
    assert dates["SMM01_20240502_043000.wav"] == "2024-05-02T02:30:02.208Z"
    assert {one["time_zone"] for one in found.records() if one["detected_at"]} == {"Europe/Berlin"}
    assert "time without its zone" not in found.err


def test_what_is_not_known_of_the_time_is_told_once(birdlisten: Birdlisten, card: Path) -> None:
    shutil.copy(card / "DATA" / "SMM01_20240502_043000.wav", card / "SMM01_20240503_043000.wav")
    found = birdlisten("analyze", card, "--json")
    assert found.err.count("2 recordings of a local time without its zone") == 1
    dated = {one["source"]: one["detected_at"] for one in found.records()}
    assert dated["SMM01_20240503_043000.wav"] is None
    assert dated["DATA/20240501_043000.WAV"].startswith("2024-05-01T04:30")


def test_header_place_and_trust_are_in_the_record(
    birdlisten: Birdlisten, tmp_path: Path, song
) -> None:
    plain, named = tmp_path / "plain.wav", tmp_path / "SMM01_20240501$043000.wav"
    soundfile.write(plain, *song)
    header = guano("Timestamp: 2024-05-01T04:30:00+02:00", "Loc Position: 52.5 13.4")
    named.write_bytes(plain.read_bytes() + header)
    (first, *_) = birdlisten(named, "--json").records()
    assert (first["latitude"], first["longitude"]) == (52.5, 13.4)
    assert first["clock_synchronised"] is True
    assert first["time_zone"] == "UTC+02:00"
    assert first["detected_at"].startswith("2024-05-01T02:30:02")
    (first, *_) = birdlisten(plain, "--json").records()
    assert "latitude" not in first


def test_occurrence_is_asked_of_the_recordings_date(
    birdlisten: Birdlisten, tmp_path: Path, song
) -> None:
    """Met in May alone: in November twenty times the evidence is asked."""
    table = "scientific_name," + ",".join(str(n) for n in range(1, 13))
    for name in ("Clamator glandarius", "Streptopelia decaocto"):
        table += f"\n{name}," + ",".join("1" if n == 5 else "0" for n in range(1, 13))
    (tmp_path / "met.csv").write_text(table)
    found = {}
    for month in ("05", "11"):
        file = tmp_path / f"2024{month}15_043000.WAV"
        soundfile.write(file, *song)
        ended = birdlisten(file, "--json", "--occurrence", tmp_path / "met.csv")
        found[month] = [one["probability"] for one in ended.records()]
    assert len(found["05"]) == 3
    assert all(sure < 0.9 for sure in found["11"])


def test_quiet_hours_are_those_of_the_recording(
    birdlisten: Birdlisten, card: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    rest = ("--quiet-hours", "04:30..04:31", "--json")
    found = birdlisten("analyze", card, *rest)
    assert {one["source"] for one in found.records()} == {
        "DATA/SMM01_20240502_043000.wav",  # of no known time
        "DATA/song.flac",
    }


def test_what_is_known_is_not_heard_again(birdlisten: Birdlisten, card: Path, tmp_path) -> None:
    output = ("--output", tmp_path / "out")
    first = birdlisten("analyze", card, *output)
    before = kept(tmp_path / "out")
    assert before[0] == 3
    table = (tmp_path / "out" / "DATA" / "song.BirdNET.results.csv").read_text()
    assert len(table.splitlines()) == 4
    assert str(tmp_path / "out") in first.out
    for file in card.rglob("*.*"):  # as a copy of a card does
        os.utime(file)
    second = birdlisten("analyze", card, *output)
    assert "3 recordings known already" in second.err
    assert kept(tmp_path / "out") == before
    assert birdlisten("analyze", card, *output, "--again").code == 0
    assert kept(tmp_path / "out") == before


def test_a_changed_recording_replaces_what_was_found_in_it(
    birdlisten: Birdlisten, card: Path, tmp_path: Path, song
) -> None:
    output = ("--output", tmp_path / "out")
    birdlisten("analyze", card, *output)
    samples, rate_hz = song
    soundfile.write(card / "DATA" / "song.flac", samples[: 8 * rate_hz], rate_hz)
    ended = birdlisten("analyze", card, *output)
    assert "2 recordings known already" in ended.err
    found = kept(tmp_path / "out")
    assert sum(record[1] == "DATA/song.flac" for record in found[1:]) == 1
    table = (tmp_path / "out" / "DATA" / "song.BirdNET.results.csv").read_text()
    assert len(table.splitlines()) == 2


def test_other_settings_hear_anew(birdlisten: Birdlisten, card: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "out")
    birdlisten("analyze", card, *output)
    ended = birdlisten("analyze", card, *output, "--exclude", "Streptopelia decaocto")
    assert "known already" not in ended.err
    assert {record[5] for record in kept(tmp_path / "out")[1:]} >= {"clamator_glandarius"}
    reported = (tmp_path / "out" / "DATA" / "song.BirdNET.results.csv").read_text()
    assert "Streptopelia" not in reported


def test_two_cards_that_look_alike_stay_apart(
    birdlisten: Birdlisten, card: Path, tmp_path: Path
) -> None:
    shutil.copytree(card, tmp_path / "other")
    birdlisten("analyze", card, tmp_path / "other", "--output", tmp_path / "out")
    found = kept(tmp_path / "out")
    assert found[0] == 6
    assert len({record[0] for record in found[1:]}) == 2
    tables = sorted(path.name for path in (tmp_path / "out" / "DATA").iterdir())
    assert len(tables) == 6
    assert "song-2.BirdNET.results.csv" in tables


def test_a_bad_recording_is_named_and_the_rest_goes_on(
    birdlisten: Birdlisten, card: Path, tmp_path: Path
) -> None:
    (card / "bad.wav").write_bytes(b"no sound at all" * 1000)
    whole = (card / "DATA" / "20240501_043000.WAV").read_bytes()
    (card / "cut.wav").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        ended = birdlisten("analyze", card, card / "gone.wav", "--output", tmp_path / "out")
        assert ended.code == 1
        assert "bad.wav: not readable as audio" in ended.err
        assert "cut.wav: ends after 15.0 s of the 30.0 s" in ended.err
        assert "gone.wav: no such file" in ended.err
        assert "3 of 6 files could not be used" in ended.err
    found = kept(tmp_path / "out")
    assert found[0] == 4
    assert [record[1] for record in found[1:]].count("cut.wav") >= 1


def test_each_channel_is_heard_by_itself(birdlisten: Birdlisten, tmp_path: Path, song) -> None:
    samples, rate_hz = song
    silence = np.zeros(5 * rate_hz, np.float32)
    both = np.append(samples, silence), np.append(silence, samples)
    soundfile.write(tmp_path / "a.wav", np.stack(both, axis=1), rate_hz)
    found = birdlisten(tmp_path / "a.wav", "--channel", "each", "--json").records()
    first = {one["channel"]: one["start_s"] for one in reversed(found)}
    assert first[2] - first[1] == pytest.approx(5, abs=0.3)
    right = birdlisten(tmp_path / "a.wav", "--channel", "right", "--json").records()
    assert right[0]["start_s"] == first[2]
    assert "channel 2" in birdlisten(tmp_path / "a.wav", "--channel", "each").out
    refused = birdlisten(tmp_path / "a.wav", "--channel", "3")
    assert refused.code == 1
    assert "has 2 channels, not the asked for 3" in refused.err
    assert birdlisten(tmp_path / "a.wav", "--channel", "up").code == 2


def test_a_folder_without_recordings_says_so(birdlisten: Birdlisten, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    ended = birdlisten("analyze", tmp_path)
    assert ended.code == 1
    assert "no audio files here" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("analyse", "x.wav"), "did you mean 'analyze'"),
        (("recordz",), "no command, and no recording here"),
        (("nowhere.wav",), "no such file"),
        (("analyze", "x.wav", "--format", "cvs"), "did you mean 'csv'"),
        (("analyze", "x.wav", "--time-zone", "Berlin"), "time zone: 'Berlin' is unknown"),
    ],
)
def test_what_is_mistyped_is_told(birdlisten: Birdlisten, arguments, told: str) -> None:
    ended = birdlisten(*arguments)
    assert ended.code in (1, 2)
    assert told in ended.err


def test_flags_may_stand_before_the_command(birdlisten: Birdlisten, card: Path) -> None:
    file = card / "DATA" / "song.flac"
    expected = lines(birdlisten("analyze", file, "--json", "--threshold", "0.9"))
    assert lines(birdlisten("--threshold", "0.9", "--json", "analyze", file)) == expected
    assert lines(birdlisten("--json", file, "--threshold", "0.9")) == expected


def analysis(card: Path, output: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "edge", "analyze", str(card), "--output", str(output)]
    return [*command, *more]


def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path, song) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for number in range(8):
        soundfile.write(card / f"{number}.wav", *song)
    subprocess.run(analysis(card, tmp_path / "whole"), cwd=ROOT, check=True, capture_output=True)
    moments = random.Random(0)
    for _ in range(6):
        run = subprocess.Popen(
            analysis(card, tmp_path / "cut", "--jobs", "2"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.5, 5))
        run.send_signal(signal.SIGKILL)
        run.wait()
    last = subprocess.run(
        analysis(card, tmp_path / "cut"), cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert kept(tmp_path / "cut") == kept(tmp_path / "whole")
    assert len(last.stdout.splitlines()) == 8 or "known already" in last.stderr


def test_a_station_that_listens_is_left_alone(
    birdlisten: Birdlisten, card: Path, tmp_path: Path
) -> None:
    """Records go beside the tables, the station's only where it is named."""
    birdlisten("analyze", card, "--output", tmp_path / "out")
    assert not (tmp_path / "state").exists()
    birdlisten("analyze", card, "--output", tmp_path / "tables", "--station", tmp_path / "field")
    assert kept(tmp_path / "field") == kept(tmp_path / "out")
    assert not (tmp_path / "tables" / "birdlisten.db").exists()
    (first, *_) = json.loads((birdlisten("analyze", card, "--json").out.splitlines())[0]).items()
    assert first == ("schema", 1)


def test_a_comment_dates_a_recording(birdlisten: Birdlisten, tmp_path: Path, song) -> None:
    said = "Recorded at 04:30:00 01/05/2024 (UTC-5) by AudioMoth 24F319055FDF2205 at medium gain."
    soundfile.write(tmp_path / "plain.wav", *song)
    (tmp_path / "a.wav").write_bytes((tmp_path / "plain.wav").read_bytes() + comment(said))
    (first, *_) = birdlisten(tmp_path / "a.wav", "--json").records()
    assert milliseconds(first["detected_at"]) == milliseconds("2024-05-01T09:30:02.208Z")
    assert wav(tmp_path / "b.wav").exists()
