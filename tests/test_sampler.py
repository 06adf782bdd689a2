import pytest

torch = pytest.importorskip("torch")
from train.features import FLOOR_DB, crop, to_decibels, to_power  # noqa: E402
from train.sampler import Augmentation, WindowSampler  # noqa: E402

PLAIN = Augmentation(gain_db=0, mix=0, background=0, mask=0)


def sampler(augmentation=PLAIN, seed=0, background=()):
    features = [torch.full((40, 4), -10.0 * n).half() for n in range(1, 7)]
    return WindowSampler(features, [0, 0, 0, 0, 1, 2], background, 10, augmentation, seed)


def test_species_have_equal_shares_whatever_their_number_of_recordings():
    labels = sampler().batch(30).labels
    assert torch.bincount(labels).tolist() == [10, 10, 10]


def test_with_a_weight_shares_grow_with_the_recordings():
    features = [torch.zeros(40, 4).half()] * 6
    weighted = WindowSampler(features, [0, 0, 0, 0, 1, 2], (), 10, PLAIN, 0, weight=0.5)
    shares = torch.bincount(weighted.batch(4000).labels) / 4000
    assert torch.allclose(shares, torch.tensor([0.5, 0.25, 0.25]), atol=0.03)


def test_a_batch_says_where_its_windows_were_cut():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    features = [(steps + 100 * n).half() for n in range(3)]
    batch = WindowSampler(features, [0, 1, 1], (), 10, PLAIN, 0).batch(20)
    for window, recording, start in zip(batch.log_mel, batch.recordings, batch.starts, strict=True):
        assert window[0, 0, 0] == 100 * recording + start


def test_a_window_comes_from_a_recording_of_its_label():
    log_mel, labels, *_ = sampler().batch(60)
    assert log_mel.shape == (60, 1, 10, 4)
    levels = log_mel.mean(dim=(1, 2, 3)).round().tolist()
    allowed = {0: {-10, -20, -30, -40}, 1: {-50}, 2: {-60}}
    assert all(
        level in allowed[label] for level, label in zip(levels, labels.tolist(), strict=True)
    )


def test_the_same_seed_gives_the_same_batches():
    one, same, other = (sampler(Augmentation(), seed).batch(12)[0] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_mixing_adds_power_and_never_less_than_the_window():
    noise = [torch.full((40, 4), -50.0)]
    mixed, labels, *_ = sampler(
        Augmentation(gain_db=0, mix=0, background=1, mask=0), background=noise
    ).batch(9)
    plain = sampler().batch(9).log_mel
    assert (mixed.mean(dim=(1, 2, 3)) > plain.mean(dim=(1, 2, 3)) - 60).all()
    quietest = mixed[labels == 2]
    # -20 to -3 dB below the window adds 0.04 to 1.8 dB.
    assert ((quietest > -60) & (quietest < -58)).all()


def test_gain_shifts_every_bin_alike_and_masks_reach_the_window_floor():
    shifted = sampler(Augmentation(gain_db=8, mix=0, background=0, mask=0)).batch(6).log_mel
    assert (shifted.amax(dim=(1, 2, 3)) - shifted.amin(dim=(1, 2, 3))).max() < 1e-3
    assert shifted.std() > 0


def test_crop_tiles_a_short_clip_and_fills_the_rest_with_the_floor():
    tiled = crop(torch.arange(6.0).reshape(3, 2), 0, 8)
    assert tiled[:3].equal(tiled[3:6])
    assert (tiled[6:] == FLOOR_DB).all()


def test_decibels_and_power_are_inverse():
    levels = torch.tensor([-90.0, -30.0, 0.0, 12.0])
    assert torch.allclose(to_decibels(to_power(levels)), levels, atol=1e-4)
