import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.records.live_file import FLEETING_S, STORED_S, LiveFile, live_states
from edge.records.live_state import encoded
from tests.support.disk import SmallDisk
from tests.support.live import live_state


@pytest.fixture
def station(tmp_path: Path) -> Path:
    (tmp_path / "station").mkdir()
    return tmp_path / "station"


@pytest.fixture
def memory(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "run").mkdir()
    return {"XDG_RUNTIME_DIR": str(tmp_path / "run")}


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge.records.live_file._SHARED", tmp_path / "none")


def sources(station: Path, environment: dict[str, str]) -> list[str]:
    return [state.source for state in live_states(station, environment)]


def test_a_state_in_memory_leaves_the_station_alone(station: Path, memory: dict[str, str]) -> None:
    file = LiveFile(station, "microphone", memory)
    file.write(live_state())
    (found,) = live_states(station, memory)
    assert found.spectrogram is not None
    assert (found.every_s, file.every_s) == (FLEETING_S, FLEETING_S)
    assert list(station.iterdir()) == []
    file.remove()
    assert live_states(station, memory) == []


def test_without_xdg_it_lies_in_shared_memory_and_a_reader_needs_no_environment(
    station: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shm").mkdir()
    monkeypatch.setattr("edge.records.live_file._SHARED", tmp_path / "shm")
    LiveFile(station, "microphone", {}).write(live_state())
    assert sources(station, {}) == sources(station, {"XDG_RUNTIME_DIR": "/nowhere"}) == ["pulse"]


@pytest.mark.usefixtures("no_memory")
def test_without_memory_it_lies_in_the_station_seldom_and_small(station: Path) -> None:
    file = LiveFile(station, "microphone", {})
    file.write(live_state())
    (found,) = live_states(station, {})
    assert found.spectrogram is None
    assert (found.every_s, file.every_s) == (STORED_S, STORED_S)
    (path,) = station.iterdir()
    assert path.stat().st_size < 4096


def test_each_source_and_each_station_has_its_own(
    station: Path, memory: dict[str, str], tmp_path: Path
) -> None:
    for source in ("garden", "attic"):
        LiveFile(station, source, memory).write(live_state(source=source))
    (tmp_path / "other").mkdir()
    LiveFile(tmp_path / "other", "garden", memory).write(live_state(source="far"))
    assert sources(station, memory) == ["attic", "garden"]
    assert sources(tmp_path / "other", memory) == ["far"]


def test_a_station_is_the_same_by_any_path(
    station: Path, memory: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(station)
    LiveFile(tmp_path / "link", "microphone", memory).write(live_state())
    assert sources(station, memory) == ["pulse"]


def test_a_reader_never_sees_half_a_state(station: Path, memory: dict[str, str]) -> None:
    file, over, missed = LiveFile(station, "microphone", memory), threading.Event(), list[int]()
    file.write(live_state())

    def read() -> None:
        while not over.is_set():
            missed.extend([1] * (len(live_states(station, memory)) != 1))

    reader = threading.Thread(target=read)
    reader.start()
    for sequence in range(100):
        file.write(live_state(sequence=sequence))
    over.set()
    reader.join()
    assert missed == []


def test_a_writer_killed_at_any_moment_leaves_a_whole_state_that_grows_old(
    station: Path, memory: dict[str, str]
) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.support.live import live_state;"
        "from edge.records.live_file import LiveFile; file = LiveFile(Path(sys.argv[1]), 'm');"
        "print('up', flush=True)\nwhile True: file.write(live_state())"
    )
    for wait_s in (0.0, 0.013, 0.05):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(station)],
            env={**os.environ, **memory},
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        process.stdout.readline()
        threading.Event().wait(0.2 + wait_s)
        process.kill()
        process.wait()
        process.stdout.close()
        assert sources(station, memory) == ["pulse"]


def test_what_dead_listeners_left_in_memory_is_taken_away(
    station: Path, memory: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    LiveFile(station, "microphone", memory).write(live_state(process=process.pid))
    (tmp_path / "other").mkdir()
    LiveFile(tmp_path / "other", "microphone", memory).write(live_state())
    assert sources(station, memory) == []
    assert sources(tmp_path / "other", memory) == ["pulse"]


@pytest.mark.usefixtures("no_memory")
def test_a_station_that_refuses_it_is_an_error_for_the_caller_to_hold(station: Path) -> None:
    file = LiveFile(station / "gone", "microphone", {})
    with pytest.raises(OSError, match="gone"):
        file.write(live_state())
    assert live_states(station / "gone", {}) == []


@pytest.mark.usefixtures("no_memory")
def test_full_memory_gives_way_to_the_station(station: Path, small_disk: SmallDisk) -> None:
    memory = {"XDG_RUNTIME_DIR": str(small_disk.path)}
    file = LiveFile(station, "microphone", memory)
    file.write(live_state())
    small_disk.leave(0)
    file.write(live_state(sequence=8))
    (found,) = live_states(station, memory)
    assert (found.sequence, found.every_s) == (8, STORED_S)


def test_a_folder_of_another_is_not_used(
    station: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared, elsewhere = tmp_path / "shm", tmp_path / "elsewhere"
    shared.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr("edge.records.live_file._SHARED", shared)
    (shared / f"birdlisten-{os.geteuid()}").symlink_to(elsewhere)
    LiveFile(station, "microphone", {}).write(live_state())
    assert list(elsewhere.iterdir()) == []
    assert sources(station, {}) == ["pulse"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another's file needs root")
def test_a_state_forged_by_another_is_left_out(station: Path) -> None:
    path = station / "birdlisten.live-0123456789abcdef"
    path.write_bytes(encoded(live_state()))
    assert sources(station, {}) == ["pulse"]
    os.chown(path, 12_345, -1)
    assert sources(station, {}) == []


def test_links_and_fifos_are_no_states(station: Path, memory: dict[str, str]) -> None:
    LiveFile(station, "microphone", memory).write(live_state())
    (state,) = Path(memory["XDG_RUNTIME_DIR"]).glob("birdlisten/*")
    (station / "birdlisten.live-1").symlink_to(state)
    os.mkfifo(station / "birdlisten.live-2")
    assert sources(station, memory) == ["pulse"]
