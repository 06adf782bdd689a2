"""The frame that a sound is paired with."""

import pytest

torch = pytest.importorskip("torch")
from torch.nn.functional import normalize  # noqa: E402

from train.bridges.frame_choice import FrameChoice  # noqa: E402


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(0)
    audio = normalize(torch.randn(12, 6, generator=random), dim=1)
    return audio, normalize(torch.randn(12, 5, 6, generator=random), dim=2)


def test_frames_are_drawn_at_random_for_some_epochs_and_then_the_nearest_is_taken(batch):
    audio, frames = batch
    nearest = torch.einsum("bd,bld->bl", audio, frames).argmax(dim=1)
    choose = FrameChoice(seed=3, random_clips=30)
    random = [choose(audio, frames) for _ in range(3)]
    assert all((drawn != nearest).any() for drawn in random)
    assert not torch.equal(random[0], random[1])
    assert torch.equal(choose(audio, frames), nearest)


def test_each_frame_is_drawn_alike_and_never_chosen_by_the_sound(batch):
    audio, frames = batch
    choose = FrameChoice(seed=3, random_clips=None)
    drawn = torch.cat([choose(audio, frames) for _ in range(200)])
    shares = torch.bincount(drawn, minlength=5) / len(drawn)
    assert shares.numpy() == pytest.approx(0.2, abs=0.04)
    assert not choose.nearest


def test_it_goes_on_where_its_state_was_kept(batch):
    choose = FrameChoice(seed=3, random_clips=36)
    choose(*batch)
    state = choose.get_state()
    expected = [choose(*batch) for _ in range(4)]
    other = FrameChoice(seed=8, random_clips=36)
    other.set_state(state)
    assert all(torch.equal(other(*batch), drawn) for drawn in expected)
    assert other.nearest
