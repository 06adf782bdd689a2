"""The cache of log-mels: what was computed is found again, whatever happened meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock

torch = pytest.importorskip("torch")
from gallery.data.dataset import Item  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.sound import cache, cores  # noqa: E402
from train.sound.cache import file_key, load_each  # noqa: E402
from train.sound.features import LogMels  # noqa: E402
from train.sound.index import CONVERTING, FORMER, INDEX, RECORD, shard_file  # noqa: E402
from train.sound.shards import Shards  # noqa: E402


def item(path: Path) -> Item:
    return Item(path, "audio", "parus_major", "train", "CC0", "nobody")


def made(folder: Path, count: int) -> list[Item]:
    """Recordings of different length, each with its own noise."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for n in range(count):
        noise = random.normal(0, 0.1, 4800 + 480 * n)
        soundfile.write(folder / f"{n:03d}.wav", noise, 48_000)
    return [item(path) for path in sorted(folder.glob("*.wav"))]


def numbers(item: Item) -> np.ndarray:
    """An array that tells its file."""
    samples, _ = soundfile.read(item.path)
    return np.repeat(samples[:50, None], 3, axis=1).astype(np.float16)


def refuse(item: Item) -> np.ndarray:
    raise AssertionError(f"{item.path}: computed again")


def same(found, expected) -> bool:
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_what_was_computed_is_mapped_and_never_computed_again(tmp_path):
    items = made(tmp_path / "sounds", 5)
    first = load_each(items, tmp_path / "kept", numbers)
    assert same(first, map(numbers, items))
    again = load_each(items[::-1], tmp_path / "kept", refuse)
    assert same(again[::-1], first)
    assert all(isinstance(one, np.memmap) for one in again)


def test_a_moved_or_copied_file_is_found_by_its_bytes_and_a_changed_one_is_not(tmp_path):
    items = made(tmp_path / "sounds", 3)
    first = load_each(items, tmp_path / "kept", numbers)
    shutil.copytree(tmp_path / "sounds", tmp_path / "moved")
    moved = [item(tmp_path / "moved" / one.path.name) for one in items]
    assert same(load_each(moved, tmp_path / "kept", refuse), first)
    soundfile.write(items[0].path, np.full(4800, 0.5), 48_000)
    changed = load_each(items, tmp_path / "kept", numbers)
    assert changed[0].mean() == pytest.approx(0.5, abs=1e-3)
    assert same(changed[1:], first[1:])


def test_all_cores_make_the_same_arrays_in_the_same_order(tmp_path, monkeypatch, caplog):
    items = made(tmp_path / "sounds", 9)
    items[4].path.write_bytes(b"not a sound")
    compute = LogMels(LogMelSpec())
    alone = load_each(items, tmp_path / "alone", compute)
    monkeypatch.setattr(cores, "_FEW", 0)
    monkeypatch.setattr(cache, "_WAVE", 2)
    caplog.clear()
    together = load_each(items, tmp_path / "together", compute)
    assert [one is None for one in together] == [n == 4 for n in range(9)]
    readable = [n for n in range(9) if n != 4]
    assert same([together[n] for n in readable], [alone[n] for n in readable])
    assert [len(message) for message in caplog.messages if "004.wav" in message]


def test_a_shard_that_is_full_is_followed_by_another(tmp_path):
    shards, arrays = Shards(tmp_path, 1000), [np.full((40, 4), n, np.float16) for n in range(9)]
    with shards.writing() as writer:
        for n, array in enumerate(arrays):
            writer.add(f"file {n}", f"{n:064x}", array)
    assert len(list(tmp_path.glob("shard-*"))) > 2
    assert same([Shards(tmp_path).get(f"file {n}") for n in range(9)], arrays)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_what_a_crash_left_half_written_is_dropped(tmp_path, cut):
    items = made(tmp_path / "sounds", 6)
    whole = load_each(items, tmp_path / "kept", numbers)
    index = tmp_path / "kept" / INDEX
    index.write_bytes(index.read_bytes()[:-cut])
    with shard_file(tmp_path / "kept", 0).open("ab") as shard:
        shard.write(b"and half an arr")
    assert same(load_each(items, tmp_path / "kept", numbers), whole)
    assert same(load_each(items, tmp_path / "kept", refuse), whole)


def test_a_shard_that_lost_its_end_is_not_believed(tmp_path):
    """After a power cut the index may be longer than the shard; nothing may lie in that gap."""
    items, more = made(tmp_path / "sounds", 4), made(tmp_path / "more", 7)[4:]
    kept = tmp_path / "kept"
    load_each(items, kept, numbers)
    shard = shard_file(kept, 0)
    shard.write_bytes(shard.read_bytes()[:-100])
    others = load_each(more, kept, numbers)
    assert file_key(items[3].path) not in Shards(kept)
    assert same(others, map(numbers, more))
    assert same(load_each(items, kept, numbers), map(numbers, items))


BUILD = """
import json, sys, time
from pathlib import Path
from tests.train.test_cache import item, numbers
from train.sound import cache
cache._WAVE = 2

def slowly(one):
    with open(sys.argv[3], "a") as log:
        log.write(one.path.name + "\\n")
    time.sleep(0.05)
    return numbers(one)

items = [item(one) for one in sorted(Path(sys.argv[1]).glob("*.wav"))]
cache.load_each(items, Path(sys.argv[2]), slowly)
"""


def building(tmp_path: Path) -> subprocess.Popen:
    arguments = [str(tmp_path / one) for one in ("sounds", "kept", "computed.txt")]
    return subprocess.Popen([sys.executable, "-c", BUILD, *arguments], cwd=ROOT)


def computed(tmp_path: Path) -> list[str]:
    log = tmp_path / "computed.txt"
    return log.read_text().split() if log.is_file() else []


def test_resume_of_a_killed_build_computes_only_the_rest(tmp_path):
    items = made(tmp_path / "sounds", 40)
    running = building(tmp_path)
    while len(computed(tmp_path)) < 11:
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    kept = len(Shards(tmp_path / "kept"))
    assert 8 <= kept < 40
    before = len(computed(tmp_path))
    assert building(tmp_path).wait() == 0
    assert len(computed(tmp_path)) - before == 40 - kept
    assert same(load_each(items, tmp_path / "kept", refuse), map(numbers, items))


def test_two_builds_at_once_compute_everything_once(tmp_path):
    items = made(tmp_path / "sounds", 12)
    builds = [building(tmp_path) for _ in range(2)]
    assert [build.wait() for build in builds] == [0, 0]
    assert sorted(computed(tmp_path)) == [item.path.name for item in items]
    assert same(load_each(items, tmp_path / "kept", refuse), map(numbers, items))


def test_an_index_of_json_lines_is_read_and_rewritten(tmp_path):
    """As caches had it before: a line an array, and a line a file."""
    arrays, lines = [np.full((4, 3), n, np.float16) for n in range(3)], []
    for n, array in enumerate(arrays):
        place = {"sha256": f"{n:064x}", "shard": 0, "offset": n * array.size, "shape": [4, 3]}
        lines += [place, {"file": f"file {n}", "sha256": f"{n:064x}"}]
    lines.append({"file": "a copy", "sha256": f"{1:064x}"})
    np.concatenate(arrays).tofile(shard_file(tmp_path, 0))
    written = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / FORMER).write_text(written + '{"file": "half a li')
    shards = Shards(tmp_path)
    assert same([shards.get(f"file {n}") for n in range(3)], arrays)
    assert same([shards.get("a copy")], arrays[1:2])
    assert shards.sha256("a copy") == f"{1:064x}"
    assert (tmp_path / INDEX).stat().st_size == 4 * RECORD.itemsize
    assert not (tmp_path / FORMER).exists()
    with shards.writing() as writer:
        writer.add("another", f"{2:064x}", None)
        writer.add("new", f"{9:064x}", arrays[0] + 9)
    assert same(
        [Shards(tmp_path).get(name) for name in ("another", "new")], [arrays[2], arrays[0] + 9]
    )


def test_only_one_of_several_ranks_rewrites_it(tmp_path):
    """Another one waited for it, and would have put the old index over what was added since."""
    place = {"sha256": f"{0:064x}", "shard": 0, "offset": 0, "shape": [4, 3]}
    lines = [place, {"file": "old", "sha256": f"{0:064x}"}]
    np.zeros((4, 3), np.float16).tofile(shard_file(tmp_path, 0))
    written = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        (folder / FORMER).write_text(written)
    Shards(tmp_path / "other")
    rewritten = (tmp_path / "other" / INDEX).read_bytes()
    with ThreadPoolExecutor() as pool:
        with FileLock(tmp_path / CONVERTING):
            waiting = pool.submit(Shards, tmp_path)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            (tmp_path / INDEX).write_bytes(rewritten + rewritten)
            (tmp_path / FORMER).unlink()
        assert len(waiting.result()) == 2


def test_a_process_that_reads_sees_nothing_of_what_another_has_not_committed(tmp_path):
    shards = Shards(tmp_path)
    with shards.writing() as writer:
        writer.add("one", f"{1:064x}", np.ones((2, 2), np.float16))
        assert len(Shards(tmp_path)) == 0
        writer.commit()
        writer.add("a copy", f"{1:064x}", None)  # a worker that began late has seen the first
        with pytest.raises(ValueError, match="holds nothing"):
            writer.add("unknown", f"{2:064x}", None)
    kept = shards.arrays(["none", "one", "a copy"])
    assert kept.present.tolist() == [False, True, True]
    assert kept.lengths.tolist() == [0, 2, 2]
    assert kept[0] is None
    assert same(kept.readable, [np.ones((2, 2)), np.ones((2, 2))])
