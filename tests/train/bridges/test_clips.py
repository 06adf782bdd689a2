"""Layouts of corpora of clips, in tiny."""

import csv

import pytest

pytest.importorskip("torch")
pytest.importorskip("av")
from edge.contract.errors import DatasetError
from tests.support.films import make_film
from train.bridges.clips import check_named, open_clips

TAXA = (
    ("label", "species_code", "inat_taxon_id", "inat2021_label", "nabirds_labels", "common_name",
     "scientific_name", "family", "order"),
    (0, "mallar3", 6930, 1, "", "Mallard", "Anas platyrhynchos", "Anatidae (Ducks, Geese)",
     "Anseriformes"),
    (1, "baleag", 5305, 2, "", "Bald Eagle", "Haliaeetus leucocephalus", "Accipitridae (Hawks)",
     "Accipitriformes"),
)  # fmt: skip


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def film(path):
    return make_film(path, (20, 220))


def found(clips):
    return {(clip.recording, clip.label, clip.split) for clip in clips.clips}


def test_ssw60_video(tmp_path):
    write(tmp_path / "taxa.csv", TAXA)
    columns = ("asset_id", "label", "split", "fps", "frame_count")
    rows = [columns, (201, 0, "train", 25, 250), (202, 1, "test", 25, 250), (203, 1, "val", 25, 1)]
    write(tmp_path / "video_ml.csv", rows)
    for name in (201, 202, 203):
        film(tmp_path / "video_ml" / f"{name}.mp4")
    clips = open_clips(f"ssw60video:{tmp_path}")
    assert found(clips) == {
        ("201", "anas_platyrhynchos", "train"),
        ("202", "haliaeetus_leucocephalus", "test"),
        ("203", "haliaeetus_leucocephalus", "validation"),
    }
    assert {clip.licence for clip in clips.clips} == {"research use only"}
    assert not clips.synthetic
    assert [clip.recording for clip in clips.select("test")] == ["202"]
    assert open_clips(f"ssw60video:{tmp_path}", "Anas").taxonomy.ids == ("anas_platyrhynchos",)


def test_ssw60s_own_tables_are_read_without_the_ones_that_are_not_video(tmp_path):
    write(tmp_path / "taxa.csv", TAXA)
    write(tmp_path / "audio_ml.csv", [("asset_id", "label", "split"), (1, 0, "train")])
    with pytest.raises(DatasetError, match=r"expected e\.g\. video_ml\.csv"):
        open_clips(f"ssw60video:{tmp_path}")


def test_folders_named_by_their_species(tmp_path):
    for place in ("train/Parus_major/a.mp4", "test/Turdus_merula/b.mkv", "val/Parus_major/c.webm"):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.write_bytes(b"looked at later")
    (tmp_path / "train/Parus_major/notes.txt").write_text("no clip")
    assert found(open_clips(f"videos:{tmp_path}")) == {
        ("a", "parus_major", "train"),
        ("b", "turdus_merula", "test"),
        ("c", "parus_major", "validation"),
    }


def test_folders_without_splits_are_train(tmp_path):
    film(tmp_path / "Parus_major" / "a.mp4")
    assert found(open_clips(f"videos:{tmp_path}")) == {("a", "parus_major", "train")}


AUDIOSET = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=2, num_positive_labels=4
# YTID, start_seconds, end_seconds, positive_labels
--4gqARaEJE, 0.000, 10.000, "/m/015p6,/m/020bb7"
--BfvyPmVMo, 20.000, 30.000, "/m/015p6"
-0RWZT-miFs, 420.000, 430.000, "/m/07r_k2n"
"""
LABELS = """index,mid,display_name
0,/m/015p6,"Bird"
1,/m/020bb7,"Bird vocalization, bird call, bird song"
2,/m/07r_k2n,"Yip"
"""


def test_audioset_with_its_quoted_labels(tmp_path):
    (tmp_path / "class_labels_indices.csv").write_text(LABELS)
    (tmp_path / "balanced_train_segments.csv").write_text(AUDIOSET)
    film(tmp_path / "clips" / "--4gqARaEJE_0.mp4")
    (tmp_path / "clips" / "--4gqARaEJE_0.wav").write_bytes(b"its sound, extracted")
    (tmp_path / "clips" / "--BfvyPmVMo_20.wav").write_bytes(b"sound only")
    clips = open_clips(f"audioset:{tmp_path}")
    first, second = sorted(clips.clips, key=lambda clip: clip.recording)
    assert (first.path.suffix, second.path.suffix) == (".mp4", ".wav")
    assert first.species == ("bird", "bird_vocalization_bird_call_bird_song")
    assert second.species == ("bird",)


def test_audiocaps_has_captions_and_no_species(tmp_path):
    write(
        tmp_path / "train.csv",
        [
            ("audiocap_id", "youtube_id", "start_time", "caption"),
            (91139, "r1nicOVtvkQ", 130, "A woman talks nearby as water pours"),
            (58146, "r1nicOVtvkQ", 130, "Water, then speech"),
        ],
    )
    film(tmp_path / "Yr1nicOVtvkQ_130.mp4")
    film(tmp_path / "r1nicOVtvkQ.mp4")
    (clip,) = open_clips(f"audiocaps:{tmp_path}").clips
    assert clip.captions == ("A woman talks nearby as water pours", "Water, then speech")
    assert clip.label == ""
    with pytest.raises(
        DatasetError, match=r"pictures: needs a species .* 1 have none, first .*r1n"
    ):
        check_named([clip], "pictures")


@pytest.mark.parametrize("name", ["ssw60:{}", "video:{}", "{}", "audiosett:{}"])
def test_an_unknown_kind_is_told_which_there_are(tmp_path, name):
    with pytest.raises(DatasetError, match="ssw60video, videos, audioset, audiocaps"):
        open_clips(name.format(tmp_path))


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        open_clips(f"videos:{tmp_path}/none")
    with pytest.raises(DatasetError, match=r"expected e\.g\. Cuculus_canorus/x\.mp4"):
        open_clips(f"videos:{tmp_path}")


def test_held_out_species_are_in_no_clip_that_is_learned_from(tmp_path):
    for species in ("Parus_major", "Turdus_merula"):
        film(tmp_path / species / f"{species}.mp4")
    clips = open_clips(f"videos:{tmp_path}")
    assert [clip.label for clip in clips.select("train", ["parus_major"])] == ["turdus_merula"]
    with pytest.raises(DatasetError, match="held_out: not in the taxonomy"):
        clips.select("train", ["corvus_corax"])
    with pytest.raises(DatasetError, match="no clips in split 'test'; it has train"):
        clips.select("test")
