"""`birdlisten search`: kept sound by a picture, a name, a sound; nothing that isn't comparable."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.analysis.encoded import EncodedBy, EncodedFolder, EncodedRecording
from edge.analysis.similarity import NO_SOUND, OTHER_ENCODER, SimilaritySearch
from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.errors import AudioError
from edge.records.detection import FileDone, Rejection
from edge.records.evidence import Evidence
from edge.records.reader import open_records
from edge.records.store import Store
from edge.source.recorded import Recorded
from tests.support.factories import DIM, detection

MODEL, RATE_HZ = "a" * 64, 1000
QUERY = np.eye(DIM, dtype=np.float32)[:1]


def row(cosine: float) -> np.ndarray:
    """A row of so much cosine with the query."""
    return np.array([cosine, np.sqrt(1 - cosine**2), *[0] * (DIM - 2)], np.float16)


def encoded(cosines: list[float | None], model: str = MODEL, channels: int = 1) -> EncodedRecording:
    """Windows of 1 s, half a second apart, each channel the same; None didn't pass the gate."""
    starts = np.arange(len(cosines), dtype=np.int64) * 500
    audible = [cosine is not None for cosine in cosines]
    rows = np.array([row(cosine) for cosine in cosines if cosine is not None], np.float16)
    return EncodedRecording(
        by=EncodedBy(
            model_id=model, precision="fp32", dim=DIM, window_samples=1000, hop_samples=500
        ),
        made=Recorded(begun_ms=1_000_000),
        starts=np.tile(starts, channels),
        ends=np.tile(starts + 1000, channels),
        audible=np.tile(np.array(audible), channels),
        channels=np.repeat(np.arange(channels) + (channels > 1), len(cosines)).astype(np.int16),
        embeddings=np.tile(rows.reshape(-1, DIM), (channels, 1)),
    )


class Archived:
    """A folder of kept sound."""

    def __init__(self, path: Path) -> None:
        self.store, self.path = Store(path), path

    def recording(self, source: str, kept: EncodedRecording) -> None:
        done = FileDone(source, size=1, modified_ns=1)
        EncodedFolder(self.path).write(done.key, kept)
        self.store.write(done)

    def find(self, top: int = 10) -> SimilaritySearch:
        def encode(path: Path) -> np.ndarray:
            if b"noise" in path.read_bytes():
                raise AudioError(f"{path}: no sound")
            return row(0.7)[None].astype(np.float32)

        self.store.close()
        search = SimilaritySearch(QUERY, MODEL, RATE_HZ, top=top, encode=encode)
        with open_records(self.path) as records:
            self.found = search.run(records)
        return search


@pytest.fixture
def archived(tmp_path: Path) -> Archived:
    return Archived(tmp_path / "out")


def test_windows_come_best_first_and_never_twice_the_same_sound(archived: Archived) -> None:
    archived.recording("a.wav", encoded([0.1, 0.8, 0.9, None, 0.85, 0.2]))
    archived.recording("b.wav", encoded([0.5]))
    archived.find()
    told = [(sound.source, sound.start_s, round(sound.similarity, 2)) for sound in archived.found]
    assert told == [("a.wav", 1, 0.9), ("a.wav", 2, 0.85), ("b.wav", 0, 0.5), ("a.wav", 0, 0.1)]
    assert archived.found[0].detected_at == "1970-01-01T00:16:41.000Z"


def test_channels_are_found_each(archived: Archived) -> None:
    archived.recording("a.wav", encoded([0.8, 0.9], channels=2))
    archived.find(top=2)
    assert [(sound.channel, sound.start_s) for sound in archived.found] == [(1, 0.5), (2, 0.5)]


def test_what_another_encoder_kept_is_told_and_left_out(archived: Archived) -> None:
    archived.recording("a.wav", encoded([0.9], model="b" * 64))
    archived.recording("b.wav", encoded([]))
    assert archived.find().left_out == {OTHER_ENCODER: 1}
    assert archived.found == []


def test_a_damaged_file_costs_only_its_recording(archived: Archived) -> None:
    archived.recording("a.wav", encoded([0.9]))
    archived.recording("b.wav", encoded([0.5]))
    next((archived.path / "embeddings").iterdir()).write_bytes(b"no zip")
    assert archived.find().left_out == {"unreadable": 1}
    assert len(archived.found) == 1


def test_records_are_compared_by_what_is_kept_else_by_their_clips(archived: Archived) -> None:
    first = detection(detected_at="2026-05-01T04:30:00.000Z")
    clips = archived.path / "clips"
    clips.mkdir()
    for name, content in (("a.flac", b"song"), ("c.flac", b"noise")):
        (clips / name).write_bytes(content)
    records = [
        replace(first, id=f"{first.id[:-1]}{n}", clip=clip)
        for n, clip in enumerate([None, "clips/a.flac", "clips/gone.flac", "clips/c.flac", None])
    ]
    *reported, candidate = records
    archived.store.write_all(reported)
    archived.store.write(Rejection(candidate, "too few"))
    archived.store.write(Evidence(records[0].id, row(0.6)))
    assert archived.find().left_out == {NO_SOUND: 2}
    told = [(sound.id, round(sound.similarity, 1)) for sound in archived.found]
    assert told == [(records[1].id, 0.7), (records[0].id, 0.6)]
    assert archived.found[0].common_name == "Common Cuckoo"


def test_a_recording_whose_windows_are_kept_is_not_compared_by_its_records(
    archived: Archived,
) -> None:
    archived.recording("dawn.wav", encoded([0.9]))
    archived.store.write(detection())
    archived.store.write(Evidence(detection().id, row(0.95)))
    archived.find()
    assert [sound.id for sound in archived.found] == [None]


def test_a_sound_and_a_name_find_where_it_sings(birdlisten, tmp_path: Path, song) -> None:
    samples, rate_hz = song
    soundfile.write(tmp_path / "20260501_043000.wav", samples, rate_hz)
    cuckoo = samples[int(2.2 * rate_hz) : int(5 * rate_hz)]
    soundfile.write(tmp_path / "cuckoo.wav", cuckoo, rate_hz)
    output = tmp_path / "out"
    recording = (tmp_path / "20260501_043000.wav", "--time-zone", "UTC", "--output", output)
    assert birdlisten("analyze", *recording, "--keep-embeddings").code == 0
    for query in (("--sound", tmp_path / "cuckoo.wav"), ("--text", "Great spotted cuckoo")):
        ended = birdlisten("search", *query, output, "--json", "--top", 2)
        best, other = ended.records()
        assert 0.6 <= best["start_s"] <= 6.9
        assert best["similarity"] > max(0.9, other["similarity"] - 1e-6)
        assert best["detected_at"].startswith("2026-05-01T04:30:0")
    (line,) = birdlisten("search", *query, output, "--top", 1).out.splitlines()
    assert "20260501_043000.wav" in line


def test_a_picture_finds_the_sound_that_lies_nearest(birdlisten, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    model = load_bundle(PACKAGED_BUNDLE).manifest
    kept = encoded([])
    by = replace(kept.by, model_id=model.model_id, dim=model.embedding_dim)
    rows = np.random.default_rng(0).normal(size=(6, model.embedding_dim))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    whole = replace(encoded([0.5] * 6), by=by, embeddings=rows)
    archived = Archived(tmp_path / "out")
    archived.recording("a.wav", whole)
    archived.store.close()
    where = ("--bundle", PACKAGED_BUNDLE, archived.path, "--json")
    found = birdlisten("search", "--picture", tmp_path / "a.png", *where).records()
    from edge.recognition.pictures import PictureEncoder, open_picture

    tower = PictureEncoder(PACKAGED_BUNDLE, model)
    cosines = rows.astype(float) @ tower.embed([open_picture(tmp_path / "a.png")])[0].astype(float)
    assert found[0]["similarity"] == pytest.approx(cosines.max(), abs=1e-3)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ((), "give one of --picture, --text and --sound"),
        (("--text", "cuckoo", "--sound", "a.wav"), "give one of"),
        (("--text", "Dodo"), "no species"),
        (("--sound", "gone.wav"), "gone.wav"),
    ],
)
def test_a_query_that_cannot_be_used_is_told(birdlisten, query: tuple[str, ...], told: str) -> None:
    ended = birdlisten("search", *query)
    assert ended.code in (1, 2)
    assert told in ended.err
