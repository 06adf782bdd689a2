import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.cli import COMMANDS
from edge.command.arguments import parse
from edge.contract.bundle import load_bundle
from edge.recognition.recognizer import Recognizer
from edge.source.framing import frame_waveform
from edge.system.address import USUAL_PAGE
from tests.support.factories import BundleFolder, Ended

Run = Callable[..., Ended]


@pytest.fixture
def songs(tmp_path: Path, tone) -> list[Path]:
    """Three good recordings of a few seconds each, unlike each other."""
    paths = [tmp_path / "songs" / name for name in ("a.wav", "b.flac", "c.ogg")]
    paths[0].parent.mkdir()
    for n, path in enumerate(paths):
        samples = tone(1000 + 900 * n, 3.5 + n) * (np.arange(168_000 + 48_000 * n) % 9000 < 5000)
        soundfile.write(path, samples.astype(np.float32), 48_000)
    return paths


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    (tmp_path / "text.wav").write_text("not audio\n" * 100)
    return tmp_path / "text.wav"


BAD_INPUTS: dict[str, tuple[Callable[[Path], list[object]], int, str]] = {
    "no such device": (lambda at: ["--device", "no-such-device"], 1, "no input device"),
    "no bundle": (lambda at: ["--bundle", at / "absent"], 1, "--bundle"),
    "bundle is a file": (lambda at: ["--bundle", at / "text.wav"], 1, "--bundle"),
    "empty folder": (lambda at: ["--input", at / "empty"], 1, "no audio files"),
    "missing file": (lambda at: ["--input", at / "absent.wav"], 1, "absent.wav"),
    "text file": (lambda at: ["--input", at / "text.wav"], 1, "text.wav"),
    "dead stream": (lambda at: ["--input", "http://127.0.0.1:9/x"], 1, "127.0.0.1:9"),
    "very long name": (lambda at: ["--input", "a" * 300], 1, "aaa"),
    "unknown set": (lambda at: ["--species", "eagles"], 2, "'all'"),
    "long unknown set": (lambda at: ["--species", "e" * 300], 2, "'all'"),
    "only strangers": (lambda at: ["--species", at / "dodo.txt", "--input", "x"], 1, "species"),
    "some strangers": (lambda at: ["--species", at / "mixed.txt", "--input", "x"], 1, "odo"),
    "no species": (lambda at: ["--species", at / "none.txt", "--input", "x"], 2, "none.txt"),
    "no config": (lambda at: ["--config", at / "absent.yaml"], 2, "absent.yaml"),
    "hop over window": (lambda at: ["--hop", "99", "--input", "x"], 2, "hop"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_ends_with_what_was_found(
    birdlisten: Run, tmp_path: Path, text_file: Path, case: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dodo.txt").write_text("Raphus cucullatus\n")
    (tmp_path / "mixed.txt").write_text("Cuculus canorus\nDodo dodo\n")
    (tmp_path / "none.txt").write_text("# nobody\n")
    arguments, code, named = BAD_INPUTS[case]
    ended = birdlisten(*arguments(tmp_path))
    assert (ended.code, ended.out) == (code, "")
    assert named in ended.err


def test_an_absent_device_lists_the_devices_or_names_the_demo(birdlisten: Run) -> None:
    ended = birdlisten("--device", "no-such-device")
    assert "Input devices" in ended.err or "birdlisten demo" in ended.err


LOOKS = ("why", "records", "today", "report", "export", "import", "publish")
"""Commands that need a station's records, and no bundle."""
NEEDED = {
    **{command: ["x.wav"] for command in ("identify", "analyze", "rematch")},
    "search": ["--text", "Cuckoo"],
    "teach": ["x.wav", "--as", "Cuckoo"],
}
"""Arguments that a command is refused without."""


def test_a_broken_bundle_ends_in_one_line(birdlisten: Run, bundle_copy: BundleFolder) -> None:
    bundle_copy.file("gallery.rows").write_bytes(b"x")
    for command in COMMANDS:
        files = NEEDED.get(command, [])
        if command not in (*LOOKS, "devices", "confirm", "reject", "doctor", "service", "web"):
            ended = birdlisten(command, "--bundle", bundle_copy.path, *files)
            assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bogus"],
        ["sing"],
        ["identify"],
        ["identify", "--top", "0", "x"],
        ["identify", "--top", "x", "x"],
        ["--device"],
        ["--device", "0", "--input", "x"],
        ["--threshold", "2"],
        ["--threshold", "high"],
        ["--hop", "0"],
        ["--hop", "nan"],
        ["--hop", "inf"],
        ["--rate", "0", "--input", "-"],
        ["--precision", "fp64"],
        ["devices", "--input", "x"],
        ["identify", "x.wav", "--hop", "99"],
        ["identify", "x.wav", "--threshold", "0.99"],
        ["identify", "x.wav", "--caution", "5"],
        ["identify", "x.wav", "--overrides", "/nope.csv"],
        ["identify", "x.wav", "--device", "0"],
        ["reject", "x", "--json"],
        ["confirm", "x", "--undo", "--as", "Strix aluco"],
        ["learn-background", "--watch"],
        ["bench", "--species", "all"],
        ["doctor", "--seconds", "nan"],
        ["doctor", "--seconds", "-1"],
        ["bench", "--threads", "²"],
        ["identify", "--top", "²", "x"],
        ["identify", "--top", "9" * 5000, "x"],
        ["learn-background", "--minutes", "1e999"],
        ["--input", ""],
        ["--rate", "48k", "--input", "-"],
        ["--threshold", "0,5"],
    ],
)
def test_a_usage_error_is_one_line_and_exit_2(birdlisten: Run, arguments: list[str]) -> None:
    ended = birdlisten(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "_positive" not in ended.err
    assert "invalid" not in ended.err or "choose from" in ended.err


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_every_command_has_help(birdlisten: Run, command: str | None) -> None:
    ended = birdlisten(*([command] if command else []), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert all(name in ended.out for name in (["--bundle", "--json"] if command else COMMANDS))


def test_version_is_that_of_the_package(birdlisten: Run) -> None:
    assert birdlisten("--version") == Ended(0, f"birdlisten {version('birdlisten')}\n", "")


def test_identify_answers_in_order_and_goes_on_after_a_bad_file(
    birdlisten: Run, songs: list[Path], text_file: Path
) -> None:
    ended = birdlisten("identify", "--json", "--top", "3", songs[2], text_file, songs[0])
    good, bad, last = ended.records()
    assert ended.code == 1
    assert [one["source"] for one in (good, bad, last)] == [
        *(str(songs[2]), str(text_file), str(songs[0]))
    ]
    assert set(bad) == {"source", "error"}
    assert str(text_file) in ended.err
    for record, seconds in ((good, 5.5), (last, 3.5)):
        assert set(record) == {"source", "top"}
        assert len(record["top"]) == 3
        scores = [one["score"] for one in record["top"]]
        assert scores == sorted(scores, reverse=True)
        for one in record["top"]:
            assert {"scientific_name", "common_name", "score", "probability"} <= set(one)
            assert 0 <= one["start_s"] <= seconds


def test_identify_without_bad_files_exits_0(birdlisten: Run, songs: list[Path]) -> None:
    ended = birdlisten("identify", "--quiet", *songs)
    assert (ended.code, ended.err) == (0, "")
    assert [line.partition(": ")[0] for line in ended.out.splitlines()] == list(map(str, songs))


def test_identify_ranks_by_the_best_window_of_each_species(
    birdlisten: Run, songs: list[Path], bundle_path: Path
) -> None:
    (record,) = birdlisten("identify", "--json", "--top", "999", songs[1]).records()
    recognizer = Recognizer(load_bundle(bundle_path))
    samples, rate_hz = soundfile.read(songs[1], dtype="float32")
    windows = frame_waveform(samples, rate_hz, recognizer.bundle.manifest.audio)
    best = np.max([recognizer.score([window])[0].score for window in windows], axis=0)
    expected = dict(zip([species.species_id for species in recognizer.species], best, strict=True))
    found = {one["species_id"]: one["score"] for one in record["top"]}
    assert found == pytest.approx(expected, abs=1e-3)


def test_identify_answers_for_silence_too(birdlisten: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.zeros(96_000), 48_000)
    (record,) = birdlisten("identify", "--json", tmp_path / "s.wav").records()
    assert len(record["top"]) == 5


def test_a_folders_bad_file_is_named_and_the_rest_go_on(
    birdlisten: Run, songs: list[Path], text_file: Path
) -> None:
    bad = songs[0].parent / "bb.wav"
    shutil.copy(text_file, bad)
    ended = birdlisten("--input", songs[0].parent, "--threshold", "0", "--json")
    assert ended.code == 1
    assert str(bad) in ended.err
    found = ended.records()
    assert list(dict.fromkeys(record["source"] for record in found)) == [
        song.name for song in songs
    ]
    assert {record["root"] for record in found} == {str(songs[0].parent)}


def test_records_of_a_file_agree_with_its_length_and_the_bundle(
    birdlisten: Run, songs: list[Path], bundle_path: Path
) -> None:
    manifest = load_bundle(bundle_path).manifest
    ended = birdlisten("--input", songs[1], "--threshold", "0", "--json", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    assert len({record["id"] for record in ended.records()}) == len(ended.records()) > 0
    for record in ended.records():
        assert record["detected_at"] is None
        assert 0 <= record["start_s"] < record["end_s"] <= 4.5
        assert record["hits"] >= record["hits_needed"] >= 1
        assert (record["model_id"], record["bundle"]) == (manifest.model_id, manifest.name)
        similarities = [picture["similarity"] for picture in record["pictures"]]
        assert similarities == sorted(similarities, reverse=True)
        assert (bundle_path / record["pictures"][0]["file"]).is_file()


def test_a_silent_file_yields_no_detection_but_a_count_by_reason(
    birdlisten: Run, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "s.wav", np.full(480_000, 1e-5), 48_000, "FLOAT")
    soundfile.write(tmp_path / "z.wav", np.zeros(480_000), 48_000)
    ended = birdlisten("--input", tmp_path, "--threshold", "0")
    assert (ended.code, ended.out) == (0, "")
    assert "dc 13, flat_line 13" in ended.err


def test_the_demo_says_how_many_singers_it_found(
    birdlisten: Run, bundle_copy: BundleFolder, songs: list[Path]
) -> None:
    shutil.copy(songs[1], bundle_copy.path / "chorus.flac")
    truth = "start_s,end_s,scientific_name\n0,2,Cuculus canorus\n1,2,Dodo dodo\n"
    (bundle_copy.path / "chorus.csv").write_text(truth)
    ended = birdlisten("demo", "--bundle", bundle_copy.path, "--threshold", "0", "--json")
    assert ended.code == 0
    assert "1 of 2 singers found" in ended.err
    assert "missed: Dodo dodo" in ended.err
    assert len(ended.records()) > 1


def test_a_demo_without_chorus_names_a_bundle_that_has_one(
    birdlisten: Run, bundle_copy: BundleFolder
) -> None:
    ended = birdlisten("demo", "--bundle", bundle_copy.path)
    assert ended.code == 1
    assert "chorus.flac" in ended.err


def test_a_misspelt_variable_is_a_usage_error(
    birdlisten: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIRDLISTEN_THRESOLD", "0.999")
    ended = birdlisten("devices")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "did you mean 'BIRDLISTEN_THRESHOLD'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "command", "web"),
    [
        (["--web", "--device", "0"], "listen", USUAL_PAGE),
        (["--device", "0", "--web"], "listen", USUAL_PAGE),
        (["--web", "listen", "--device", "0"], "listen", USUAL_PAGE),
        (["--web", "0.0.0.0:80", "listen"], "listen", "0.0.0.0:80"),
        (["--web", "0.0.0.0:80", "--latitude", "-33"], "listen", "0.0.0.0:80"),
        (["--latitude", "-33", "--web", "--input", "rtsp://cam/live"], "listen", USUAL_PAGE),
    ],
    ids=" ".join,
)
def test_a_flag_with_or_without_a_value_hides_no_command(arguments, command, web) -> None:
    args = parse(arguments, COMMANDS)
    assert (args.command, args.web) == (command, web)
