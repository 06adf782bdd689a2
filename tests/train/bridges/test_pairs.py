"""Frames seen once, sounds heard once, and batches of both."""

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.films import make_film, tone  # noqa: E402
from train.bridges.clips import open_clips  # noqa: E402
from train.bridges.frames import load_frames  # noqa: E402
from train.bridges.pairs import (  # noqa: E402
    PairBatch,
    PairSampler,
    chosen_frames,
    frames_inside,
    load_pairs,
)
from train.config import PretrainConfig  # noqa: E402
from train.config.bridging import BridgeConfig  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.pretraining.image_text import _model_config, save_open_clip  # noqa: E402

CPU = torch.device("cpu")
SPEC = LogMelSpec(hop_samples=960, mel_bins=64)
FRAMES, CLIP_S = 4, 2.0
PITCHES = {"Parus_major": 4000, "Turdus_merula": 2000, "Strix_aluco": 800, "Asio_otus": 400}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A random ViT and text tower in open_clip's layout."""
    import open_clip

    torch.manual_seed(0)
    settings = {"image_layers": 1, "image_width": 32, "image_patch": 16, "image_size": 32}
    config = _model_config(PretrainConfig(dim=16, **settings))
    folder = tmp_path_factory.mktemp("tiny") / "teacher-aviary"
    save_open_clip(open_clip.CLIP(**config), config, folder)
    return load_teacher(f"local-dir:{folder}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two clips of each of four species: grey after grey, a tone in the second half."""
    root = tmp_path_factory.mktemp("clips")
    for n, (species, hz) in enumerate(PITCHES.items()):
        for take in (1, 2):
            greys = [10 + 25 * n + 10 * take + 12 * frame for frame in range(8)]
            sound = tone(hz, 1.0, CLIP_S, CLIP_S)
            make_film(root / species / f"{species}_{take}.mp4", greys, sound)
    return root


@pytest.fixture
def pairs(folder, teacher, computed):
    return load(folder, teacher, computed)


def load(folder, teacher, cache, **settings):
    clips = open_clips(f"videos:{folder}")
    given = {"spec": SPEC, "teacher": teacher, "frames": FRAMES, "cache": cache}
    return load_pairs(clips, "train", **given, **settings)


def sampler(pairs, ranks=None, **settings):
    config = BridgeConfig(**{"gain_db": 0.0, "mask": 0.0, **settings})
    return PairSampler(pairs, 51, config, CPU, ranks or Ranks())


def test_rows_are_the_teachers_of_the_frames_in_the_middle_of_equal_parts(pairs, teacher):
    from train.bridges.video import read_frames

    assert pairs.bank.rows.shape == (8, FRAMES, 16)
    assert pairs.bank.times_s[3] == pytest.approx([0.25, 0.75, 1.25, 1.75], abs=1e-3)
    expected = teacher.embed_images(read_frames(pairs.clips[3].path, [0.25, 0.75, 1.25, 1.75]))
    assert pairs.bank.rows[3] == pytest.approx(expected, abs=2e-3)
    assert np.linalg.norm(pairs.bank.rows, axis=2) == pytest.approx(np.ones((8, FRAMES)), abs=1e-5)


def test_a_clip_is_embedded_once(folder, teacher, tmp_path, monkeypatch):
    clips = open_clips(f"videos:{folder}").clips
    _, first = load_frames(clips, teacher, 2, tmp_path)
    monkeypatch.setattr("train.bridges.frames.read_frames", None)  # would be called
    _, again = load_frames(clips, teacher, 2, tmp_path)
    assert np.array_equal(first.rows, again.rows)
    with pytest.raises(TypeError):
        load_frames(clips, teacher, 3, tmp_path)


def test_what_cant_be_seen_or_heard_is_named_and_left_out(folder, teacher, tmp_path, caplog):
    root = tmp_path / "clips"
    make_film(root / "Parus_major" / "whole.mp4", [20] * 8, tone(4000, 0, 2, 2))
    make_film(root / "Parus_major" / "mute.mp4", [20] * 8)
    make_film(root / "Parus_major" / "blind.mp4", sound=tone(4000, 0, 2, 2))
    (root / "Parus_major" / "text.mp4").write_text("no video")
    with caplog.at_level(logging.WARNING):
        found = load(root, teacher, tmp_path / "cache")
    assert [clip.recording for clip in found.clips] == ["whole"]
    told = " ".join(caplog.messages)
    assert "mute.mp4: has no sound; skipped" in told
    assert "blind.mp4: has no pictures, only sound; skipped" in told
    assert "text.mp4: not readable as a video" in told
    assert len(found.bank.rows) == len(found.log_mels) == len(found.labels) == 1


def test_nothing_readable_is_an_error(teacher, tmp_path):
    make_film(tmp_path / "Parus_major" / "mute.mp4", [20] * 8)
    with pytest.raises(DatasetError, match="none of 1 clips can be heard"):
        load(tmp_path, teacher, tmp_path / "cache")
    (tmp_path / "Parus_major" / "mute.mp4").write_text("none")
    with pytest.raises(DatasetError, match="none of 1 clips can be seen"):
        load(tmp_path, teacher, tmp_path / "cache")


def test_a_batch_holds_what_belongs_together(pairs):
    batch = sampler(pairs).batch(8)
    assert sorted(batch.clips.tolist()) == list(range(8))
    assert batch.log_mel.shape == (8, 1, 51, 64)
    for place, clip in enumerate(batch.clips.tolist()):
        assert batch.rows[place].numpy() == pytest.approx(pairs.bank.rows[clip])
        species = pairs.taxonomy.ids[batch.labels[place]]
        assert species == pairs.clips[clip].label
        heard = batch.log_mel[place, 0].amax(dim=0).argmax()
        assert heard == pairs.log_mels[clip].amax(dim=0).argmax()
    assert batch.begins_s.max() <= CLIP_S - 1.0 + 0.1


def test_a_sampler_goes_on_where_it_was(pairs):
    first, other = sampler(pairs), sampler(pairs, seed=7)
    for _ in range(5):
        first.batch(4)
    other.set_state(first.get_state())
    assert (first.epoch, other.epoch) == (2, 2)
    left, right = first.batch(4), other.batch(4)
    assert torch.equal(left.clips, right.clips)
    assert torch.equal(left.log_mel, right.log_mel)


def test_ranks_share_a_batch(pairs):
    whole = sampler(pairs).batch(6)
    parts = [sampler(pairs, Ranks(rank, 2)).batch(6) for rank in range(2)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.clips, whole.clips[rank::2])
        assert torch.equal(part.log_mel, whole.log_mel[rank::2])


def test_a_batch_of_more_clips_than_there_are_is_refused(pairs):
    with pytest.raises(ConfigError, match="batch: 9 are more than the 8 clips"):
        sampler(pairs).batch(9)


def test_frames_are_inside_their_window_or_the_nearest_to_it():
    times_s = torch.tensor([[1.0, 3.0, 5.0, 7.0]]).expand(5, 4)
    begins_s = torch.tensor([0.0, 3.0, 1.2, 5.9, 8.5])
    batch = PairBatch(*[torch.empty(0)] * 2, times_s, *[torch.empty(0)] * 2, begins_s)
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert frames_inside(batch, 2.0).int().tolist() == expected
    assert frames_inside(batch, 1.0)[2].tolist() == [True, False, False, False]
    assert frames_inside(batch, 8.0)[0].all()


def test_a_frame_is_drawn_from_those_in_the_window_each_alike():
    inside = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1]]).bool()
    for chance, expected in ((0.0, [1, 0, 3]), (0.5, [2, 2, 3]), (0.999, [2, 3, 3])):
        assert chosen_frames(inside, torch.full((3,), chance)).tolist() == expected


def test_held_out_species_leave_the_pairs(folder, teacher, computed, pairs):
    found = load(folder, teacher, computed, held_out=["asio_otus"])
    assert "asio_otus" not in found.seen_species
    assert len(found.clips) == 6
    assert found.digest != pairs.digest
    assert found.taxonomy.ids == pairs.taxonomy.ids
