"""What reaches a terminal: nobody's name moves its cursor, forges a line, or ends the listener."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from edge.config import DEMO_BUNDLE
from edge.system.terminal import log_to_stderr
from tests.support import ROOT
from tests.support.factories import BundleFolder

FORGED = "\x1b]0;owned\x07\x9b31m\n00:00:00  Fake \u202e(Bird)"
ENCODINGS = ["utf-8", "ascii", "latin-1", "cp1252"]


def run(*arguments: object, stdout: str = "utf-8", **environment: str) -> tuple[int, bytes, bytes]:
    """Code, stdout and stderr of a process whose streams have an encoding."""
    command = [sys.executable, "-m", "edge", *(os.fsencode(str(part)) for part in arguments)]
    surrounding = {**os.environ, "PYTHONIOENCODING": stdout, **environment}
    done = subprocess.run(command, cwd=ROOT, env=surrounding, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def evil(bundle_copy: BundleFolder) -> BundleFolder:
    """Every text of it is forged: names, credits, and the bundle's own."""
    table = bundle_copy.file("taxonomy").read_text(encoding="utf-8").splitlines()
    names = [line.split(",") for line in table[1:]]
    forged = [",".join([row[0], row[1], f'"{FORGED} {row[2]}"', *row[3:]]) for row in names]
    bundle_copy.put("taxonomy", "\n".join([table[0], *forged, ""]).encode())
    rows = bundle_copy.file("gallery.table").read_text(encoding="utf-8").splitlines()
    signed = [",".join([*row.split(",")[:3], f'"{FORGED}"', f'"{FORGED}"']) for row in rows[1:]]
    bundle_copy.put("gallery.table", "\n".join([rows[0], *signed, ""]).encode())
    bundle_copy.edit(lambda manifest: manifest.update(name=f"{FORGED}\ud800"))
    return bundle_copy


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A chorus under names that no terminal should see raw."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    chorus, rate_hz = soundfile.read(DEMO_BUNDLE / "chorus.flac", stop=48_000 * 20)
    soundfile.write(folder / "a.wav", chorus, rate_hz)
    for name in (b"b\n00:00:00  Fake.wav", b"c lat\xe9n.wav", "d \x1b[31m 🐦.wav".encode()):
        shutil.copy(folder / "a.wav", os.fsencode(folder) + b"/" + name)
    return folder


def is_plain(output: bytes, encoding: str = "utf-8") -> bool:
    lines = output.decode(encoding).split("\n")
    return all(line.isprintable() for line in lines) and not any(
        line.startswith("00:00:00  Fake") for line in lines
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--explain", "--verbose")])
def test_forged_names_are_shown_escaped(
    evil: BundleFolder, recordings: Path, tmp_path: Path, encoding: str, arguments: tuple[str, ...]
) -> None:
    station = tmp_path / "station"
    code, out, err = run(
        *("listen", "--bundle", evil.path, "--input", recordings, "--station", station),
        *arguments,
        stdout=encoding,
    )
    assert code == 0
    assert is_plain(out, encoding)
    assert is_plain(err, encoding)
    if "--json" in arguments:
        records = [json.loads(line) for line in out.decode(encoding).splitlines()]
        assert FORGED in records[0]["common_name"]
        assert {Path(record["source"]).name for record in records} >= {"c lat\\udce9n.wav"}
    else:
        assert b"owned" in out


def test_other_commands_show_them_escaped_too(
    evil: BundleFolder, recordings: Path, tmp_path: Path
) -> None:
    common = ("--bundle", evil.path, "--station", tmp_path / "station")
    run("listen", *common, "--input", recordings)
    files = sorted(recordings.iterdir())
    for arguments in (
        ("identify", *files),
        ("identify", *files, "--json"),
        ("identify", f"{recordings}/{FORGED}"),
        ("why",),
        ("why", "--json"),
        ("doctor", "--seconds", "0"),
        ("listen", "--input", f"{FORGED}"),
        ("listen", "--species", f"{FORGED}"),
        ("listen", "--precision", f"{FORGED}"),
        ("listen", FORGED),
        (FORGED,),
    ):
        _, out, err = run(*arguments, *(common if len(arguments) > 1 else ()))
        assert is_plain(out), arguments
        assert is_plain(err), arguments


def test_a_locale_without_umlauts_ends_nothing(evil: BundleFolder, recordings: Path) -> None:
    surrounding = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    common = ("listen", "--bundle", evil.path, "--input", recordings / "a.wav")
    code, out, _ = run(*common, stdout="", **surrounding)
    assert code == 0
    assert out.isascii()
    assert out


def test_a_message_is_one_line_and_a_traceback_cannot_forge_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_to_stderr(logging.INFO)
    logging.getLogger("edge.x").info("heard %s", f"a{FORGED}")
    try:
        raise ValueError(f"b{FORGED}\nbirdlisten: forged")
    except ValueError:
        logging.getLogger("edge.x").exception("fault")
    first, second, *trace = capsys.readouterr().err.splitlines()
    assert first.startswith("birdlisten: heard a\\x1b]0;owned")
    assert second == "birdlisten: fault"
    assert all(line.startswith("  ") and line.isprintable() for line in trace)


@pytest.mark.parametrize("command", [["--input"], ["identify"], ["learn-background", "--input"]])
def test_a_password_typed_as_a_file_is_not_shown(birdlisten, tmp_path, command):
    url = "rtsp:/user:secret99@camera/live?token=secret98"
    ended = birdlisten(*command, url, "--station", tmp_path)
    assert ended.code == 1
    assert "camera" in ended.err
    assert "secret9" not in ended.err + ended.out


@pytest.mark.parametrize("fault", [MemoryError, RuntimeError, ZeroDivisionError, OSError, KeyError])
def test_a_file_at_fault_does_not_keep_others_from_being_identified(
    birdlisten, bundle_path, monkeypatch, fault
):
    from edge.command import identify

    read = identify.read_blocks

    def sometimes(path):
        if path.name == "bad.wav":
            raise fault("a fault")
        return read(path)

    monkeypatch.setattr(identify, "read_blocks", sometimes)
    ended = birdlisten("identify", "bad.wav", bundle_path / "chorus.flac", "--json")
    assert ended.code == 1
    bad, good = ended.records()
    assert "a fault" in bad["error"]
    assert good["top"]
