"""A small student that imitates a large one."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from train.distill import distill  # noqa: E402
from train.distillation.large_student import LargeStudent, cut  # noqa: E402
from train.distillation.losses import embedding_distillation  # noqa: E402
from train.distillation.plan import plan  # noqa: E402
from train.measure.recordings import load_recordings  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.student import embed_log_mels  # noqa: E402
from train.sound.features import FLOOR_DB, crop, fill  # noqa: E402

LITE = {"student": "cnn:mobilenetv3_small_050", "steps": 60, "pull": 0.0, "learning_rate": 4e-3}


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    monkeypatch.setattr("train.distill.CACHE", computed)


@pytest.fixture(scope="module")
def large_student(world):
    return distill(world.distillation("large_student", steps=60))


def agreement(one, other, world, cache) -> float:
    """Mean cosine of two checkpoints' embeddings of test recordings."""
    dataset = read_dataset(world.data)
    items = dataset.select("audio", "test", dataset.taxonomy.ids)
    students = [load_checkpoint(folder) for folder in (one, other)]
    recordings = load_recordings(items, students[0].input_spec, cache)
    rows = [embed_log_mels(each.student, recordings.log_mels) for each in students]
    return float((rows[0] * rows[1]).sum(dim=1).mean())


def test_a_lite_student_comes_nearer_to_the_big_one_that_it_imitates(
    world, large_student, computed
):
    alone = distill(world.distillation("alone", **LITE))
    config = world.distillation(
        "lite", **LITE, large_student=str(large_student), large_student_weight=10.0
    )
    lite = distill(config)
    found = [agreement(one, large_student, world, computed) for one in (alone, lite)]
    assert found[1] > found[0] + 0.1
    assert load_checkpoint(lite).config["large_student"] == str(large_student)


@pytest.mark.parametrize("share", [0.5, 2])
def test_a_lite_student_may_hear_other_windows(world, large_student, share):
    settings = {**LITE, "steps": 2, "window_s": 2.5 * share}
    lite = load_checkpoint(
        distill(world.distillation(f"lite-{share}", **settings, large_student=str(large_student)))
    )
    assert lite.window_samples == share * load_checkpoint(large_student).window_samples
    assert lite.audio.hop_samples == lite.window_samples // 4


def test_a_big_student_that_hears_otherwise_is_refused(world, large_student):
    config = world.distillation(
        "refused", **LITE, frame_hop_samples=960, large_student=str(large_student)
    )
    with pytest.raises(ConfigError, match="try frame_hop_samples=480"):
        distill(config)


@pytest.mark.parametrize(("frames", "starts"), [(9, (0, 1)), (16, (0, 8)), (17, (0, 4, 9))])
def test_a_longer_window_is_heard_in_even_pieces_that_cover_it(frames, starts):
    window = torch.randn(2, 1, frames, 4)
    pieces = cut(window, 8)
    assert len(starts) == pieces.shape[1]
    for n, start in enumerate(starts):
        assert torch.equal(pieces[:, n], window[:, :, start : start + 8])


def test_of_pieces_the_big_student_makes_their_mean(large_student):
    known = load_checkpoint(large_student)
    frames = known.input_spec.frames
    window = 10 * torch.randn(2, 1, 2 * frames, 64) - 50
    elder = LargeStudent(str(large_student), known.space_id, known.input_spec)
    parts = [known.student(one) for one in window.split(frames, dim=2)]
    expected = torch.nn.functional.normalize(sum(parts), dim=1)
    assert torch.nn.functional.cosine_similarity(elder(window), expected).min() > 0.999


def test_a_big_student_of_another_space_or_none_is_refused(large_student, tmp_path):
    input_spec = load_checkpoint(large_student).input_spec
    with pytest.raises(ConfigError, match="another teacher's space"):
        LargeStudent(str(large_student), "another", input_spec)
    with pytest.raises(DatasetError, match="no checkpoint here"):
        LargeStudent(str(tmp_path), "any", input_spec)


@pytest.mark.parametrize("frames", [8, 9, 16, 23])
def test_a_longer_window_is_filled_as_a_short_recording_is(frames):
    windows = torch.randn(3, 1, 8, 4)
    filled = fill(windows, frames)
    for window, one in zip(windows, filled, strict=True):
        assert torch.equal(one[0], crop(window[0], 0, frames))
    assert (filled[:, :, 8 * (frames // 8) :] == FLOOR_DB).all()


def test_embedding_distillation_is_half_the_squared_distance():
    random = torch.Generator().manual_seed(0)
    first, other = (
        torch.nn.functional.normalize(torch.randn(7, 5, generator=random), dim=1) for _ in range(2)
    )
    literal = np.mean(
        [np.square(a - b).sum() / 2 for a, b in zip(first.numpy(), other.numpy(), strict=True)]
    )
    assert embedding_distillation(first, other).item() == pytest.approx(literal, abs=1e-6)
    assert embedding_distillation(first, first).item() == pytest.approx(0, abs=1e-6)


def test_nothing_of_the_big_student_learns(large_student):
    known = load_checkpoint(large_student)
    elder = LargeStudent(str(large_student), known.space_id, known.input_spec).train()
    window = torch.randn(2, 1, known.input_spec.frames, 64, requires_grad=True)
    assert not elder(window).requires_grad
    assert not [parameter for parameter in elder.parameters() if parameter.requires_grad]


def test_a_plan_counts_the_big_students_work(world, large_student, tmp_path):
    config = world.distillation("planned", **LITE)
    alone, beside = (
        plan(replace(config, large_student=large), tmp_path)["a step"]
        for large in ("", str(large_student))
    )
    assert int(beside.split()[0]) > int(alone.split()[0])
