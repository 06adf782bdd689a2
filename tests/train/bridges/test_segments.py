"""Sound cut at the times of frames."""

import pytest

torch = pytest.importorskip("torch")
from train.bridges.segments import segments  # noqa: E402


def test_a_segment_lies_around_its_frame_and_within_the_clip():
    ramp = (
        torch.arange(100.0)[None, None, :, None] + torch.tensor([0.0, 1000.0])[:, None, None, None]
    )
    times_s = torch.tensor([[0.0, 0.5, 0.99], [0.2, 0.21, 0.7]])
    found = segments(ramp.expand(2, 1, 100, 4), times_s, length=20, rate_hz=100)
    assert found.shape == (6, 1, 20, 4)
    firsts = found[:, 0, 0, 0].tolist()
    assert firsts == [0, 40, 80, 1010, 1011, 1060]
    assert torch.equal(found[1, 0, :, 2], torch.arange(40.0, 60.0))


def test_a_segment_as_long_as_the_clip_is_the_clip():
    log_mel = torch.randn(3, 1, 30, 8, generator=torch.Generator().manual_seed(0))
    found = segments(log_mel, torch.tensor([[0.1], [0.2], [5.0]]), length=30, rate_hz=10)
    assert torch.equal(found, log_mel)
