"""A bundle replaced under a running listener, in whatever order its files are copied."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.command.gallery_remove import RemovalRequest, remove
from edge.command.live import _reloaded
from edge.config import Settings
from edge.contract.bundle import load_bundle
from edge.pipeline import reload
from edge.pipeline.reload import BundleReloader, BundleWatch
from edge.pipeline.tally import Tally
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
from edge.source.block import Block
from tests.support.factories import BundleFolder
from tests.support.faults import FAULTS, raised


class Clock:
    """Ten seconds pass from one question to the next."""

    def __init__(self) -> None:
        self.now, self.step = 0.0, 10.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


class Systemd:
    def alive(self, status: object) -> None: ...


class AtOnce(Executor):
    """Loads before the next block comes."""

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:  # type: ignore[override]
        done = Future[Any]()
        try:
            done.set_result(work(*given))
        except BaseException as fault:
            done.set_exception(fault)
        return done


class NoThreadAtFirst(AtOnce):
    """As where the system has no thread left, the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:  # type: ignore[override]
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("can't start new thread")
        return super().submit(work, *given)


class Loaded:
    """A bundle, in the place of one that listens."""

    def __init__(self, folder: Path) -> None:
        self.bundle = load_bundle(folder)
        self.recognizer = self.listener = self
        self.tally = Tally()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reload.time, "monotonic", clock.monotonic)
    return clock


def sound() -> Iterator[Block]:
    while True:
        yield Block(np.zeros(10, np.float32), 10, 0)


def names(reloader: BundleReloader, before: list[Callable[[], Any]]) -> list[str]:
    """The bundle that each block goes to, once something has been done before it."""
    heard, steps = [], iter(before)
    for listener, blocks in reloader.listeners(sound()):
        for _ in blocks:
            heard.append(listener.bundle.manifest.name)  # type: ignore[attr-defined]
            step = next(steps, None)
            if step is None:
                return heard
            step()
    raise AssertionError("the sound has no end")


@pytest.mark.parametrize("order", [sorted, lambda files: sorted(files, reverse=True)])
def test_a_bundle_copied_file_by_file_is_taken_up_once_it_is_whole(
    clock: Clock, bundle_copy: BundleFolder, tmp_path: Path, order, caplog
) -> None:
    new = BundleFolder(shutil.copytree(bundle_copy.path, tmp_path / "new"))
    new.edit(lambda manifest: manifest.update(name="two"))
    new.put("taxonomy", new.file("taxonomy").read_bytes().replace(b"Cuckoo", b"Gowk"))
    files = order(new.path.iterdir())
    reloader = BundleReloader(
        bundle_copy.path, lambda: Loaded(bundle_copy.path), Systemd(), beside=AtOnce()
    )
    bundle_copy.file("taxonomy").unlink()
    copies = [lambda file=file: shutil.copy(file, bundle_copy.path) for file in files]
    heard = names(reloader, [*copies, *[lambda: None] * 6])
    assert heard[0] == "aviary"
    assert heard[-1] == "two"
    assert caplog.text.count("going on with the bundle before") <= 2


def test_a_table_of_the_station_is_taken_up_as_a_bundle_is(
    clock: Clock, bundle_copy: BundleFolder, tmp_path: Path
) -> None:
    table, loads = tmp_path / "species.csv", []

    def load() -> Loaded:
        loads.append(table.is_file())
        return Loaded(bundle_copy.path)

    reloader = BundleReloader(bundle_copy.path, load, Systemd(), tables=[table], beside=AtOnce())
    steps = [lambda: None, lambda: table.write_text("one"), lambda: None, table.unlink]
    names(reloader, [*steps, lambda: None])
    assert loads == [False, True, False]


def test_an_edited_gallery_is_taken_up_and_a_bad_one_refused(
    clock: Clock, bundle_copy: BundleFolder, caplog
) -> None:
    path, heard = bundle_copy.path, list[int]()
    reloader = BundleReloader(path, lambda: Loaded(path), Systemd(), beside=AtOnce())
    shipped = len(load_bundle(path).gallery.table)

    def edit(species: str) -> None:
        assert remove(Settings(bundle=str(path)), RemovalRequest(names=[species])) == 0

    def damage() -> None:
        content = bundle_copy.file("gallery.table").read_bytes()
        bundle_copy.put("gallery.table", content.replace(b"strix_aluco", b"raphus_solitarius"))

    def rows() -> None:
        heard.append(len(reloader.loaded.listener.bundle.gallery.table))  # type: ignore[attr-defined]

    steps = [rows, lambda: edit("Parus major"), lambda: None, rows, damage, lambda: None, rows]
    names(reloader, [*steps, lambda: None])
    assert heard == [shipped, shipped - 6, shipped - 6]
    assert "raphus_solitarius" in caplog.text
    assert "going on with the bundle before" in caplog.text


def test_the_bundle_before_listens_on_while_another_is_loaded(bundle_copy: BundleFolder) -> None:
    may_end, before = threading.Event(), Loaded(bundle_copy.path)

    def load() -> Loaded:
        assert may_end.wait(10)
        return Loaded(bundle_copy.path)

    reloader, heard = BundleReloader(bundle_copy.path, load, Systemd(), before), Counter[str]()
    bundle_copy.edit(lambda manifest: manifest.update(name="two"))
    for listener, blocks in reloader.listeners(sound()):
        for _ in blocks:
            heard[listener.bundle.manifest.name] += 1  # type: ignore[attr-defined]
            if heard["aviary"] == 500:
                may_end.set()
            if heard["two"]:
                break
        if heard["two"]:
            break
    assert heard["aviary"] >= 500


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_no_fault_of_a_new_bundle_ends_the_old_one(
    clock: Clock, bundle_copy: BundleFolder, kind: type[Exception], caplog
) -> None:
    loaded = Loaded(bundle_copy.path)

    def load() -> Loaded:
        raise raised(kind)

    reloader = BundleReloader(bundle_copy.path, load, Systemd(), loaded, beside=AtOnce())
    heard = names(
        reloader, [lambda: bundle_copy.edit(lambda manifest: manifest.update(name="two"))]
    )
    assert heard == ["aviary", "aviary"]
    assert "going on with the bundle before" in caplog.text


def test_a_thread_that_cannot_be_had_is_asked_for_again(
    clock: Clock, bundle_copy: BundleFolder, caplog
) -> None:
    beside, clock.step = NoThreadAtFirst(), 60.0
    reloader = BundleReloader(
        bundle_copy.path, lambda: Loaded(bundle_copy.path), Systemd(), beside=beside
    )
    edit = partial(bundle_copy.edit, lambda manifest: manifest.update(name="two"))
    heard = names(reloader, [edit, *[lambda: None] * 9])
    assert (heard[0], heard[-1]) == ("aviary", "two")
    assert beside.asked == 2
    assert "can't start new thread" in caplog.text


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_no_fault_of_a_reload_changes_anything(
    bundle_copy: BundleFolder, kind: type[Exception], caplog
) -> None:
    def reread() -> Settings:
        raise raised(kind)

    before = (Settings(), Loaded(bundle_copy.path))
    assert _reloaded(*before, reread) == before
    assert "going on with the settings before" in caplog.text


TABLES = {
    "occurrence": "scientific_name,²,1\nStrix aluco,0.1,0.1\n",
    "overrides": "name,caution\nStrix aluco,²\n",
    "species": "\0\n",
}


@pytest.mark.parametrize("setting", TABLES)
def test_a_table_that_is_spoilt_in_place_is_refused(
    bundle_path: Path, tmp_path: Path, setting: str, caplog
) -> None:
    table = tmp_path / "table"
    table.write_bytes(TABLES[setting].encode() + b"\xff")
    settings = Settings(bundle=str(bundle_path), station=str(tmp_path))
    before = (settings, Loaded(bundle_path))
    assert _reloaded(*before, lambda: replace(settings, **{setting: str(table)})) == before
    assert caplog.text.count("going on with the settings before") == 1


@pytest.mark.parametrize(
    "change", [{"input": "x.wav"}, {"duty": "5"}, {"quiet_hours": "22-4"}, {"hop": 1e9}]
)
def test_settings_that_cannot_be_listened_with_are_refused(
    bundle_path: Path, tmp_path: Path, change, caplog
) -> None:
    settings = Settings(bundle=str(bundle_path), station=str(tmp_path))
    before = (settings, Loaded(bundle_path))
    assert _reloaded(*before, lambda: replace(settings, **change)) == before
    assert next(iter(change)) in caplog.text


def test_what_is_refused_is_tried_again_when_a_file_changes_and_rarely_else(
    clock: Clock, bundle_copy: BundleFolder
) -> None:
    watch = BundleWatch(bundle_copy.path)
    assert not watch.due()
    bundle_copy.edit(lambda manifest: manifest.update(name="two"))
    assert watch.due()
    watch.tried(refused=True)
    clock.step = 0.5
    assert not any(watch.due() for _ in range(20))
    (bundle_copy.path / "encoder").write_bytes(b"x")
    assert [watch.due() for _ in range(6)].count(True) == 1
    clock.step = 10.0
    assert 3 <= sum(watch.due() for _ in range(100)) <= 6
    watch.tried(refused=False)
    assert not any(watch.due() for _ in range(1000))


def test_a_bundle_that_is_not_the_one_in_use_is_tried(clock: Clock, bundle_copy) -> None:
    loaded = Loaded(bundle_copy.path)
    bundle_copy.edit(lambda manifest: manifest.update(name="two"))
    reloader = BundleReloader(
        bundle_copy.path, lambda: Loaded(bundle_copy.path), Systemd(), loaded, beside=AtOnce()
    )
    assert names(reloader, [lambda: None]) == ["aviary", "two"]


def test_a_bundle_whose_gallery_alone_is_new_keeps_the_open_encoder(
    bundle_copy: BundleFolder,
) -> None:
    first = open_encoder(load_bundle(bundle_copy.path))
    bundle_copy.put(
        "taxonomy", bundle_copy.file("taxonomy").read_bytes().replace(b"Cuckoo", b"Gowk")
    )
    assert open_encoder(load_bundle(bundle_copy.path)) is first
    slower = RuntimeOptions(threads=2)
    assert open_encoder(load_bundle(bundle_copy.path), runtime=slower) is not first
