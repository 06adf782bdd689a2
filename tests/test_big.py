"""A small student that imitates a big one."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from train.big import Big, cut  # noqa: E402
from train.checkpoint import load_checkpoint  # noqa: E402
from train.data.dataset import read_dataset  # noqa: E402
from train.distill import distill  # noqa: E402
from train.losses import embedding_distillation  # noqa: E402
from train.plan import plan  # noqa: E402
from train.sound.features import FLOOR_DB, crop, fill  # noqa: E402
from train.sound.recordings import load_recordings  # noqa: E402
from train.student import embed_log_mels  # noqa: E402

LITE = {"student": "cnn:mobilenetv3_small_050", "steps": 60, "pull": 0.0, "learning_rate": 4e-3}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("train.distill.CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def big(world):
    return distill(world.distillation("big", steps=60))


def agreement(one, other, world, cache) -> float:
    """Mean cosine of two checkpoints' embeddings of test recordings."""
    dataset = read_dataset(world.data)
    items = dataset.select("audio", "test", dataset.taxonomy.ids)
    students = [load_checkpoint(folder) for folder in (one, other)]
    recordings = load_recordings(items, students[0].hearing, cache)
    rows = [embed_log_mels(each.student, recordings.log_mels) for each in students]
    return float((rows[0] * rows[1]).sum(dim=1).mean())


def test_a_lite_student_comes_nearer_to_the_big_one_that_it_imitates(world, big, tmp_path):
    alone = distill(world.distillation("alone", **LITE))
    config = world.distillation("lite", **LITE, big=str(big), big_weight=10.0)
    lite = distill(config)
    found = [agreement(one, big, world, tmp_path / "cache") for one in (alone, lite)]
    assert found[1] > found[0] + 0.1
    assert load_checkpoint(lite).config["big"] == str(big)


@pytest.mark.parametrize("share", [0.5, 2])
def test_a_lite_student_may_hear_other_windows(world, big, share):
    settings = {**LITE, "steps": 2, "window_s": 2.5 * share}
    lite = load_checkpoint(distill(world.distillation(f"lite-{share}", **settings, big=str(big))))
    assert lite.window_samples == share * load_checkpoint(big).window_samples
    assert lite.audio.hop_samples == lite.window_samples // 4


def test_a_big_student_that_hears_otherwise_is_refused(world, big):
    config = world.distillation("refused", **LITE, frame_hop_samples=960, big=str(big))
    with pytest.raises(ConfigError, match="try frame_hop_samples=480"):
        distill(config)


@pytest.mark.parametrize(("frames", "starts"), [(9, (0, 1)), (16, (0, 8)), (17, (0, 4, 9))])
def test_a_longer_window_is_heard_in_even_pieces_that_cover_it(frames, starts):
    window = torch.randn(2, 1, frames, 4)
    pieces = cut(window, 8)
    assert len(starts) == pieces.shape[1]
    for n, start in enumerate(starts):
        assert torch.equal(pieces[:, n], window[:, :, start : start + 8])


def test_of_pieces_the_big_student_makes_their_mean(big):
    known = load_checkpoint(big)
    frames = known.hearing.frames
    window = 10 * torch.randn(2, 1, 2 * frames, 64) - 50
    elder = Big(str(big), known.space_id, known.hearing)
    parts = [known.student(one) for one in window.split(frames, dim=2)]
    expected = torch.nn.functional.normalize(sum(parts), dim=1)
    assert torch.nn.functional.cosine_similarity(elder(window), expected).min() > 0.999


def test_a_big_student_of_another_space_or_none_is_refused(big, tmp_path):
    hearing = load_checkpoint(big).hearing
    with pytest.raises(ConfigError, match="another teacher's space"):
        Big(str(big), "another", hearing)
    with pytest.raises(DatasetError, match="no checkpoint here"):
        Big(str(tmp_path), "any", hearing)


@pytest.mark.parametrize("frames", [8, 9, 16, 23])
def test_a_longer_window_is_filled_as_a_short_recording_is(frames):
    windows = torch.randn(3, 1, 8, 4)
    filled = fill(windows, frames)
    for window, one in zip(windows, filled, strict=True):
        assert torch.equal(one[0], crop(window[0], 0, frames))
    assert (filled[:, :, 8 * (frames // 8) :] == FLOOR_DB).all()


def test_embedding_distillation_is_half_the_squared_distance():
    random = torch.Generator().manual_seed(0)
    one, other = (
        torch.nn.functional.normalize(torch.randn(7, 5, generator=random), dim=1) for _ in range(2)
    )
    literal = np.mean(
        [np.square(a - b).sum() / 2 for a, b in zip(one.numpy(), other.numpy(), strict=True)]
    )
    assert embedding_distillation(one, other).item() == pytest.approx(literal, abs=1e-6)
    assert embedding_distillation(one, one).item() == pytest.approx(0, abs=1e-6)


def test_nothing_of_the_big_student_learns(big):
    known = load_checkpoint(big)
    elder = Big(str(big), known.space_id, known.hearing).train()
    window = torch.randn(2, 1, known.hearing.frames, 64, requires_grad=True)
    assert not elder(window).requires_grad
    assert not [one for one in elder.parameters() if one.requires_grad]


def test_a_plan_counts_the_big_students_work(world, big):
    config = world.distillation("planned", **LITE)
    alone, beside = (plan(replace(config, big=one))["a step"] for one in ("", str(big)))
    assert int(beside.split()[0]) > int(alone.split()[0])
