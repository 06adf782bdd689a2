"""Synthetic clips: what the truth says is what is seen and heard in the files."""

import csv
import hashlib
import sys

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("torch")
from train.aviary import cli
from train.aviary.film import write_film
from train.aviary.filming import film
from train.aviary.species import SPECIES_IDS
from train.aviary.staging import SIZES_PX, Actor, size_class, stage
from train.aviary.video import VideoConfig, build_videos, planned_clips
from train.bridges.clips import open_clips
from train.bridges.truth import read_truth
from train.bridges.video import read_frames, read_sound

KINDS = ("parus_major", "dryocopus_martius", "strix_aluco")
CONFIG = VideoConfig(seed=5, species=KINDS, clips=3, stills=3, length_s=4.0)
LENGTH_S, RATE_HZ = 8.0, 4
SOON = {"turns": ((0.5, 1.5),), "seen_s": (0.0, 2.0)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos") / "aviary-clips"
    build_videos(CONFIG, folder, progress=False, workers=1)
    return folder


def digests(folder):
    files = sorted(path for path in folder.rglob("*.*") if path.suffix in (".csv", ".jpg"))
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def actor(**changes):
    given = {
        "species_id": "parus_major",
        "individual": "a",
        "turns": ((2.0, 4.0),),
        "seen_s": (1.0, 5.0),
        "side_px": 90.0,
        "gain_db": 26.0,
    }
    return Actor(**{**given, **changes})


def pixels(image):
    return np.asarray(image, np.int16)


def test_the_layout_is_ssw60s(built):
    with (built / "video_ml.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"asset_id", "label", "split", "fps", "orginal_video_start_second"} <= rows[0].keys()
    assert {(row["fps"], row["frame_count"]) for row in rows} == {("4", "16")}
    clips = open_clips(f"ssw60video:{built}")
    assert clips.synthetic
    assert "aviary" in clips.name
    assert {clip.label for clip in clips.clips} == set(KINDS)
    assert {clip.split for clip in clips.clips} == {"train", "validation", "test"}
    assert all(clip.attribution == "birdlisten aviary" for clip in clips.clips)


def test_an_individual_is_in_one_split_only(built):
    splits = {}
    for clip in open_clips(f"ssw60video:{built}").clips:
        for bird in read_truth(built).birds(clip.recording):
            splits.setdefault(bird.bird, set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())


def test_others_in_a_clip_are_named_beside_its_species(built):
    truth = read_truth(built)
    for clip in open_clips(f"ssw60video:{built}").clips:
        birds = [bird.species_id for bird in truth.birds(clip.recording)]
        assert sorted(clip.species) == sorted(birds)
        assert clip.label == birds[0]


def test_the_same_seed_gives_the_same_clips_with_any_number_of_processes(built, tmp_path):
    """Tables and photographs to the byte; of x264's bytes a few may differ, not what they show."""
    again = tmp_path / "aviary-clips"
    build_videos(CONFIG, again, progress=False, workers=2)
    assert digests(again) == digests(built)
    for path in sorted((built / "video_ml").iterdir()):
        other = again / "video_ml" / path.name
        moments = [0.1, 1.1, 2.6, 3.9]
        frames = zip(read_frames(path, moments), read_frames(other, moments), strict=True)
        assert all(np.abs(pixels(one) - pixels(two)).mean() < 2 for one, two in frames)
        assert np.allclose(read_sound(path, 48_000), read_sound(other, 48_000), atol=1e-3)


def test_another_seed_gives_other_birds_and_scenes():
    (first, other) = (film(seed, "clip", [actor()], LENGTH_S, RATE_HZ) for seed in (1, 2))
    assert np.abs(pixels(first.frames[0]) - pixels(other.frames[0])).mean() > 5
    assert np.abs(first.sound - other.sound).max() > 0.05


def test_a_bird_is_where_its_box_says_while_it_is_there():
    footage = film(3, "clip", [actor(turns=())], LENGTH_S, RATE_HZ)
    boxes = dict(footage.birds[0].boxes)
    assert sorted(boxes) == [n / RATE_HZ for n in range(4, 20)]
    empty, present = pixels(footage.frames[0]), pixels(footage.frames[8])
    changed = np.abs(present - empty).max(axis=2) > 12
    rows, columns = changed.any(axis=1).nonzero()[0], changed.any(axis=0).nonzero()[0]
    x1, y1, x2, y2 = boxes[2.0]
    seen = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert seen == pytest.approx((x1, y1, x2, y2), abs=6)
    assert not changed[:, : int(x1)].any()


def test_a_singer_moves_and_opens_its_bill_and_a_silent_bird_does_neither():
    still, singer = (
        film(3, "clip", [actor(turns=turns)], LENGTH_S, RATE_HZ) for turns in ((), ((2.0, 4.5),))
    )
    (begin, end), *_ = singer.birds[0].songs
    tops = {time_s: box[1] for time_s, box in singer.birds[0].boxes if begin <= time_s < end}
    assert len(set(tops.values())) > 1
    assert len({box for _, box in still.birds[0].boxes}) == 1
    frames = [pixels(still.frames[n]) for n in (6, 10, 14)]
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_the_song_is_heard_when_the_truth_says_so():
    footage = film(3, "clip", [actor(turns=((2.0, 4.5),))], LENGTH_S, RATE_HZ)
    ((begin, end),) = footage.birds[0].songs
    power = np.square(footage.sound)
    inside = power[int(begin * 48_000) : int(end * 48_000)].mean()
    before = power[: int((begin - 0.1) * 48_000)].mean()
    assert begin == 2.0
    assert inside > 20 * before


def test_who_sings_off_screen_is_heard_and_never_seen():
    footage = film(3, "clip", [actor(seen_s=None)], LENGTH_S, RATE_HZ)
    (bird,) = footage.birds
    assert (bird.songs != (), bird.boxes, bird.size) == (True, (), "")
    first = pixels(footage.frames[0])
    assert all(np.array_equal(first, pixels(frame)) for frame in footage.frames)


@pytest.mark.parametrize("name", SIZES_PX)
def test_a_bird_has_the_area_of_its_class(name):
    side_px = float(np.mean(SIZES_PX[name]))
    for species in ("parus_major", "strix_aluco", "streptopelia_decaocto"):
        seen = film(1, species, [actor(species_id=species, side_px=side_px, **SOON)], 2.0, RATE_HZ)
        assert seen.birds[0].size in (name, "large")  # long birds end at the picture's rim
        assert name == "huge" or seen.birds[0].size == name


def test_sizes_are_slavcs():
    limits = [(31.9, "small"), (32.0, "medium"), (95.9, "medium"), (96.0, "large"), (144.0, "huge")]
    assert [size_class(side) for side, _ in limits] == [name for _, name in limits]


def test_clips_are_staged_as_they_are_meant_to_be():
    """Seen for a part, never, or always; silent birds and strangers beside."""
    others = [(species, "other") for species in SPECIES_IDS[1:]]
    clips = [stage(1, f"{n}", (SPECIES_IDS[0], "me"), others, LENGTH_S) for n in range(300)]
    seen = [clip[0].seen_s for clip in clips]
    always = sum(span == (0.0, LENGTH_S) for span in seen) / 300
    never = sum(span is None for span in seen) / 300
    assert always == pytest.approx(0.18, abs=0.07)
    assert never == pytest.approx(0.12, abs=0.06)
    parts = [end - begin for begin, end in filter(None, seen) if end - begin < LENGTH_S]
    assert np.mean(parts) / LENGTH_S == pytest.approx(0.385, abs=0.05)
    assert all(clip[0].turns for clip in clips)
    assert np.mean([len(clip) > 1 and not clip[1].turns for clip in clips]) > 0.5
    strangers = [bird for clip in clips for bird in clip[1:] if bird.turns]
    assert len(strangers) / 300 == pytest.approx(0.25, abs=0.08)
    assert all(bird.seen_s is None for bird in strangers)
    assert all(len({bird.species_id for bird in clip}) == len(clip) for clip in clips)


def test_what_is_written_is_read_again(built):
    footage = film(3, "clip", [actor(**SOON)], 2.0, RATE_HZ)
    path = built.parent / "a.mp4"
    write_film(path, footage.frames, RATE_HZ, footage.sound)
    for number, image in enumerate(read_frames(path, [0.1, 0.6, 1.9])):
        written = pixels(footage.frames[(0, 2, 7)[number]])
        assert np.abs(pixels(image) - written).mean() < 6
    sound = read_sound(path, 48_000)[: len(footage.sound)]
    assert np.corrcoef(sound, footage.sound[: len(sound)])[0, 1] > 0.95


def test_birds_of_the_test_set_are_all_of_one_split():
    clips = planned_clips(VideoConfig(seed=1, clips=3, stills=0, split="test"))
    assert {clip.split for clip in clips} == {"test"}


def test_an_interrupted_build_leaves_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr("train.aviary.video.write_film", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_videos(CONFIG, tmp_path, progress=False, workers=1)
    assert not (tmp_path / "video_ml.csv").exists()


def test_the_command_prints_the_table(tmp_path, capsys):
    words = ("--species", "1", "--clips", "3", "--stills", "0", "--output", str(tmp_path))
    assert cli.main(["video", *words]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "video_ml.csv")
    assert len(list((tmp_path / "video_ml").glob("*.mp4"))) == 3


@pytest.mark.parametrize("words", [("--clips", "2"), ("--stills", "1"), ("--split", "all")])
def test_wrong_numbers_are_one_line(words, tmp_path, capsys):
    try:
        code = cli.main(["video", *words, "--output", str(tmp_path)])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_pyav_the_command_to_install_it_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    words = ("--species", "1", "--clips", "3", "--stills", "0", "--output", str(tmp_path))
    assert cli.main(["video", *words]) == 1
    assert "pip install 'av>=14'" in capsys.readouterr().err
