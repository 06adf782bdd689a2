"""A verdict is there whole, or nothing of it; what holds follows from all that were given."""

import errno
from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import BirdlistenError, ConfigError, StoreError
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import OwnSpecies, TaughtWatch
from edge.recognition.teaching import Teaching
from edge.records import inbox
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
    import shutil

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
