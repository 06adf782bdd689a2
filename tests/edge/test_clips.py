"""Clips: what is cut, what is withheld, what is kept and what goes."""

import io
import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.clip.extractor import ClipConfig, ClipExtractor
from edge.clip.sink import ClipSink
from edge.clip.spectrogram import spectrogram_png
from edge.clip.store import ClipStore, ClipStoreConfig
from edge.contract.audio_spec import AudioSpec
from edge.contract.errors import StoreError
from edge.dsp.buffer import SampleBuffer
from edge.records.detection import Clip, ClipKept, Extension
from edge.records.reader import open_records
from edge.records.store import Store
from edge.records.supervisor import StoreSupervisor
from edge.source.framing import Window
from tests.support.factories import detection

RATE_HZ = 1000
SPEC = AudioSpec(RATE_HZ, window_samples=4000, hop_samples=1000)
CONFIG = ClipConfig(before_s=1.0, after_s=2.0, most_s=10.0)
SOUND = np.sin(np.arange(60_000) / 7).astype(np.float32) * 0.5
NUMBERS = (f"{n:08x}-0000-7000-8000-000000000000" for n in itertools.count())


def extractor_of_a_source() -> ClipExtractor:
    return ClipExtractor(SPEC, CONFIG, SampleBuffer())


def take(extractor: ClipExtractor, window: Window) -> list[Clip]:
    ended = list(extractor.before(window))
    extractor._buffer.add(window)
    return ended


def listened(extractor: ClipExtractor, first: int, last: int) -> list[Clip]:
    """Windows that begin at these seconds."""
    found = []
    for n in range(first, last):
        take(extractor, Window(1000 * n, SOUND[1000 * n : 1000 * n + 4000]))
        found += extractor.due(1000 * n + 4000)
    return found


def expected(start_s: float, end_s: float) -> np.ndarray:
    return np.round(SOUND[int(1000 * start_s) : int(1000 * end_s)] * 32767).astype(np.int16)


def test_a_clip_has_what_came_before_and_after() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 10)
    extractor.follow(detection(start_s=8.0, end_s=12.0))
    (clip,) = listened(extractor, 10, 20)
    np.testing.assert_array_equal(clip.samples, expected(7, 14))


def test_a_clip_comes_when_all_of_it_was_heard_and_grows_until_then() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 10)
    one = detection(start_s=8.0, end_s=12.0)
    extractor.follow(one)
    assert listened(extractor, 10, 10) == []
    extractor.follow(Extension(one.id, 13.5, 3))
    assert listened(extractor, 10, 11) == []
    (clip,) = listened(extractor, 11, 24)
    np.testing.assert_array_equal(clip.samples, expected(7, 15.5))


def test_a_bird_that_never_stops_gives_a_clip_of_bounded_length() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 3)
    one = detection(start_s=2.0, end_s=4.0)
    extractor.follow(one)
    clips = []
    for n in range(3, 50):
        extractor.follow(Extension(one.id, n + 3.0, n))
        clips += listened(extractor, n, n + 1)
    (clip,) = clips
    np.testing.assert_array_equal(clip.samples, expected(1, 11))


def test_the_end_of_the_source_ends_its_clips() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 10)
    extractor.follow(detection(start_s=0.2, end_s=13.0))
    (clip,) = extractor.finish()
    np.testing.assert_array_equal(clip.samples, expected(0, 10))
    assert list(extractor.finish()) == []


def test_what_was_lost_is_left_out() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 5)
    listened(extractor, 12, 14)
    extractor.follow(detection(start_s=7.0, end_s=14.0))
    (clip,) = extractor.finish()
    np.testing.assert_array_equal(clip.samples, np.concatenate([expected(6, 8), expected(12, 16)]))


def test_a_gap_ends_the_clips_before_it_however_long_it_is() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 6)
    extractor.follow(detection(start_s=2.0, end_s=8.0))
    (clip,) = take(extractor, Window(3_600_000, SOUND[:4000]))
    np.testing.assert_array_equal(clip.samples, expected(1, 9))


def test_what_pads_a_short_stretch_is_not_taken_for_sound() -> None:
    extractor = extractor_of_a_source()
    take(extractor, Window(0, SOUND[:4000], real_samples=1500))
    extractor.follow(detection(start_s=0.0, end_s=4.0))
    (clip,) = extractor.finish()
    np.testing.assert_array_equal(clip.samples, expected(0, 1.5))


def test_memory_is_bounded_however_long_it_listens() -> None:
    extractor = extractor_of_a_source()
    for n in range(5000):
        take(extractor, Window(1000 * n, SOUND[:4000]))
    held = sum(len(piece) for _, piece in extractor._buffer._pieces)
    assert held < 60 * RATE_HZ


def test_a_clip_comes_with_what_is_beside_it_for_nobody_may_speak_there() -> None:
    extractor = extractor_of_a_source()
    listened(extractor, 0, 18)
    extractor.follow(detection(start_s=12.0, end_s=16.0))
    assert listened(extractor, 18, 22) == []  # all of it was heard, but not its neighbours
    (clip,) = listened(extractor, 22, 30)
    np.testing.assert_array_equal(clip.around, expected(3, 26))


class Speech:
    """Somebody speaks where a sample is loud."""

    def speaks(self, samples: np.ndarray, rate_hz: int) -> bool:
        return bool((samples == 32767).any())


class Broken:
    """Can't tell, and fails in its own way."""

    def __init__(self, fault: type[Exception]) -> None:
        self._fault = fault

    def speaks(self, samples: np.ndarray, rate_hz: int) -> bool:
        raise self._fault


@pytest.mark.parametrize("fault", [MemoryError, RuntimeError, ZeroDivisionError, OSError, KeyError])
def test_what_nobody_can_tell_to_be_free_of_speech_is_not_kept(
    tmp_path: Path, fault, caplog
) -> None:
    store, voice = Store(tmp_path), Broken(fault)
    sink = ClipSink(fresh(tmp_path), voice, store.write)
    for one in (clip(), clip()):
        store.write(one.detection)
        sink([one])
    assert not list(tmp_path.rglob("*.flac"))
    assert caplog.text.count(fault.__name__) == 1  # told once a minute
    voice.speaks = lambda samples, rate_hz: False
    sink([clip()])
    assert len(list(tmp_path.rglob("*.flac"))) == 1


@pytest.mark.parametrize("where", ["in it", "beside it", "nowhere"])
def test_near_speech_nothing_is_kept_but_the_record(tmp_path: Path, where: str) -> None:
    store, first = Store(tmp_path), clip()
    loud = np.array([32767], np.int16)
    if where == "in it":
        first = replace(first, samples=loud, around=loud)
    elif where == "beside it":
        first = replace(first, around=np.append(first.samples, loud))
    store.write(first.detection)
    ClipSink(fresh(tmp_path), Speech(), store.write)([first])
    assert bool(store.find(first.detection.id).clip) is (where == "nowhere")
    assert len(list(tmp_path.rglob("*.flac"))) == (where == "nowhere")


def clip(species: str = "parus_major", seconds: float = 1.0, **values: object) -> Clip:
    values = {"id": next(NUMBERS), "species_id": species, **values}
    samples = (SOUND[: int(1000 * seconds)] * 32767).astype(np.int16)
    return Clip(detection(**values), samples, RATE_HZ, samples)


FREE = ClipStoreConfig(free_bytes=0)


def test_opus_takes_any_rate_and_what_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    one = replace(clip(), rate_hz=32_000)
    path = tmp_path / fresh(tmp_path, format="opus").put(one)
    assert soundfile.info(path).samplerate == 48_000
    with pytest.raises(StoreError):
        ClipStore(tmp_path / "file" / "x", FREE).put(one)
    assert ClipStore(tmp_path / "nowhere", FREE).tidy() == []


@pytest.mark.parametrize("format_", ["flac", "opus"])
def test_a_clip_is_written_with_its_spectrogram(tmp_path: Path, format_: str) -> None:
    Image = pytest.importorskip("PIL.Image")
    one = replace(clip(detected_at="2026-05-01T04:31:07.250Z"), rate_hz=48_000)
    path = tmp_path / ClipStore(tmp_path, replace(FREE, format=format_)).put(one)
    assert path.name == f"20260501T043107Z-{one.detection.id}.{format_}"
    assert path.parent == tmp_path / "clips" / "parus_major"
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 48_000
    if format_ == "flac":
        np.testing.assert_array_equal(samples, one.samples)
    with Image.open(path.with_suffix(".png")) as picture:
        picture.load()
        assert picture.size == (512, 192)
    assert len(list(path.parent.iterdir())) == 2


def test_a_spectrogram_shows_the_pitch() -> None:
    Image = pytest.importorskip("PIL.Image")
    time = np.arange(48_000 * 2) / 48_000
    png = spectrogram_png((10_000 * np.sin(2 * np.pi * 7000 * time)).astype(np.int16), 48_000)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"), np.float32)
    brightest = pixels.mean(axis=1).argmax()
    assert 14_000 * (1 - brightest / 191) == pytest.approx(7000, abs=150)


@pytest.mark.parametrize("samples", [0, 1, 1023, 1024, 5000])
def test_a_spectrogram_of_any_length_is_a_picture(samples: int) -> None:
    Image = pytest.importorskip("PIL.Image")
    for sound in (np.zeros(samples, np.int16), np.full(samples, 32767, np.int16)):
        with Image.open(io.BytesIO(spectrogram_png(sound, 48_000))) as picture:
            assert np.asarray(picture).shape == (192, 512, 3)


def put_aged(store: ClipStore, station: Path, clip: Clip, age_s: float) -> str:
    path = store.put(clip)
    moment = station.stat().st_mtime - age_s
    os.utime(station / path, (moment, moment))
    return path


def fresh(station: Path, **limits: object) -> ClipStore:
    return ClipStore(station, replace(FREE, **limits))


def test_the_oldest_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    paths = [put_aged(store, tmp_path, clip(), 1000 - n) for n in range(20)]
    size = sum(path.stat().st_size for path in (tmp_path / "clips").rglob("*.*")) // 20
    gone = fresh(tmp_path, most_bytes=int(12.5 * size), least=3).tidy()
    assert gone == paths[:8]
    assert not any(
        (tmp_path / one).with_suffix(end).exists() for one in gone for end in (".flac", ".png")
    )


def test_each_species_keeps_its_last_few(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    rare = [put_aged(store, tmp_path, clip("rare"), 9000 + n) for n in range(3)]
    for n in range(10):
        put_aged(store, tmp_path, clip("common"), n)
    fresh(tmp_path, most_bytes=0, least=3).tidy()
    kept = {path.parent.name for path in (tmp_path / "clips").rglob("*.flac")}
    assert kept == {"rare", "common"}
    assert all((tmp_path / one).exists() for one in rare)
    assert len(list((tmp_path / "clips" / "common").glob("*.flac"))) == 3


@pytest.mark.parametrize("synchronised", [True, False])
def test_age_counts_while_the_clock_can_be_trusted(tmp_path, monkeypatch, synchronised) -> None:
    monkeypatch.setattr("edge.system.clock.synchronised", lambda: synchronised)
    store = fresh(tmp_path)
    old = put_aged(store, tmp_path, clip(), 3 * 86_400)
    new = put_aged(store, tmp_path, clip(), 1 * 86_400)
    assert fresh(tmp_path, most_days=2, least=0).tidy() == ([old] if synchronised else [])
    assert (tmp_path / new).exists()


def test_odd_names_are_left_alone_and_stop_nothing(tmp_path: Path) -> None:
    store = fresh(tmp_path)
    put_aged(store, tmp_path, clip(), 10)
    folder = tmp_path / "clips" / "parus_major"
    odd = ["notes.txt", "20260501.flac", "a\nb.flac", "20260501T043107Z-x.flac", "-rf *", "é" * 60]
    for name in odd:
        (folder / name).write_bytes(b"mine")
    (folder / os.fsdecode(b"\xff\xfe.flac")).write_bytes(b"mine")
    (tmp_path / "clips" / "file").write_bytes(b"mine")
    (folder / f"20260501T043107Z-{next(NUMBERS)}.flac").mkdir()
    (tmp_path / "clips" / "loop").symlink_to("loop")
    (tmp_path / "clips" / "gone").symlink_to("nowhere")
    assert len(fresh(tmp_path, most_bytes=0, least=0).tidy()) >= 1
    assert all((folder / one).read_bytes() == b"mine" for one in odd)
    assert not list(folder.glob("*.png"))


def test_what_a_crash_left_half_written_goes_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / fresh(tmp_path).put(clip())
    half = path.with_name(f".{path.name}-abc123")
    half.write_bytes(b"half")
    foreign = path.with_name(".nfs000")
    foreign.write_bytes(b"mine")
    fresh(tmp_path)
    assert not half.exists()
    assert foreign.exists()
    assert path.exists()


def test_a_disk_that_is_nearly_full_gets_no_clips(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="stay free of clips"):
        fresh(tmp_path, free_bytes=1 << 60).put(clip())
    assert not list(tmp_path.rglob("*.*"))


def test_the_store_knows_where_a_clip_lies_until_it_goes(tmp_path: Path) -> None:
    store, first = Store(tmp_path), clip()
    store.write(first.detection)
    clips = fresh(tmp_path, most_bytes=0, least=0)
    sink = ClipSink(clips, None, store.write)
    sink([first])
    kept = store.find(first.detection.id).clip
    assert (tmp_path / kept).is_file()
    other = clip()
    store.write(other.detection)
    clips._tidied = -60.0
    sink([other])
    assert store.find(first.detection.id).clip is None
    assert not (tmp_path / kept).exists()
    store.write(ClipKept(other.detection.id, "elsewhere"))
    assert store.find(other.detection.id).clip == "elsewhere"


def test_on_a_full_disk_clips_stop_first_and_all_recovers(small_disk) -> None:
    small_disk.leave(1_500_000)
    keeper = StoreSupervisor(small_disk.path)
    keeper.start()
    clips = fresh(small_disk.path, free_bytes=300_000, least=0)
    sink = ClipSink(clips, None, lambda record: keeper.keep([record]))
    clip_kept, clip_missing, clip_later = (clip(seconds=0.1) for _ in range(3))
    keeper.keep([clip_kept.detection])
    sink([clip_kept])
    small_disk.leave(200_000)
    keeper.keep([clip_missing.detection])
    sink([clip_missing])
    small_disk.leave(0)
    waited = [next(NUMBERS) for _ in range(100)]
    for number in waited:
        keeper.keep([detection(id=number)])
    small_disk.leave(small_disk.size)
    clips._tidied = -60.0
    keeper.keep([clip_later.detection])
    sink([clip_later])
    keeper.close()
    with open_records(small_disk.path) as records:
        # Where there was room for the record, but not for the clip, the record is kept.
        kept = [
            records.find(one.detection.id).clip for one in (clip_kept, clip_missing, clip_later)
        ]
        assert [bool(path) for path in kept] == [True, False, True]
        assert {one.id for one in records.last(1000)} >= set(waited)


@pytest.mark.parametrize("species", ["../../out", "/tmp/out", "a/b", "..", "a\0b"])
def test_no_clip_is_written_outside_its_folder(tmp_path: Path, species: str) -> None:
    station = tmp_path / "a" / "station"
    station.mkdir(parents=True)
    with pytest.raises(StoreError, match="plain name"):
        ClipStore(station, FREE).put(clip(species))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_clips_and_pictures_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        fresh(tmp_path).put(clip())
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "clips").rglob("*.*") if path.is_file()]
    assert {path.suffix for path in files} == {".flac", ".png"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}
    assert (tmp_path / "clips").stat().st_mode & 0o777 == 0o777 & ~umask
