"""The synthetic aviary: deterministic, honest splits, species true to sound and looks."""

import csv
import itertools
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("tqdm")

import soundfile
from PIL import Image

from edge.contract.taxonomy import Taxonomy
from tests.support import ROOT
from train.aviary import chorus, cli
from train.aviary.background import BACKGROUNDS, background
from train.aviary.chance import generator
from train.aviary.dataset import AviaryConfig, build, items, split_of
from train.aviary.picture import picture
from train.aviary.plumage import plumages
from train.aviary.repertoire import STROPHES, Singer, bout
from train.aviary.scene import SingerPosition, field_recording, heard_from, loudness, mixed
from train.aviary.song import RATE_HZ, Note, sound
from train.aviary.species import SPECIES, SPECIES_IDS, chosen

SMALL = AviaryConfig(
    seed=5,
    species=("cuculus_canorus", "parus_major"),
    individuals=3,
    recordings=1,
    pictures=3,
    backgrounds=3,
    shortest_s=3.0,
    longest_s=3.5,
)
SCRIPT = ROOT / "scripts" / "aviary.py"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    output = tmp_path_factory.mktemp("aviary") / "set"
    build(SMALL, output, progress=False)
    return output


def rows_of(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sing(species_id, length_s=6.0, seed=0, name="test"):
    """Return one bout of a singer, without scenery."""
    return bout(Singer.hatch(species_id, seed, name), length_s, generator(seed, "bout", name))


def loudest_hz(wave, low_hz, high_hz):
    """Return the strongest pitch in a band."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    inside = (hz > low_hz) & (hz < high_hz)
    return hz[inside][power[inside].argmax()]


def pitch_track(wave, frame=2400):
    """Return the strongest pitch of the loud frames of 50 ms, in hertz."""
    frames = wave[: len(wave) // frame * frame].reshape(-1, frame)
    loud = np.square(frames).mean(axis=1)
    loud = frames[loud > 0.25 * loud.max()]
    peaks = np.abs(np.fft.rfft(loud * np.hanning(frame), 8 * frame)).argmax(axis=1)
    return peaks * RATE_HZ / (8 * frame)


def test_every_species_has_taxonomy_song_and_plumage():
    assert len(SPECIES) == len(set(SPECIES_IDS)) == 24
    assert set(STROPHES) == set(plumages()) == set(SPECIES_IDS)
    families = [species.family for species in SPECIES]
    assert len(set(families)) == 8
    assert {families.count(family) for family in families} == {3}


def test_ids_follow_the_scientific_name():
    for species in SPECIES:
        assert species.species_id == species.scientific_name.lower().replace(" ", "_")
        assert species.scientific_name == f"{species.genus} {species.epithet}"


def test_unknown_species_is_named():
    with pytest.raises(ValueError, match="parus_minor"):
        chosen(("parus_minor",))


def test_manifest_has_the_columns_of_real_data(small):
    header = (small / "manifest.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "path,kind,scientific_name,common_name,individual,split,licence,attribution"


def test_manifest_lists_exactly_the_files_written(small):
    listed = sorted(row["path"] for row in rows_of(small))
    media = (path for path in small.rglob("*") if path.suffix in (".flac", ".jpg"))
    assert listed == sorted(path.relative_to(small).as_posix() for path in media)
    assert len(listed) == 2 * (3 + 3) + 3 * len(BACKGROUNDS)
    assert not list(small.glob("*.partial"))


def test_rows_name_species_or_background_class(small):
    for row in rows_of(small):
        assert (row["licence"], row["attribution"]) == ("CC0", "birdlisten aviary")
        if row["path"].startswith("audio/background/"):
            assert row["scientific_name"] == ""
            assert row["common_name"] in BACKGROUNDS
        else:
            assert row["scientific_name"] in ("Cuculus canorus", "Parus major")


def test_taxonomy_holds_the_chosen_species(small):
    assert Taxonomy.load(small / "taxonomy.csv").ids == ("cuculus_canorus", "parus_major")


def test_recordings_are_48_khz_mono_and_pictures_256_rgb(small):
    for row in rows_of(small):
        if row["kind"] == "audio":
            info = soundfile.info(small / row["path"])
            assert (info.samplerate, info.channels, info.format) == (48_000, 1, "FLAC")
            assert 3.0 <= info.duration <= 3.5
        else:
            with Image.open(small / row["path"]) as image:
                assert (image.size, image.mode, image.format) == ((256, 256), "RGB", "JPEG")


def test_default_set_splits_by_individual():
    every = items(AviaryConfig())
    splits = {}
    for item in every:
        splits.setdefault(item.individual, set()).add(item.split)
    assert {len(found) for found in splits.values()} == {1}
    songs = [i for i in every if i.scientific_name == "Asio otus" and i.kind == "audio"]
    count = {
        s: len({i.individual for i in songs if i.split == s})
        for s in ("train", "validation", "test")
    }
    assert count == {"train": 18, "validation": 4, "test": 6}
    assert len(songs) == 28
    assert len({item.path for item in every}) == len(every)


@pytest.mark.parametrize("count", [3, 4, 5, 8, 14, 40])
def test_no_split_is_empty(count):
    assert {split_of(i, count) for i in range(count)} == {"train", "validation", "test"}


def test_too_few_individuals_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        AviaryConfig(individuals=2)


def test_same_seed_gives_the_same_files_with_any_number_of_processes(small, tmp_path):
    build(SMALL, tmp_path, progress=False, workers=2)
    names = ["manifest.csv", "taxonomy.csv", *(row["path"] for row in rows_of(small))]
    assert [n for n in names if (small / n).read_bytes() != (tmp_path / n).read_bytes()] == []


def test_items_do_not_depend_on_the_rest_of_the_set(small, tmp_path):
    config = AviaryConfig(5, ("parus_major",), 3, 1, 3, 0, shortest_s=3.0, longest_s=3.5)
    build(config, tmp_path, progress=False)
    for name in (
        "audio/parus_major/parus_major_02_1.flac",
        "images/parus_major/parus_major_03.jpg",
    ):
        assert (tmp_path / name).read_bytes() == (small / name).read_bytes()


def test_other_seed_gives_other_songs_and_pictures():
    assert not np.array_equal(
        sing("parus_major", seed=1)[:9600], sing("parus_major", seed=2)[:9600]
    )
    first, second = (picture("parus_major", generator(seed, "x")) for seed in (1, 2))
    assert first.tobytes() != second.tobytes()


def test_interrupted_build_leaves_no_manifest(small, tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("old")
    monkeypatch.setattr("train.aviary.dataset.waveform", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(SMALL, tmp_path, progress=False)
    assert not (tmp_path / "manifest.csv").exists()


@pytest.mark.parametrize("species_id", SPECIES_IDS)
def test_songs_and_recordings_are_finite_and_within_range(species_id):
    song = sing(species_id, 4.0)
    assert 2.0 < len(song) / RATE_HZ <= 4.0
    recording = field_recording(song, 4.2, generator(0, species_id))
    for wave in (song, recording):
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()
        assert 0.05 < np.abs(wave).max() <= 1.0
    assert len(recording) == round(4.2 * RATE_HZ)
    assert abs(float(song.mean())) < 0.01


@pytest.mark.parametrize("species_id", SPECIES_IDS)
def test_songs_start_and_end_without_clicks(species_id):
    song = sing(species_id, 4.0)
    assert np.abs(song[[0, 1, -2, -1]]).max() < 0.03


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_cuckoo_falls_by_a_minor_third(name):
    song = sing("cuculus_canorus", name=name)
    high, low = loudest_hz(song, 606, 760), loudest_hz(song, 480, 606)
    assert high == pytest.approx(667, rel=0.06)
    assert low == pytest.approx(545, rel=0.06)
    assert high / low == pytest.approx(6 / 5, rel=0.04)


def test_oriental_cuckoo_keeps_one_pitch():
    track = pitch_track(sing("cuculus_optatus"))
    assert track.max() / track.min() < 1.1


def test_chiffchaff_alternates_two_pitches():
    wave = sing("phylloscopus_collybita", 3.0)
    frame = 480
    level = np.abs(wave[: len(wave) // frame * frame]).reshape(-1, frame).max(axis=1) > 0.1
    edges = np.flatnonzero(np.diff(np.concatenate([[0], level, [0]]).astype(int))) * frame
    notes = [wave[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    high = [loudest_hz(note[len(note) // 2 :], 3000, 8000) > 4400 for note in notes]
    assert len(high) >= 6
    assert all(a != b for a, b in itertools.pairwise(high[:6]))


def test_eagle_owl_is_deepest_and_blue_tit_highest():
    middle = {
        s: float(np.median(pitch_track(sing(s)))) for s in ("bubo_bubo", "asio_otus", "parus_major")
    }
    assert middle["bubo_bubo"] < middle["asio_otus"] < middle["parus_major"]
    assert pitch_track(sing("cyanistes_caeruleus")).max() > pitch_track(sing("parus_major")).max()


def test_individuals_differ_in_pitch_but_keep_their_own():
    first, again, other = (sing("asio_otus", name=name) for name in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert abs(np.median(pitch_track(first)) / np.median(pitch_track(other)) - 1) > 0.001


def test_partials_above_the_ceiling_are_left_out():
    wave = sound(Note((15_000.0,), 0.1, partials=(1.0, 1.0)), generator(0))
    assert loudest_hz(wave, 100, 24_000) == pytest.approx(15_000, rel=0.01)
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    assert power[: len(power) // 2].sum() < 1e-4 * power.sum()


def test_distance_takes_the_high_notes():
    far, near = SingerPosition(300.0, 0.3, 0.01), SingerPosition(3.0, 0.3, 0.01)
    high, low = (sound(Note((hz,), 0.5), generator(0)) for hz in (9000.0, 500.0))
    lost = [
        loudness(heard_from(wave, far, generator(1)))
        / loudness(heard_from(wave, near, generator(1)))
        for wave in (high, low)
    ]
    assert lost[0] < 0.1 < 0.8 < lost[1]


def test_noise_is_mixed_at_the_ratio_asked_for():
    song = sing("asio_otus")
    noise = background("air", len(song), generator(0))
    added = mixed(song, noise, 12.0) - song
    assert 20 * np.log10(loudness(song) / loudness(added)) == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize("kind", sorted(BACKGROUNDS))
def test_backgrounds_are_lively_and_normalised(kind):
    noise = background(kind, 48_000, generator(0, kind))
    assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(1.0, rel=0.01)
    assert not np.array_equal(noise, background(kind, 48_000, generator(1, kind)))


def colours(species_id, name):
    """Return the share of the picture's middle in each of 216 colours, square root."""
    image = picture(species_id, generator(3, name)).resize((64, 64)).crop((10, 10, 54, 54))
    bins = (np.asarray(image, int) // 43) @ (36, 6, 1)
    return np.sqrt(np.bincount(bins.ravel(), minlength=216) / bins.size)


def test_pictures_differ_more_between_species_than_within():
    some = ("turdus_merula", "cyanistes_caeruleus", "phylloscopus_sibilatrix", "bubo_bubo")
    mean = {
        s: [np.mean([colours(s, f"{half}{i}") for i in range(4)], axis=0) for half in "ab"]
        for s in some
    }
    within = [np.linalg.norm(a - b) for a, b in mean.values()]
    between = [np.linalg.norm(mean[s][0] - mean[t][1]) for s, t in itertools.permutations(some, 2)]
    assert max(within) < min(between)


def test_birds_fill_the_picture_and_lie_within_it():
    blackbirds = [
        np.asarray(picture("turdus_merula", generator(0, i)).convert("L"), int) for i in range(6)
    ]
    for grey in blackbirds:
        assert 0.08 < (grey < 50).mean() < 0.6
        assert (grey[:, [0, -1]] < 50).mean() < 0.15


@pytest.fixture(scope="module")
def dawn():
    return chorus.compose(4)


def test_chorus_has_6_to_12_species_for_two_minutes(dawn):
    assert len(dawn.waveform) == 120 * RATE_HZ
    assert np.isfinite(dawn.waveform).all()
    assert np.abs(dawn.waveform).max() < 1.0
    assert 6 <= len({b.scientific_name for b in dawn.bouts}) <= 12


def test_chorus_truth_is_sorted_inside_and_overlapping(dawn):
    starts = [b.start_samples for b in dawn.bouts]
    assert starts == sorted(starts)
    assert starts[0] >= 0
    assert max(b.end_samples for b in dawn.bouts) <= len(dawn.waveform)
    assert any(a.end_samples > b.start_samples for a, b in itertools.pairwise(dawn.bouts))


def test_chorus_singers_have_bouts_of_3_s_and_never_sing_over_themselves(dawn):
    for name in {b.scientific_name for b in dawn.bouts}:
        own = [b for b in dawn.bouts if b.scientific_name == name]
        assert len(own) >= 3
        assert min(b.end_samples - b.start_samples for b in own) >= 3 * RATE_HZ
        assert all(a.end_samples < b.start_samples for a, b in itertools.pairwise(own))


def test_chorus_is_louder_where_the_truth_says_so(dawn):
    singing = np.zeros(len(dawn.waveform), bool)
    for b in dawn.bouts:
        singing[b.start_samples : b.end_samples + RATE_HZ] = True
    silent = dawn.waveform[~singing]
    assert len(silent) > RATE_HZ
    for b in dawn.bouts:
        assert loudness(dawn.waveform[b.start_samples : b.end_samples]) > 2 * loudness(silent)


def test_other_seed_gives_another_cast(dawn):
    other = chorus.compose(5)
    assert {b.scientific_name for b in other.bouts} != {b.scientific_name for b in dawn.bouts}
    assert 6 <= len({b.scientific_name for b in other.bouts}) <= 12


def test_chorus_files(dawn, tmp_path):
    path = chorus.write(dawn, tmp_path / "new")
    assert path.stat().st_size < 8_000_000
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.duration) == (
        48_000,
        1,
        "PCM_16",
        120.0,
    )
    lines = (tmp_path / "new" / "chorus.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "start_s,end_s,scientific_name"
    assert len(lines) == 1 + len(dawn.bouts)


def test_command_line_builds_and_prints_the_path(tmp_path, capsys):
    small = ["--species", "1", "--individuals", "3", "--recordings", "1", "--pictures", "3"]
    assert cli.main(["build", "--output", str(tmp_path), "--backgrounds", "0", *small]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "manifest.csv")


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "--species", "99"],
        ["build", "--individuals", "1"],
        ["chorus"],
        ["fly"],
        ["build", "--seed", "-1"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, capsys):
    try:
        status = cli.main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_script_runs_by_path_from_anywhere(tmp_path):
    command = [sys.executable, str(SCRIPT), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "chorus" in done.stdout
