"""`birdlisten bench`, what it recommends, and who follows it."""

import json

import pytest

from edge.command.bench import costs, recommend
from edge.command.bench_choice import FILE_NAME, BenchChoice, machine, read_choice, write_choice
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import load_bundle
from edge.recognition.trial import BenchTrial

ID = "a" * 64


def trial(precision, threads, window_ms, cpu_ms):
    return BenchTrial(precision, "CPUExecutionProvider", threads, 0.1, window_ms, cpu_ms, 100.0)


def test_the_best_setting_costs_least_power_of_those_fast_enough():
    slow = trial("int8", 1, 2000, 2000)
    hungry, thrifty = trial("fp32", 2, 600, 1100), trial("int8", 2, 500, 900)
    assert recommend([slow, hungry, thrifty], hop_s=3) == thrifty
    assert recommend([slow, hungry, thrifty], hop_s=0.5) == thrifty
    assert recommend([slow, hungry], hop_s=0.5) == hungry


def test_of_settings_that_cost_the_same_the_exact_one_is_best():
    exact, rounded = trial("fp32", 1, 100, 103), trial("int8", 1, 100, 100)
    assert recommend([rounded, exact], hop_s=3) == exact


def test_costs_are_per_second_of_audio():
    found = costs(trial("fp32", 1, 300, 400), AudioSpec(48_000, 480_000, 144_000), 144_000)
    assert found["at_hop"]["ms_per_s"] == pytest.approx(100)
    assert found["at_hop"]["real_time_factor"] == pytest.approx(0.1)
    assert found["without_overlap"]["cpu_s_per_hour"] == pytest.approx(144)


def test_a_choice_holds_for_one_encoder_on_one_machine(tmp_path, monkeypatch):
    station = tmp_path / "station"
    assert read_choice(station, ID) is None
    write_choice(station, ID, BenchChoice("int8", 1))
    write_choice(station, "b" * 64, BenchChoice("fp32", 2))
    assert read_choice(station, ID) == BenchChoice("int8", 1)
    assert read_choice(station, "c" * 64) is None
    monkeypatch.setattr("edge.command.bench_choice.machine", lambda: "another board")
    assert read_choice(station, ID) is None
    write_choice(station, ID, BenchChoice("fp32", 4))
    monkeypatch.undo()
    assert read_choice(station, ID) == BenchChoice("int8", 1)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}', "\x00"])
def test_a_damaged_choice_is_none(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)
    assert read_choice(tmp_path, ID) is None
    write_choice(tmp_path, ID, BenchChoice("int8", 1))
    assert read_choice(tmp_path, ID) == BenchChoice("int8", 1)


def test_bench_measures_and_listening_follows(birdlisten, bundle_path, tmp_path):
    station = ("--station", tmp_path)
    ended = birdlisten("bench", "--threads", "1", *station, "--json")
    assert ended.code == 0
    report = json.loads(ended.out)
    bundle = load_bundle(bundle_path)
    assert [trial["precision"] for trial in report["trials"]] == list(bundle.manifest.precisions)
    assert all(trial["window_ms"] > 0 and trial["rss_mb"] > 20 for trial in report["trials"])
    kept = json.loads((tmp_path / FILE_NAME).read_text())[machine()][bundle.manifest.model_id]
    assert kept["precision"] == report["recommended"]["precision"]
    write_choice(tmp_path, bundle.manifest.model_id, BenchChoice("fp16", 1))
    chorus = bundle_path / "chorus.flac"
    heard = birdlisten("listen", "--input", chorus, *station, "--json").records()
    assert {one["precision"] for one in heard} == {"fp16"}
    told = birdlisten("listen", "--input", chorus, *station, "--json", "--precision", "fp32")
    assert {record["precision"] for record in told.records()} == {"fp32"}


def test_bench_is_a_table_for_people(birdlisten, tmp_path):
    ended = birdlisten("bench", "--threads", "1", "--precision", "fp32", "--station", tmp_path)
    assert ended.code == 0
    assert machine() in ended.out
    assert "real time" in ended.out
    assert str(tmp_path / FILE_NAME) in ended.out


def test_what_cant_be_measured_is_named(birdlisten, tmp_path):
    ended = birdlisten("bench", "--threads", "1", "--provider", "cuda", "--station", tmp_path)
    assert ended.code == 1
    assert "CUDAExecutionProvider could not be had" in ended.err
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("count", ["0", "x", "1,,2"])
def test_threads_are_positive_numbers(birdlisten, count):
    assert birdlisten("bench", "--threads", count).code == 2
