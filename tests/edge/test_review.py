"""A person says what it was, and the station learns it: at once, and until it is taken back."""

import json
import logging
import re
import shutil

import numpy as np
import pytest
import soundfile

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.recognition.overlay import Overlay
from edge.recognition.recognizer import Recognizer
from edge.records.detection import Rejection
from edge.records.store import Store
from tests.support.lessons import give_lesson, put_formerly


@pytest.fixture
def station(tmp_path):
    return tmp_path / "station"


@pytest.fixture
def reported(birdlisten, bundle_path, station):
    """The chorus, listened to; what was reported."""
    sound = ("--input", bundle_path / "chorus.flac", "--json", "--station", station)
    return birdlisten(*sound).records()


def learnt(station):
    manifest = load_bundle(DEMO_BUNDLE).manifest
    return Overlay(station, manifest.model_id, manifest.embedding_dim).load()


def again(birdlisten, bundle_path, station):
    sound = ("--input", bundle_path / "chorus.flac", "--json", "--station", station)
    return birdlisten(*sound)


def first_of(records, name):
    return next(record for record in records if record["species_id"] == name)


def test_a_rejected_sound_is_no_match_the_next_time(birdlisten, bundle_path, station, reported):
    wrong = reported[0]
    told = birdlisten("reject", wrong["id"][-12:], "--station", station)
    assert (told.code, wrong["id"] in told.out) == (0, True)
    ended = again(birdlisten, bundle_path, station)
    assert "rejected before" in ended.err
    same = [
        record
        for record in ended.records()
        if record["species_id"] == wrong["species_id"]
        and record["start_s"] < wrong["end_s"]
        and record["end_s"] > wrong["start_s"]
    ]
    assert not same
    others = {record["species_id"] for record in reported} - {wrong["species_id"]}
    assert len(others & {record["species_id"] for record in ended.records()}) >= len(others) - 1

    assert birdlisten("reject", wrong["id"], "--undo", "--station", station).code == 0
    after = again(birdlisten, bundle_path, station)
    assert "rejected before" not in after.err
    assert [record["start_s"] for record in after.records()] == [
        record["start_s"] for record in reported
    ]


def test_why_tells_the_verdict(birdlisten, station, reported):
    one = reported[0]["id"]
    birdlisten("confirm", one, "--station", station)
    assert "confirmed as" in birdlisten("why", one, "--station", station).out
    birdlisten("reject", one, "--station", station)
    assert "rejected by a person" in birdlisten("why", one, "--station", station).out
    (record,) = birdlisten("why", one, "--json", "--station", station).records()
    assert record["review"] == "rejected"
    birdlisten("reject", one, "--undo", "--station", station)
    assert "by a person" not in birdlisten("why", one, "--station", station).out


def test_a_later_verdict_takes_the_earlier_ones_place(birdlisten, station, reported):
    record = reported[0]
    for command in ("confirm", "reject", "confirm"):
        assert birdlisten(command, record["id"], "--station", station).code == 0
    assert [*learnt(station).exemplars] == [record["species_id"]]
    assert learnt(station).rejected is None


def test_a_species_outside_the_set_is_listened_for_once_it_was_named(
    birdlisten, bundle_copy, station
):
    """Until the verdict is taken back, or another one is given."""
    ids = load_bundle(bundle_copy.path).taxonomy.ids
    bundle_copy.edit(
        lambda manifest: manifest.update(
            species_sets={"few": list(ids[:-1]), "all": None}, default_species_set="few"
        )
    )
    where = ("--bundle", bundle_copy.path, "--station", station)
    sound = ("--input", bundle_copy.path.parent / "chorus.flac", "--threshold", 0.2, "--json")
    shutil.copy(DEMO_BUNDLE / "chorus.flac", bundle_copy.path.parent)
    record = birdlisten(*sound, *where).records()[0]["id"]

    def own():
        return [one["species_id"] for one in birdlisten("species", "--json", *where).records()]

    assert own() == []
    birdlisten("confirm", record, "--as", ids[-1].replace("_", " "), *where)
    assert own() == [ids[-1]]
    assert f"{len(ids)} species" in birdlisten(*sound, *where).err
    birdlisten("reject", record, *where)
    assert own() == []
    birdlisten("confirm", record, "--as", ids[-1].replace("_", " "), *where)
    assert birdlisten("confirm", record, "--undo", *where).code == 0
    assert own() == []
    told = birdlisten("teach", sound[1], "--as", ids[-1].replace("_", " "), *where)
    (records,) = re.findall(r"(\d+) of \d+ records", told.out)
    assert int(records) > 0  # a species that is not listened for changes nothing


def test_a_confirmed_sound_is_an_exemplar_of_the_species_named(birdlisten, station, reported):
    record = reported[0]
    other = next(one for one in ("Strix aluco", "Bubo bubo") if one != record["scientific_name"])
    birdlisten("confirm", record["id"], "--as", other, "--station", station)
    species_id, store = other.lower().replace(" ", "_"), Store(station)
    evidence = store.evidence(record["id"])
    assert len(evidence.rows) >= record["hits"] > 1
    found = learnt(station)
    assert np.array_equal(found.exemplars[species_id], evidence.rows)
    assert np.array_equal(found.mistaken[record["species_id"]], evidence.rows)
    assert store.verdict(record["id"]) == ("confirmed", species_id)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["confirm", "{id}", "--as", "Dodo"], "no species"),
        (["confirm", "{id}", "--as", "Strigiformes"], "stands for"),
        (["confirm", "nothing-like-it"], "no id"),
        (["reject", "zzz"], "no id"),
    ],
)
def test_what_cannot_be_reviewed_ends_in_one_line(
    birdlisten, station, reported, arguments, problem
):
    given = [argument.replace("{id}", reported[0]["id"]) for argument in arguments]
    ended = birdlisten(*given, "--station", station)
    assert ended.code in (1, 2)
    assert problem in ended.err
    assert ended.err.count("\n") == 1
    assert not list(station.rglob("*.npy"))


def test_a_record_without_evidence_says_so(birdlisten, station, reported):
    store = Store(station)
    store._database.execute("DELETE FROM embeddings")
    store.close()
    ended = birdlisten("confirm", reported[0]["id"], "--station", station)
    assert ended.code == 1
    assert "not kept" in ended.err


def test_every_record_and_candidate_has_its_evidence(station, reported):
    store = Store(station)
    for one in store.last(1000):
        record = one.candidate if isinstance(one, Rejection) else one
        rows = store.evidence(record.id).embedding.astype(np.float32)
        assert np.linalg.norm(rows) == pytest.approx(1, abs=2e-3)


def test_a_running_listener_takes_up_what_it_is_taught(bundle_path, tmp_path):
    """The species least like the sound is taught that it is its own."""
    from edge.source.framing import Window

    bundle = load_bundle(bundle_path)
    manifest = bundle.manifest
    overlay = Overlay(tmp_path, manifest.model_id, manifest.embedding_dim)
    other = Overlay(tmp_path, manifest.model_id, manifest.embedding_dim)
    recognizer = Recognizer(bundle, "fp32", overlay=overlay)
    start, length = 30 * 48_000, manifest.audio.window_samples
    chorus, _ = soundfile.read(bundle_path / "chorus.flac", start=start, frames=length)
    window = Window(0, chorus.astype(np.float32))
    (before,) = recognizer.score([window])
    owl = int(before.score.argmin())
    rows = before.embedding[None].astype(np.float16)

    other.add_exemplar(recognizer.species[owl].species_id, "one", rows)
    recognizer.refresh()
    (taught,) = recognizer.score([window])
    assert taught.score[owl] > before.score[owl] + 1
    assert taught.similarity[owl] == pytest.approx(1, abs=1e-2)
    rest = np.arange(len(taught.score)) != owl
    assert taught.score[rest] == pytest.approx(before.score[rest])

    assert other.forget("one")
    name = give_lesson(tmp_path, manifest.model_id, rows)
    recognizer.refresh()
    assert recognizer.score([window])[0].rejected
    (tmp_path / "reviews" / name).unlink()
    recognizer.refresh()
    (after,) = recognizer.score([window])
    assert not after.rejected
    assert after.score == pytest.approx(before.score)


def test_the_site_is_learnt_without_its_birds(birdlisten, bundle_path, tmp_path, station):
    random, rate_hz = np.random.default_rng(0), 48_000
    swell = 1 + 0.8 * np.sin(np.arange(40 * rate_hz) / 9000)
    rain = 0.02 * random.standard_normal(40 * rate_hz) * swell**3
    soundfile.write(tmp_path / "site.wav", rain, rate_hz)
    command = ("learn-background", "--input", tmp_path / "site.wav", "--station", station)
    told = birdlisten(*command, "--minutes", "0.5")
    assert told.code == 0
    (kept,) = station.rglob("background/site-*.npy")
    assert f"{len(np.load(kept))} windows" in told.out
    assert 30 < len(np.load(kept)) < 50  # half a minute at a hop of 0.625 s

    birds = ("learn-background", "--input", bundle_path / "chorus.flac", "--station", station)
    loud = birdlisten(*birds, "--minutes", "1", "--threshold", "0.01")
    assert loud.code == 0 or "nothing learned" in loud.err


def test_silence_teaches_nothing(birdlisten, tmp_path, station):
    soundfile.write(tmp_path / "silence.wav", np.zeros(480_000), 48_000)
    ended = birdlisten(
        "learn-background", "--input", tmp_path / "silence.wav", "--station", station
    )
    assert ended.code == 1
    assert "nothing learned" in ended.err
    assert not station.exists() or not list(station.rglob("*.npy"))


def test_the_site_is_forgotten_again_the_last_first(birdlisten, tmp_path, station):
    manifest = load_bundle(DEMO_BUNDLE).manifest
    rows = load_bundle(DEMO_BUNDLE).gallery.rows
    overlay = Overlay(station, manifest.model_id, manifest.embedding_dim)
    overlay.add_background("site-1", rows[:1])
    overlay.add_background("site-2", rows[1:3])
    undo = ("learn-background", "--undo", "--station", station)
    assert "site-2: taken back" in birdlisten(*undo).out
    assert len(learnt(station).background) == 1
    assert birdlisten(*undo).code == 0
    ended = birdlisten(*undo)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "no background was learnt" in ended.err


def test_birds_are_left_out_of_the_background(birdlisten, bundle_path, station):
    birds = ("learn-background", "--input", bundle_path / "chorus.flac", "--station", station)
    told = birdlisten(*birds, "--minutes", "2")
    left = int(told.out.split(" windows left out")[0].split()[-1])
    assert left >= 20  # birds sing most of the time
    assert "names that are still told: " in told.out


def test_a_missed_bird_is_taught_by_a_part_of_a_recording(birdlisten, bundle_path, station):
    """And what was taught is listed, and taken back."""
    teach = ("teach", bundle_path / "chorus.flac", "--station", station)
    told = birdlisten(*teach, "--as", "Strix aluco", "--from", "30", "--to", "40")
    assert told.code == 0
    assert "stand for strix_aluco" in told.out
    found = learnt(station).exemplars
    assert [*found] == ["strix_aluco"]
    assert 5 <= len(found["strix_aluco"]) <= 25  # ten seconds at a hop of 0.625 s
    (lesson,) = birdlisten("learnt", "--json", "--station", station).records()
    assert (lesson["by"], lesson["species_id"]) == ("teach", "strix_aluco")
    assert lesson["windows"] == len(found["strix_aluco"])
    assert "strix_aluco" in birdlisten("learnt", "--station", station).out
    refused = birdlisten("species", "remove", "Strix aluco", "--station", station)
    assert "birdlisten learnt --undo" in refused.err
    assert birdlisten("learnt", "--undo", "--station", station).code == 0
    assert birdlisten("learnt", "--station", station).out == ""
    assert learnt(station).exemplars == {}


def test_what_lies_in_files_is_listed_and_how_it_is_taken_back(birdlisten, station):
    manifest = load_bundle(DEMO_BUNDLE).manifest
    rows = np.eye(manifest.embedding_dim, dtype=np.float16)[:2]
    record = "01990000-0000-7000-8000-000000000001"
    for place in ("exemplars/strix_aluco/add-20260101-1", f"rejected/{record}"):
        put_formerly(station, manifest.model_id, place, rows)
    listed = birdlisten("learnt", "--station", station).out
    assert "(species remove strix_aluco --undo)" in listed
    assert f"no bird, by a former version  (confirm {record} --undo)" in listed
    assert len(listed.splitlines()) == 2
    assert "birdlisten learnt" in birdlisten("learnt", "--undo", "--station", station).err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--as", "Dodo"], "no species"),
        (["--as", "Strix aluco", "--from", "9", "--to", "3"], "--to 3"),
        (["--as", "Strix aluco", "--from", "9999"], "nothing in that part"),
    ],
)
def test_what_cannot_be_taught_changes_nothing(
    birdlisten, bundle_path, station, arguments, problem
):
    ended = birdlisten("teach", bundle_path / "chorus.flac", *arguments, "--station", station)
    assert ended.code in (1, 2)
    assert problem in ended.err
    assert not [*station.rglob("*.json")]


def test_a_verdict_says_what_it_changes(birdlisten, station, reported):
    wrong = reported[0]
    told = birdlisten("reject", wrong["id"], "--station", station).out
    changed, known = told.split("of the last 7 days ")[1].split(" records")[0].split(" of ")
    assert 1 <= int(changed) <= int(known) == len(reported)
    (lesson,) = birdlisten("learnt", "--json", "--station", station).records()
    assert lesson["records_otherwise"] == int(changed)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "ten"])
def test_minutes_are_a_positive_number(birdlisten, minutes):
    ended = birdlisten("learn-background", "--minutes", minutes)
    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_an_encoder_that_gives_no_number_stops_nothing(bundle_path, monkeypatch, caplog):
    from edge.source.framing import Window

    recognizer = Recognizer(load_bundle(bundle_path), "fp32")
    real = recognizer._encoder.hear
    monkeypatch.setattr(
        recognizer._encoder,
        "hear",
        lambda windows: (np.where([[True], [False]], np.nan, real(windows)[0]), None),
    )
    sound = np.random.default_rng(0).standard_normal((2, 120_000)).astype(np.float32)
    with caplog.at_level(logging.ERROR):
        broken, good = recognizer.score([Window(n, 0.1 * sound[n]) for n in range(2)])
    assert "no numbers for 1 windows" in caplog.text
    assert np.isfinite(broken.score).all()
    assert np.isfinite(good.probability).all()
    assert broken.similarity.max() == 0


def test_explain_says_what_speaks_for_each_record(birdlisten, bundle_path, station):
    chorus = ("--input", bundle_path / "chorus.flac", "--threshold", "0.7")
    sound = (*chorus, "--station", station)
    plain, told = birdlisten(*sound), birdlisten(*sound, "--explain")
    assert told.out == plain.out
    assert "hits" not in plain.err
    assert told.err.count("reported") >= len(told.out.splitlines())
    assert "not reported: passed in" in told.err
    assert json.dumps(None) not in told.out
