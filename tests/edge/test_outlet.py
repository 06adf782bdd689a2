"""A stdout that is full, closed, odd or read by nobody never is the listener's trouble."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.system.outlet import Outlet
from tests.support import ROOT


@contextlib.contextmanager
def pipe(encoding="utf-8"):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w", encoding=encoding) as writer:
        yield reader, writer


def test_lines_arrive_whole_and_in_order():
    lines = [f"{n} " + "x" * (n * 37 % 3000) for n in range(300)]
    with pipe() as (reader, writer):
        got = []
        thread = threading.Thread(target=lambda: got.extend(reader.read().splitlines()))
        thread.start()
        with Outlet(writer, patient=True) as outlet:
            for line in lines:
                outlet.write(line)
        writer.close()
        thread.join()
    assert [line.decode() for line in got] == lines


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_the_encoding_cant_say_is_escaped(encoding):
    with pipe(encoding) as (reader, writer):
        with Outlet(writer) as outlet:
            outlet.write("Grive \N{BIRD} \udcff é")
        writer.close()
        text = reader.read().decode(encoding)
    assert text.startswith("Grive ")
    assert "\\udcff" in text


def test_where_nobody_reads_lines_are_left_out_and_told_and_nothing_waits(caplog):
    with pipe() as (_, writer), Outlet(writer) as outlet:
        for n in range(3000):
            outlet.write(f"{n} " + "x" * 500)
    assert caplog.text.count("nobody reads it") == 1


def test_a_patient_one_holds_up_whoever_makes_lines_and_loses_none():
    with pipe() as (reader, writer):
        count = [0]

        def read_slowly():
            for _ in reader:
                count[0] += 1
                time.sleep(0.0002)

        thread = threading.Thread(target=read_slowly)
        thread.start()
        with Outlet(writer, patient=True) as outlet:
            for n in range(2000):
                outlet.write(f"{n} " + "x" * 200)
                outlet.wait_for_room()
        writer.close()
        thread.join()
    assert count == [2000]


def test_a_full_disk_behind_it_is_told_and_the_next_line_tried(caplog):
    with Path("/dev/full").open("w") as full, Outlet(full) as outlet:
        for n in range(5):
            outlet.write(str(n))
    assert caplog.text.count("No space left") == 1


def test_a_reader_that_has_gone_is_a_broken_pipe():
    with pipe() as (reader, writer):
        reader.close()
        with pytest.raises(BrokenPipeError), Outlet(writer) as outlet:
            write_for_ever(outlet)


def write_for_ever(outlet: Outlet) -> None:
    while True:
        outlet.write("gone")
        time.sleep(0.01)


def test_a_stream_without_a_file_takes_lines_too():
    text = io.StringIO()
    with Outlet(text) as outlet:
        outlet.write("one")
    assert text.getvalue() == "one\n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_are_never_taken_for_the_database(tmp_path, bundle_path, closed):
    station = tmp_path / "station"
    command = f'"{sys.executable}" -m edge --input "$1" --station "$2" {closed}'
    arguments = [str(bundle_path / "chorus.flac"), str(station)]
    ended = subprocess.run(["sh", "-c", command, "-", *arguments], cwd=ROOT, capture_output=True)
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    assert (station / "birdlisten.db").read_bytes().startswith(b"SQLite format 3\0")
    listed = subprocess.run(
        [sys.executable, "-m", "edge", "why", "--station", str(station)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "reported" in listed.stdout
    assert listed.returncode == 0


@pytest.mark.parametrize("command", ["why", "--input", "demo"])
def test_a_full_disk_behind_stdout_ends_in_no_traceback(tmp_path, bundle_path, command):
    station = tmp_path / "station"
    listen = ["--input", str(bundle_path / "chorus.flac"), "--station", str(station)]
    subprocess.run([sys.executable, "-m", "edge", *listen], cwd=ROOT, capture_output=True)
    arguments = listen if command == "--input" else [command, "--station", str(station)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "edge", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert "Traceback" not in ended.stderr
    assert "No space left" in ended.stderr
    assert "; skipped" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_a_closed_stdin_is_told_with_advice(tmp_path):
    command = f'"{sys.executable}" -m edge --input - --no-clips --station "$1" <&-'
    ended = subprocess.run(
        ["sh", "-c", command, "-", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "stdin is closed; pipe 16-bit mono PCM into it" in ended.stderr
