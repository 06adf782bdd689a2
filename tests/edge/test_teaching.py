"""A verdict is there whole, or nothing of it; what holds follows from all that were given."""

import errno
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.errors import BirdlistenError, BundleError, ConfigError, StoreError
from edge.contract.manifest import FEATURES, FeatureSpec
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import OwnSpecies, TaughtWatch
from edge.recognition.teaching import Teaching
from edge.records import inbox, lessons
from edge.records.evidence import Evidence
from edge.records.lessons import LessonBook
from edge.records.store import Store
from tests.support.factories import DIM, BundleFolder, detection, unit_rows
from tests.support.lessons import put_formerly

OWL, TIT = "strix_aluco", "parus_major"
IDS = [f"01990000-0000-7000-8000-00000000000{n}" for n in range(3)]
MODEL = detection().model_id


@pytest.fixture
def bundle(small_bundle: BundleFolder) -> Bundle:
    """Of which owls are listened for."""
    small_bundle.edit(
        lambda manifest: manifest.update(
            species_sets={"owls": [OWL], "all": None}, default_species_set="owls"
        )
    )
    return load_bundle(small_bundle.path)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """Of three records of an owl, three windows each."""
    folder = tmp_path / "station"
    store = Store(folder)
    for n, record in enumerate(IDS):
        rows = unit_rows(3, n)
        store.write_all([detection(id=record, species_id=OWL), Evidence(record, rows[0], rows[1:])])
    store.close()
    return folder


@pytest.fixture
def teaching(station: Path, bundle: Bundle) -> Teaching:
    return Teaching(station, lambda: bundle)


def learnt(station: Path):
    return Overlay(station, MODEL, DIM).load()


def files(station: Path) -> dict[str, bytes]:
    """All that a command may have written; SQLite's own files come and go with a reader."""
    return {
        str(file.relative_to(station)): file.read_bytes()
        for file in station.rglob("*")
        if file.is_file() and not file.name.startswith("birdlisten.db-")
    }


def verdicts(station: Path) -> list[tuple[str, str] | None]:
    store = Store(station)
    store.take_reviews()
    found = store.verdicts(IDS)
    store.close()
    return found


def test_a_verdict_speaks_for_all_windows_of_its_record(teaching: Teaching, station: Path) -> None:
    taught = teaching.confirm(IDS[0])
    assert (taught.record, taught.species_id, taught.windows) == (IDS[0], OWL, 3)
    assert np.array_equal(learnt(station).exemplars[OWL], unit_rows(3, 0))
    assert teaching.reject(IDS[1]).windows == 3
    assert np.array_equal(learnt(station).rejected, unit_rows(3, 1))
    assert verdicts(station) == [("confirmed", OWL), ("rejected", ""), None]
    assert np.array_equal(learnt(station).rejected, unit_rows(3, 1))  # noted, and still learnt


def test_another_species_is_taught_and_the_one_said_is_rejected(
    teaching: Teaching, station: Path, bundle: Bundle
) -> None:
    watch = TaughtWatch(station)
    before = watch()
    teaching.confirm(IDS[0], "Parus major")
    found = learnt(station)
    assert np.array_equal(found.exemplars[TIT], unit_rows(3, 0))
    assert np.array_equal(found.mistaken[OWL], unit_rows(3, 0))
    assert found.rejected is None
    manifest = bundle.manifest
    own = OwnSpecies(station, manifest.space_id, manifest.embedding_dim)
    assert [species.species_id for species in own.load().species] == [TIT]  # outside the set
    assert watch() != before
    teaching.take_back(IDS[0])
    assert own.load().species == ()
    assert watch() == before


def test_verdicts_are_undone_in_order(teaching: Teaching, station: Path) -> None:
    teaching.confirm(IDS[0])
    teaching.reject(IDS[1])
    teaching.reject(IDS[0])
    assert verdicts(station)[:2] == [("rejected", ""), ("rejected", "")]
    assert teaching.take_back_last().about == IDS[0]
    assert verdicts(station)[:2] == [("confirmed", OWL), ("rejected", "")]
    assert np.array_equal(learnt(station).exemplars[OWL], unit_rows(3, 0))
    assert teaching.take_back_last().about == IDS[1]
    assert teaching.take_back_last().about == IDS[0]
    assert verdicts(station) == [None, None, None]
    assert (learnt(station).exemplars, learnt(station).rejected) == ({}, None)
    with pytest.raises(StoreError, match="no verdict holds"):
        teaching.take_back_last()


def test_what_was_said_of_a_record_is_forgotten_as_a_whole(
    teaching: Teaching, station: Path
) -> None:
    for verdict in (teaching.confirm, teaching.reject, teaching.confirm):
        verdict(IDS[0])
    assert teaching.take_back(IDS[0]) == IDS[0]
    assert verdicts(station)[0] is None
    assert LessonBook(station).holding() == []
    assert learnt(station).exemplars == {}


def test_a_recording_is_taught_without_a_record(teaching: Teaching, station: Path) -> None:
    taught = teaching.teach("dawn.wav", unit_rows(4, 9), "Strix aluco")
    assert (taught.record, taught.windows) == ("dawn.wav", 4)
    assert len(learnt(station).exemplars[OWL]) == 4
    teaching.take_back_last()
    assert learnt(station).exemplars == {}
    assert not (station / lessons.FOLDER / taught.lesson).exists()


def test_what_a_former_version_learnt_holds_until_it_is_said_otherwise(
    teaching: Teaching, station: Path
) -> None:
    put_formerly(station, MODEL, f"exemplars/{OWL}/{IDS[0]}", unit_rows(1, 5))
    put_formerly(station, MODEL, f"rejected/{IDS[1]}", unit_rows(1, 6))
    assert len(learnt(station).exemplars[OWL]) == len(learnt(station).rejected) == 1
    teaching.reject(IDS[0])
    assert learnt(station).exemplars == {}
    assert len(learnt(station).rejected) == 4
    teaching.take_back_last()
    assert len(learnt(station).exemplars[OWL]) == 1
    assert verdicts(station)[0] == ("confirmed", OWL)
    teaching.take_back(IDS[1])
    assert learnt(station).rejected is None


REFUSED = {
    "an unknown name": lambda teaching: teaching.confirm(IDS[0], "Dodo"),
    "an ambiguous name": lambda teaching: teaching.confirm(IDS[0], "Aves"),
    "an unknown record": lambda teaching: teaching.confirm("zzz"),
    "several records": lambda teaching: teaching.reject(IDS[0][:8]),
    "a name for a recording": lambda teaching: teaching.teach("a.wav", unit_rows(1, 1), "Dodo"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_is_refused_changes_nothing(teaching: Teaching, station: Path, refused: str) -> None:
    teaching.confirm(IDS[0])
    before = files(station)
    with pytest.raises(BirdlistenError):
        REFUSED[refused](teaching)
    assert files(station) == before


VERDICTS = {
    "confirm": lambda teaching: teaching.confirm(IDS[0]),
    "confirm as another": lambda teaching: teaching.confirm(IDS[0], "Parus major"),
    "reject": lambda teaching: teaching.reject(IDS[0]),
    "undo": lambda teaching: teaching.take_back(IDS[0]),
    "undo the last": lambda teaching: teaching.take_back_last(),
    "teach": lambda teaching: teaching.teach("a.wav", unit_rows(2, 1), "Parus major"),
}


class _Killed(BaseException):
    """Stands for a kill that nothing can catch and clean up after."""


def _state(station: Path) -> tuple[object, ...]:
    """All that follows from a station: verdicts, sounds, species."""
    found = learnt(station)
    held = [sorted((name, len(rows)) for name, rows in part.items())
            for part in (found.exemplars, found.mistaken)]  # fmt: skip
    own = OwnSpecies(station, "b" * 64, DIM).load().species
    rejected = 0 if found.rejected is None else len(found.rejected)
    return (*held, rejected, own, tuple(verdicts(station)))


@pytest.mark.parametrize("fault", ["disk full", "killed"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_whatever_write_fails_the_verdict_is_there_whole_or_not_at_all(
    teaching: Teaching,
    station: Path,
    bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    verdict: str,
    fault: str,
) -> None:
    """The fault comes before or after any write, one after the other, until none is left."""
    teaching.confirm(IDS[0])
    teaching.reject(IDS[1])
    whole = station.with_name("whole")
    shutil.copytree(station, whole)
    VERDICTS[verdict](Teaching(whole, lambda: bundle))
    wanted, writes = _state(whole), 0
    real = inbox.write_atomic
    for fatal in range(20):
        copy = station.with_name(f"copy-{fatal}")
        shutil.copytree(station, copy)
        before, steps = files(copy), iter(range(fatal))

        def write(path: Path, content: bytes, steps=steps) -> None:
            for act in (lambda: None, lambda: real(path, content)):
                if next(steps, None) is None:
                    raise _Killed if fault == "killed" else OSError(errno.ENOSPC, "full")
                act()

        monkeypatch.setattr(inbox, "write_atomic", write)
        try:
            VERDICTS[verdict](Teaching(copy, lambda: bundle))
            break
        except (_Killed, StoreError):
            writes += 1
            assert files(copy) == before
    else:
        raise AssertionError("it never ends")
    assert writes > 0
    assert _state(copy) == wanted


def test_a_kill_while_it_is_noted_loses_nothing(
    teaching: Teaching, station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching.confirm(IDS[0])
    teaching.reject(IDS[0])
    store = Store(station)

    def killed(*_: object) -> None:
        raise _Killed

    monkeypatch.setattr("edge.records.store.settle", killed)
    with pytest.raises(_Killed):
        store.take_reviews()
    store.close()
    monkeypatch.undo()
    assert verdicts(station)[0] == ("rejected", "")
    assert len(learnt(station).rejected) == 3


def _settled(station: Path, fatal: int | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Take up what waits, killed before or after the n-th file that is moved or deleted.

    Returns:
        The count of kills that were lived through.
    """
    steps = iter(range(-1 if fatal is None else fatal))
    count = 0

    def fragile(real):
        def act(*arguments: object, **named: object) -> object:
            nonlocal count
            for step in (lambda: None, lambda: real(*arguments, **named)):
                count += 1
                if fatal is not None and next(steps, None) is None:
                    raise _Killed
                result = step()
            return result

        return act

    store = Store(station)
    with monkeypatch.context() as patch, suppress(_Killed):
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, fragile(getattr(Path, name)))
        store.take_reviews()
    store.close()
    return count


@pytest.mark.parametrize("verdict", VERDICTS)
def test_whenever_it_is_killed_while_lessons_are_put_away_the_same_holds(
    teaching: Teaching, station: Path, monkeypatch: pytest.MonkeyPatch, verdict: str
) -> None:
    teaching.confirm(IDS[0])
    teaching.reject(IDS[1])
    verdicts(station)
    VERDICTS[verdict](teaching)
    teaching.reject(IDS[2])
    whole = station.with_name("whole")
    shutil.copytree(station, whole)
    steps, wanted = _settled(whole, None, monkeypatch), _state(whole)
    assert steps > 0
    for fatal in range(steps):
        copy = station.with_name(f"copy-{fatal}")
        shutil.copytree(station, copy)
        _settled(copy, fatal, monkeypatch)
        assert _state(copy) == wanted  # what was left waiting is taken up by this


def test_a_record_without_windows_is_reviewed_by_the_page_and_teaches_nothing(
    station: Path, bundle: Bundle
) -> None:
    store = Store(station)
    store.database.execute("DELETE FROM kept_embeddings")
    assert store.database.execute("SELECT count(*) FROM kept_windows").fetchone()[0] == 0
    store.close()
    with pytest.raises(StoreError, match="not kept"):
        Teaching(station, lambda: bundle).confirm(IDS[0])
    page = Teaching(station, lambda: bundle, by="page", needs_sound=False)
    with pytest.raises(ConfigError, match="not kept"):
        page.confirm(IDS[0], "Parus major")
    assert page.confirm(IDS[0]).windows == 0
    assert verdicts(station)[0] == ("confirmed", OWL)
    assert learnt(station).exemplars == {}


def with_features(bundle: Bundle) -> Bundle:
    """As if the same encoder's bundle told sounds apart by features from now on."""
    changed = replace(bundle.manifest, features=FeatureSpec("inner", 2))
    write_bundle(bundle.path, changed, {FEATURES: npy_bytes(unit_rows(3, 1))})
    return load_bundle(bundle.path)


@pytest.mark.parametrize("other", ["features", "encoder", "no sound"])
def test_sounds_that_mean_nothing_to_the_bundle_teach_nothing(
    station: Path, bundle: Bundle, other: str
) -> None:
    if other == "features":
        bundle = with_features(bundle)
    elif other == "encoder":
        bundle = replace(bundle, manifest=replace(bundle.manifest, model_id="c" * 64))
    else:
        store = Store(station)
        store.write_all([Evidence(IDS[0], np.zeros(DIM, np.float16))])
        store.database.execute("UPDATE kept_embeddings SET embedding = ?", (bytes(2 * DIM),))
        store.database.execute("DELETE FROM kept_windows")
        store.close()
    before, command = files(station), Teaching(station, lambda: bundle)
    for refused in (lambda: command.confirm(IDS[0]), lambda: command.reject(IDS[0])):
        with pytest.raises(StoreError, match="birdlisten teach FILE"):
            refused()
    assert files(station) == before
    page = Teaching(station, lambda: bundle, by="page", needs_sound=False)
    assert page.reject(IDS[0]).windows == 0
    with pytest.raises(ConfigError, match="not kept"):
        page.confirm(IDS[0], "Parus major")
    assert verdicts(station)[0] == ("rejected", "")
    assert command.take_back(IDS[0]) == IDS[0]


def test_a_bundle_that_cannot_be_opened_stands_in_no_verdicts_way(station: Path) -> None:
    def broken() -> Bundle:
        raise BundleError("it is being copied")

    assert Teaching(station, broken).reject(IDS[0]).windows == 3


@pytest.mark.parametrize("moment", ["between the folders", "before it is read"])
def test_a_lesson_that_is_taken_up_meanwhile_is_not_overlooked(
    teaching: Teaching, station: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    teaching.confirm(IDS[0])
    verdicts(station)
    book = LessonBook(station)
    assert len(book.holding()) == 1
    teaching.take_back(IDS[0])
    busy = "_files" if moment == "between the folders" else "inbox.read"
    real = {"_files": lessons._files, "inbox.read": inbox.read}[busy]

    def taken_up(path: Path) -> object:
        """The real one, while a listener takes up what waits."""
        monkeypatch.undo()
        if busy == "_files":
            found = real(path)
            verdicts(station)
            return found
        verdicts(station)
        return real(path)

    monkeypatch.setattr(f"edge.records.lessons.{busy}", taken_up)
    assert book.holding() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"dim": 8', '"dim": 7'),
        lambda text: text.replace('"dim": 8', '"dim": "x"'),
        lambda text: text.replace('"rows": "', '"rows": "!'),
        lambda text: text.replace('"rows": "', '"rows": "AAAA'),
        lambda text: text.replace(OWL, "../../etc"),
        lambda text: text.replace('"undoes": []', '"undoes": 3'),
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
    ],
)
def test_a_damaged_lesson_is_left_out_and_the_rest_holds(
    teaching: Teaching, station: Path, damage
) -> None:
    teaching.reject(IDS[1])
    name = teaching.confirm(IDS[0]).lesson
    file = station / inbox.FOLDER / name
    file.write_text(damage(file.read_text()))
    found = learnt(station)
    assert found.exemplars == {}
    assert len(found.rejected) == 3
